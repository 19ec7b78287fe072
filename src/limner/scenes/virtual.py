"""GDAL's virtual raster (VRT) over files that lie side by side on one grid, as XML text that rasterio opens.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from rasterio.enums import ColorInterp

from limner.foundation.files.names import spelled
from limner.scenes.georeference import Place

GDAL_TYPES = {
    "uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32", "float64": "Float64",
    "int8": "Int8", "int32": "Int32", "uint32": "UInt32", "int64": "Int64", "uint64": "UInt64",
}  # fmt: skip

Palette = dict[int, tuple[int, int, int, int]]


class Source(NamedTuple):
    """A file of a virtual raster. path: absolute. bands: its data bands, from 1.

    mask: what GDAL calls its mask ("mask,1", or the number of an alpha band that it does not take for the mask), or
    None where every pixel shows.
    """

    path: Path
    height: int
    width: int
    bands: tuple[int, ...]
    mask: str | None


class MosaicTile(NamedTuple):
    """A source and the column and row of the virtual raster where its first pixel lies."""

    source: Source
    column: int
    row: int


class Band(NamedTuple):
    """A band of a virtual raster: what color it is, its description or None, its nodata or None."""

    meaning: ColorInterp
    name: str | None
    nodata: float | None = None


class Form(NamedTuple):
    """What a virtual raster is like: pixels, place, type as numpy names it, bands, the one band's palette."""

    height: int
    width: int
    place: Place
    dtype: str
    bands: tuple[Band, ...]
    palette: Palette | None


def virtual_raster(form: Form, laid: Sequence[MosaicTile]) -> str:
    """The XML of a raster that shows ``laid``, later ones on top, with a mask that hides what none of them shows.

    What a source itself masks, or what is nodata in it, lets those below show.
    """
    transform = form.place.transform
    numbers = (transform.c, transform.a, transform.b, transform.f, transform.d, transform.e)
    lines = [
        f'<VRTDataset rasterXSize="{form.width}" rasterYSize="{form.height}">',
        f"<SRS>{escape(form.place.crs.to_wkt())}</SRS>",
        f"<GeoTransform>{', '.join(map(repr, numbers))}</GeoTransform>",
    ]
    for place in range(len(form.bands)):
        lines += _band(form, place, laid)
    lines.append('<MaskBand><VRTRasterBand dataType="Byte">')
    lines += [_shown(one) for one in laid]
    lines.append("</VRTRasterBand></MaskBand></VRTDataset>")
    return "\n".join(lines)


def _band(form: Form, place: int, laid: Sequence[MosaicTile]) -> Iterator[str]:
    """The band number ``place`` (from 0) with its sources."""
    meaning, name, nodata = form.bands[place]
    yield f'<VRTRasterBand dataType="{GDAL_TYPES[form.dtype]}" band="{place + 1}">'
    if name:
        yield f"<Description>{escape(name)}</Description>"
    below = "" if nodata is None else f"<NODATA>{nodata!r}</NODATA>"
    if below:
        yield f"<NoDataValue>{nodata!r}</NoDataValue>"
    yield f"<ColorInterp>{meaning.name.capitalize()}</ColorInterp>"
    if form.palette is not None:
        entries = (form.palette[number] for number in sorted(form.palette))
        colors = ('<Entry c1="{}" c2="{}" c3="{}" c4="{}"/>'.format(*color) for color in entries)
        yield f"<ColorTable>{''.join(colors)}</ColorTable>"
    for one in laid:
        own = "<UseMaskBand>true</UseMaskBand>" if _is_gdals(one.source.mask) else ""
        yield _source(one, escape(spelled(one.source.path)), str(one.source.bands[place]), below + own)
    yield "</VRTRasterBand>"


def _shown(one: MosaicTile) -> str:
    """What a source gives to the mask: its own mask, or 255 all over."""
    if one.source.mask is None:
        white = (  # a raster of nothing but its nodata: no file needs to be read for it
            f'<VRTDataset rasterXSize="{one.source.width}" rasterYSize="{one.source.height}">'
            '<VRTRasterBand dataType="Byte" band="1"><NoDataValue>255</NoDataValue></VRTRasterBand></VRTDataset>'
        )
        return _source(one, escape(white), "1", "")
    below = "<NODATA>0</NODATA>" if _is_gdals(one.source.mask) else ""
    return _source(one, escape(spelled(one.source.path)), one.source.mask, below)


def _is_gdals(mask: str | None) -> bool:
    """Whether GDAL itself takes the mask for one, so that a source lets those below show where it is masked."""
    return mask is not None and mask.startswith("mask")


def _source(one: MosaicTile, name: str, band: str, below: str) -> str:
    """One element. below: what tells pixels that let those below show."""
    kind = "ComplexSource" if below else "SimpleSource"
    size = f'xSize="{one.source.width}" ySize="{one.source.height}"'
    return (
        f'<{kind}><SourceFilename relativeToVRT="0" shared="0">{name}</SourceFilename><SourceBand>{band}</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="{one.column}" yOff="{one.row}" {size}/>{below}</{kind}>'
    )
