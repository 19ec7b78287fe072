"""A folder of georeferenced chips as one raster: a virtual mosaic (GDAL's VRT) in memory, nothing is copied.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import RASTERS, ends_with
from limner.scenes import alpha, georeference, validity
from limner.scenes.georeference import Place
from limner.scenes.map_tiles import tiles_below
from limner.scenes.names import IMAGES, chips_folder
from limner.scenes.opening import DATA_TYPES, common_type, open_dataset, reason
from limner.scenes.virtual import Band, Form, MosaicTile, Palette, Source, virtual_raster

SIZE_TOLERANCE = 1e-3  # of a pixel's size
GRID_TOLERANCE_PX = 0.1
SPARSEST = 1e-3  # share of the mosaic that its chips cover: below, they are chips of places far apart
PLAIN = (ColorInterp.gray, ColorInterp.palette, ColorInterp.red, ColorInterp.green, ColorInterp.blue)

Listing = tuple[tuple[str, int, int], ...]


class _Chip(NamedTuple):
    """What a chip's file says. offset: (column, row) of its corner on the first chip's grid."""

    source: Source
    place: Place
    dtype: str
    nodata: tuple[float | None, ...]
    meanings: tuple[ColorInterp, ...]
    names: tuple[str | None, ...]
    palette: Palette | None
    offset: tuple[int, int] = (0, 0)


def open_mosaic(folder: Path, types: Sequence[str] = DATA_TYPES) -> Any:
    """All chips of a folder (or of its ``images/``) as one rasterio dataset, to be closed by the caller.

    A chip lies where its georeference says, else where its name does (`georeference.place_by_name`), else where the
    picture of the same stem in the folder ``images/`` beside this one does, as masks need. Where chips overlap, later
    names lie on top; what no chip covers is masked, and so is what the chips themselves mask. Palettes keep their
    numbers.

    Raises:
        UserError: for a folder without pictures; naming the file for one without a place, one that cannot be read, and
            one of another reference system, resolution, grid, type, nodata or other bands than the first.
    """
    chips = chips_folder(folder)
    beside = chips.parent / IMAGES
    pictures = beside if beside.is_dir() and not beside.samefile(chips) else None
    xml = _described(
        chips, chips.resolve(), _listing(chips), pictures, _listing(pictures) if pictures else (), tuple(types)
    )
    try:
        return rasterio.open(xml)
    except RasterioError as error:
        raise UserError(f"{folder}: its chips cannot be read as one scene ({reason(error)})") from None


def _listing(folder: Path) -> Listing:
    """Names, times of change and sizes of a folder's pictures, sorted by name.

    Without any of its own, the tiles ``X/Y.png`` or ``Z/X/Y.png`` in it. Raises `UserError` for those of several zooms.
    """
    paths = [
        path
        for path in folder.iterdir()
        if ends_with(path, RASTERS) and not path.name.startswith(".") and path.is_file()
    ]
    paths = paths or tiles_below(folder)
    zooms = sorted({path.parent.parent for path in paths}) if paths and paths[0].parent != folder else []
    if len(zooms) > 1:
        raise UserError(
            f"{folder}: holds tiles of several zooms ({', '.join(zoom.name for zoom in zooms)}); name the folder of "
            f"one, such as {zooms[-1]}"
        )
    found = []
    for path in paths:
        stat = path.stat()
        found.append((path.relative_to(folder).as_posix(), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))


@lru_cache(maxsize=16)
def _described(
    folder: Path, resolved: Path, listing: Listing, pictures: Path | None, pictured: Listing, types: tuple[str, ...]
) -> str:
    """The mosaic of a folder as a VRT; chips are looked into once for each state of their files.

    resolved: the folder's absolute path; listing, pictured: what it and the folder of its masks' pictures hold.
    """
    if not listing:
        raise UserError(
            f"{folder}: is a folder without pictures; name a scene, a folder of georeferenced chips, or one of "
            "map tiles Z/X/Y.png"
        )
    pictures_of = {Path(name).with_suffix(""): pictures / name for name, *_ in pictured} if pictures else {}
    chips: list[_Chip] = []
    for name, *_ in listing:
        chip = _look_into(folder / name, resolved / name, pictures_of.get(Path(name).with_suffix("")), types)
        chips.append(_fitted(chip, chips[0], folder) if chips else chip)
    return _assembled(folder, chips)


def _look_into(path: Path, resolved: Path, picture: Path | None, types: tuple[str, ...]) -> _Chip:
    """A chip's file. path: as the user names it; picture: the one whose mask it may be."""
    with open_dataset(path, types) as dataset:
        place = georeference.place_of(path, dataset) or _place_of_picture(picture, dataset.height, dataset.width)
        if place is None:
            raise UserError(
                f"{path}: has no georeference, so its folder is not one scene; name the pictures one by one, "
                "or give GeoTIFFs or tiles named z<ZOOM>_<X>_<Y>, OAM-<X>-<Y>-<ZOOM> or <ZOOM>/<X>/<Y>"
            )
        mistaken = alpha.mistaken_alpha(path, dataset)
        bands = alpha.data_bands(dataset, mistaken)
        meanings = tuple(_meaning(dataset.colorinterp[number - 1]) for number in bands)
        mask = None
        if mistaken is None and MaskFlags.per_dataset in dataset.mask_flag_enums[0]:
            mask = "mask,1"
        elif len(bands) < dataset.count:
            mask = str(next(number for number in dataset.indexes if number not in bands))
        return _Chip(
            Source(resolved, dataset.height, dataset.width, bands, mask),
            place,
            common_type(dataset.dtypes),
            validity.nodata_of(dataset, bands),
            meanings,
            tuple(dataset.descriptions[number - 1] for number in bands),
            dataset.colormap(1) if meanings == (ColorInterp.palette,) else None,
        )


def _meaning(meaning: ColorInterp) -> ColorInterp:
    """What a data band is, in the words of a VRT; one that is only marked alpha is nothing special."""
    return meaning if meaning in PLAIN else ColorInterp.undefined


def _place_of_picture(picture: Path | None, height: int, width: int) -> Place | None:
    """Where a mask of ``height`` x ``width`` lies: on the ground of its picture."""
    if picture is None:
        return None
    with open_dataset(picture) as dataset:
        place = georeference.place_of(picture, dataset)
        if place is None:
            return None
        return Place(place.crs, georeference.scaled(place.transform, dataset.height / height, dataset.width / width))


def _fitted(chip: _Chip, first: _Chip, folder: Path) -> _Chip:
    """The chip with its offset on the first one's grid; a `UserError` where it cannot lie there."""
    name, other = folder / chip.source.path.name, first.source.path.name
    for what, mine, others, advice in (
        ("reference system", chip.place.crs, first.place.crs, "bring them to one (gdalwarp -t_srs ...)"),
        ("bands", len(chip.source.bands), len(first.source.bands), "all chips need the same bands"),
        ("type", chip.dtype, first.dtype, "bring them to one (gdal_translate -ot ...)"),
        ("nodata", _told(chip.nodata), _told(first.nodata), "bring them to one (gdal_edit.py -a_nodata ...)"),
    ):
        if mine != others:
            raise UserError(f"{name}: {what} {mine}, but {other} has {others}; {advice}")
    mine, others = (np.reshape(one.place.transform[:6], (2, 3)) for one in (chip, first))
    size = float(np.hypot(*others[:, 0]))
    if np.abs(mine[:, :2] - others[:, :2]).max() > SIZE_TOLERANCE * size:
        raise UserError(
            f"{folder}: holds chips of several resolutions ({name.name}: {np.hypot(*mine[:, 0]):.4g} and {other}: "
            f"{size:.4g} a pixel); put each zoom in a folder of its own, or bring them to one (gdalwarp -tr ...)"
        )
    offset = np.linalg.solve(others[:, :2], mine[:, 2] - others[:, 2])
    off = float(np.abs(offset - offset.round()).max())
    if off > GRID_TOLERANCE_PX:
        raise UserError(
            f"{name}: lies {off:.2f} pixels beside the grid of {other}; bring the chips to one grid (gdalwarp -tap "
            "-tr ...)"
        )
    return chip._replace(offset=(round(offset[0]), round(offset[1])))


def _told(nodata: tuple[float | None, ...]) -> str:
    """The nodata of a chip's bands in words, once where all have the same."""
    values = [str(value) for value in nodata]
    return ", ".join(values[:1] if len(set(values)) == 1 else values)


def _assembled(folder: Path, chips: list[_Chip]) -> str:
    """The VRT over chips that fit."""
    first = chips[0]
    west, north = (min(chip.offset[axis] for chip in chips) for axis in (0, 1))
    width = max(chip.offset[0] + chip.source.width for chip in chips) - west
    height = max(chip.offset[1] + chip.source.height for chip in chips) - north
    covered = sum(chip.source.height * chip.source.width for chip in chips)
    if covered < SPARSEST * height * width:
        raise UserError(
            f"{folder}: its chips lie far apart (they cover {100 * covered / (height * width):.2g} % of {height} x "
            f"{width} "
            "pixels); put each place in a folder of its own"
        )
    whole = all(chip.palette == first.palette for chip in chips)
    meanings = first.meanings if whole else (ColorInterp.undefined,)
    form = Form(
        height,
        width,
        Place(first.place.crs, georeference.shifted(first.place.transform, west, north)),
        first.dtype,
        tuple(Band(*band) for band in zip(meanings, first.names, first.nodata, strict=True)),
        first.palette if whole else None,
    )
    return virtual_raster(
        form, [MosaicTile(chip.source, chip.offset[0] - west, chip.offset[1] - north) for chip in chips]
    )
