"""Styles that QGIS loads beside a map: every class by name and color, the background not to be seen."""

from xml.etree import ElementTree

import pytest

from limner.reporting.pictures import class_colors
from limner.segment.mapping.styles import DOCTYPE, polygon_style, raster_style

NAMES = ("background", 'roof "red" & <old>', "Straße")


def parsed(style: bytes) -> ElementTree.Element:
    assert style.decode("utf-8").startswith(DOCTYPE)
    root = ElementTree.fromstring(style)
    assert root.tag == "qgis"
    assert root.get("version", "").startswith("3.")
    return root


@pytest.mark.parametrize("background", [0, 2, None])
def test_the_palette_names_every_class_and_hides_the_background(background: int | None) -> None:
    (renderer,) = parsed(raster_style(NAMES, background)).iter("rasterrenderer")
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    entries = list(renderer.iter("paletteEntry"))
    assert [entry.get("value") for entry in entries] == ["0", "1", "2"]
    assert [entry.get("label") for entry in entries] == list(NAMES)
    hidden = [number for number, entry in enumerate(entries) if entry.get("alpha") == "0"]
    assert hidden == ([] if background is None else [background])
    colors = [bytes.fromhex((entry.get("color") or "").removeprefix("#")) for entry in entries]
    assert [list(color) for color in colors] == class_colors(3).tolist()


def test_polygons_are_told_apart_by_the_name_of_their_class() -> None:
    root = parsed(polygon_style(NAMES, 0))
    (renderer,) = root.iter("renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "class_name")
    categories = list(renderer.iter("category"))
    assert [category.get("value") for category in categories] == list(NAMES[1:])
    assert [category.get("label") for category in categories] == list(NAMES[1:])
    symbols = {symbol.get("name"): symbol for symbol in renderer.iter("symbol")}
    assert set(symbols) == {category.get("symbol") for category in categories}
    for category, color in zip(categories, class_colors(3).tolist()[1:], strict=True):
        (layer,) = symbols[category.get("symbol")].iter("layer")
        assert layer.get("class") == "SimpleFill"
        now = {each.get("name"): each.get("value") for each in layer.iter("Option") if each.get("name")}
        before = {each.get("k"): each.get("v") for each in layer.iter("prop")}
        assert now == before
        *rgb, alpha = map(int, (now["color"] or "").split(","))
        assert rgb == color
        assert 0 < alpha < 255
        assert [int(value) for value in (now["outline_color"] or "").split(",")] == [*color, 255]
    assert root.findtext("previewExpression") == '"class_name"'
