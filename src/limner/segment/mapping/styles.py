"""Styles in QGIS's own format beside a map's files: classes with their names and colors, the background transparent.

QGIS loads ``<file>.qml`` with the file of that name (QGIS documentation, "QML - The QGIS Style File Format"). A
symbol's properties stand there twice: as QGIS writes them since 3.26, and as it wrote them before.
"""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from limner.foundation.files.writing import as_utf8
from limner.reporting.pictures import class_colors

VERSION = "3.28.0"
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
FILL_ALPHA = 110
"""Of 255: the scene is to be seen through what is found in it."""
OUTLINE_MM = "0.3"


def raster_style(class_names: Sequence[str], background: int | None) -> bytes:
    """The style of a class raster: a palette, of which the ``background`` (None: there is none) is transparent."""
    root = Element("qgis", version=VERSION, styleCategories="Symbology")
    pipe = SubElement(root, "pipe")
    shown = {"type": "paletted", "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": ""}
    renderer = SubElement(pipe, "rasterrenderer", shown)
    SubElement(renderer, "rasterTransparency")
    palette = SubElement(renderer, "colorPalette")
    for number, (name, color) in enumerate(_named_colors(class_names)):
        alpha = "0" if number == background else "255"
        SubElement(palette, "paletteEntry", value=str(number), label=name, color=_hex(color), alpha=alpha)
    SubElement(root, "blendMode").text = "0"
    return _written(root)


def polygon_style(class_names: Sequence[str], background: int | None) -> bytes:
    """The style of a map's polygons: a fill one can see through and an outline for each class, by ``class_name``."""
    root = Element("qgis", version=VERSION, styleCategories="Symbology|MapTips")
    renderer = SubElement(root, "renderer-v2", type="categorizedSymbol", attr="class_name", symbollevels="0")
    categories, symbols = SubElement(renderer, "categories"), SubElement(renderer, "symbols")
    for number, (name, color) in enumerate(_named_colors(class_names)):
        if number == background:
            continue
        place = str(len(symbols))
        SubElement(categories, "category", value=name, label=name, symbol=place, render="true", type="string")
        _fill(SubElement(symbols, "symbol", type="fill", name=place, alpha="1", clip_to_extent="1"), color)
    SubElement(root, "previewExpression").text = '"class_name"'
    return _written(root)


def _fill(symbol: Element, color: Sequence[int]) -> None:
    layer = SubElement(symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0")
    rgb = ",".join(map(str, color))
    properties = {
        "color": f"{rgb},{FILL_ALPHA}", "style": "solid", "outline_color": f"{rgb},255", "outline_style": "solid",
        "outline_width": OUTLINE_MM, "outline_width_unit": "MM", "joinstyle": "miter",
    }  # fmt: skip
    options = SubElement(layer, "Option", type="Map")
    for name, value in properties.items():
        SubElement(options, "Option", name=name, value=value, type="QString")
        SubElement(layer, "prop", k=name, v=value)


def _named_colors(class_names: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    yield from zip(class_names, class_colors(len(class_names)).tolist(), strict=True)


def _hex(color: Sequence[int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in color)


def _written(root: Element) -> bytes:
    indent(root)
    return as_utf8(DOCTYPE + tostring(root, encoding="unicode") + "\n")
