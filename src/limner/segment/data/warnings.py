"""What to know of a data set before training that stops none: the warnings of `limner check`.

This file imports no torch: `limner check` answers quickly.
"""

from collections.abc import Iterator, Sequence

from limner.segment.data.chips import Chip, DataSet
from limner.segment.data.findings import AreaReport
from limner.segment.labels.forms import background_of

DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
DIFFERENT_SCALES = 1.5  # ground resolutions that differ by more are worth a warning
FINE_GROUND_M, BUILDINGS_GROUND_M = 0.2, 0.3
"""Below the first, crops show little around a house; the second was measured, see docs/results/buildings.md."""
CROP_PX = 256  # of the recipes' data.crop_px


def warnings_of(areas: Sequence[AreaReport], data: DataSet) -> Iterator[str]:
    """A line for each thing that may be meant so, and often is not. areas: what was found in those of ``data``."""
    yield from _of_labels(areas, data)
    yield from _of_ground(areas)
    yield from _misnamed(data)
    yield from _mistaken_alpha(data)
    yield from _misfits(data)


def _of_labels(areas: Sequence[AreaReport], data: DataSet) -> Iterator[str]:
    background = background_of(data.class_names)
    for name in data.class_names:
        if not any(area.class_share[name] for area in areas):
            yield f"{name if name.startswith('class ') else f'class {name}'} occurs nowhere"
    for area in areas:
        if area.labelled == 0:
            hint = "; say with --within what ground is annotated" if area.labels == "polygons" else ""
            yield f"{area.name}: no labelled pixel, nothing is learned from it{hint}"
        elif background is not None and area.class_share[data.class_names[background]] == 1:
            yield f"{area.name}: all masks are empty ({data.class_names[background]} everywhere)"
        for band, (low, high) in enumerate(zip(area.low, area.high, strict=True), start=1):
            if low == high:
                yield f"{area.name}: band {band} is {low:g} everywhere"
        if data.dtype in ("uint16", "int16") and area.high and min(area.low) >= 0 and max(area.high) <= 255:
            yield f"{area.name}: {data.dtype} pixels within 0 to 255; was the scene squeezed to 8 bits?"


def _of_ground(areas: Sequence[AreaReport]) -> Iterator[str]:
    ground = [meters for area in areas for meters in area.ground_m or ()]
    if ground and max(ground) > DIFFERENT_SCALES * min(ground):
        yield f"pixels of {min(ground):.2g} to {max(ground):.2g} m on the ground; objects differ in size by as much"
    if advised_ground_m(areas) is not None:
        yield (
            f"pixels of {max(ground):.2g} m on the ground, so that a training crop of {CROP_PX} px shows "
            f"{CROP_PX * max(ground):.0f} m; maps of buildings in places never seen were much better learned at "
            f"{BUILDINGS_GROUND_M} m a pixel: add --to-ground-m {BUILDINGS_GROUND_M}"
        )


def advised_ground_m(areas: Sequence[AreaReport]) -> float | None:
    """The meters a pixel that pictures are better brought to; None where they are well as they are."""
    ground = [meters for area in areas for meters in area.ground_m or ()]
    return BUILDINGS_GROUND_M if ground and max(ground) < FINE_GROUND_M else None


def _misnamed(data: DataSet) -> Iterator[str]:
    """Files that are not what their suffix says, such as a JPEG called .tif, which holds no georeference."""
    for area in data.areas:
        found: dict[tuple[str, str], list[Chip]] = {}
        for chip in area.chips:
            suffix = chip.image.suffix.lower()
            with chip.open() as raster:
                driver = raster.dataset.driver
            if DRIVERS.get(suffix, driver) not in (driver, "GTiff" if driver == "COG" else driver):
                found.setdefault((suffix, driver), []).append(chip)
        for (suffix, driver), chips in found.items():
            more = f" and {len(chips) - 1} more" if len(chips) > 1 else ""
            yield f"{area.name}: {chips[0].image.name}{more}: named {suffix} but {driver} inside"


def _mistaken_alpha(data: DataSet) -> Iterator[str]:
    """Pictures with a fourth band that GDAL takes for transparency, see `Raster.mistaken_alpha`."""
    for area in data.areas:
        names = []
        for chip in area.chips:
            with chip.open() as raster:
                if raster.mistaken_alpha is not None:
                    names.append(chip.image.name)
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield f"{area.name}: {names[0]}{more}: band 4 is marked alpha but holds data: read as a fourth band"


def _misfits(data: DataSet) -> Iterator[str]:
    """Pictures that say where they lie, but in no way that is a grid, without a reference system, or in a wrong one."""
    for chip in data.chips:
        with chip.open() as raster:
            for wrong in filter(None, (raster.misfit, raster.not_degrees)):
                yield f"{chip.area}: {chip.name}: {wrong}"
            if raster.lacks_system:
                yield (
                    f"{chip.area}: {chip.name}: has a place, but names no reference system; "
                    "set it (gdal_edit.py -a_srs EPSG:N FILE)"
                )
