"""A whole scene written in other colors: those of a run's training areas, or of another scene.

The file stays the scene it was: grid, reference system, type, nodata, bands and their names, tiles, compression. It is
read, mapped and written by blocks, so that memory does not depend on its size.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling

from limner.colors.harmonize import Harmonizer, SceneColors, summarize_raster
from limner.colors.summary import ALL
from limner.foundation.background import BackgroundWriter, Progress
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest
from limner.foundation.files.records import Account, make_once
from limner.learning.runs.opening import is_run, open_run
from limner.scenes.bands import Bands, check_bands, parse_bands
from limner.scenes.names import chips_folder, scene_name
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Pixels, Window
from limner.scenes.writing import BLOCK_PX, RasterFile, add_overviews, explained_writing
from limner.segment.predicting.facts import read_facts
from limner.segment.training.colors import run_harmonizer

PART_PX = 2**21  # pixels in memory at once, of all bands
LOSSLESS = ("deflate", "lzw", "zstd", "lzma")
JPEG_QUALITY = 95  # once more compressed, it shall lose little more
RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


class _SceneNumbers(TypedDict):
    matched: str
    seconds: float


class _SceneTold(TypedDict):
    numbers: _SceneNumbers


@dataclass(frozen=True)
class RecoloredScene:
    """A scene in new colors.

    path: the GeoTIFF. matched: whose colors it has: a training area's name, ``all`` of them, or the other scene's name.
    skipped: it was there already, made from the same scene by the same options.
    """

    path: Path
    matched: str
    seconds: float
    skipped: bool = False


def harmonize_scene(
    scene: Path | str,
    like: Path | str,
    out: Path | str,
    *,
    method: str = "mkl",
    to: str = ALL,
    bands: Bands = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RecoloredScene:
    """Write ``scene`` in the colors of ``like`` as the GeoTIFF ``out``; the same call again finds it finished.

    Integers are rounded and cut off at the ends of the reference's type; no pixel with data becomes nodata, and those
    without keep being none. Overviews are built where the scene has some. A JPEG-compressed scene with a nodata value,
    and a scene that is no GeoTIFF, is written with deflate.

    Args:
        like: a run (its folder, ``last``, a bundled model's name), whose training areas' colors are taken, or another
        scene. method: ``mkl``, ``idt``, ``histogram`` or ``reinhard``.
        to: of a run: the name of a training area, ``all`` of them together, or the ``nearest``.
        bands: numbers of the scene's bands to write, from 1, in the order of those of ``like``; None for all.
        progress: told what is being done.

    Raises:
        UserError: the scene cannot be read, has no data, other bands than ``like``, or a type too small for its colors;
            ``out`` is no GeoTIFF's name, or holds something else and ``overwrite`` is not given.
    """
    began = time.perf_counter()
    scene, out, chosen = Path(scene), Path(out), parse_bands(bands)
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"{out}: scenes are written as GeoTIFF; give a name that ends in .tif")
    if out.exists() and scene.exists() and out.samefile(scene):
        raise UserError(f"{out}: is the scene itself; write to another --out")
    request = {
        "scene": digest(chips_folder(scene)) if scene.exists() else "",
        "like": _digest(like),
        "method": method,
        "to": to,
        "bands": None if chosen is None else list(chosen),
    }

    def make(temporary: Path) -> Account:
        with open_raster(scene, bands=chosen) as raster:
            tell = progress or (lambda message, done, total: None)
            harmonizer = _harmonizer(like, method, to, raster, tell)
            if np.promote_types(harmonizer.dtype, raster.dtype) != raster.dtype:
                raise UserError(
                    f"{scene}: holds {raster.dtype}, too small for the colors of {like} ({harmonizer.dtype}); "
                    f"convert it first (gdal_translate -ot {_gdal_type(harmonizer.dtype)} ...)"
                )
            tell("measuring the scene", 0, 1)
            colors = harmonizer.fit_raster(raster)
            _write(raster, colors, temporary, tell)
        return Account({"matched": colors.reference, "seconds": round(time.perf_counter() - began, 3)})

    made = make_once(out, request, make, overwrite=overwrite, kind=_SceneTold)
    return RecoloredScene(out, made.numbers["matched"], 0.0 if made.skipped else made.numbers["seconds"], made.skipped)


def _digest(like: Path | str) -> str:
    """Tells what colors are taken from."""
    if is_run(like):
        run = open_run(like)
        return f"{run.digest()} {run_harmonizer(run, 'mkl', ALL).digest()}"
    path = Path(like)
    if not path.exists():
        raise UserError(
            f"{like}: neither a run nor a scene; give a run's folder, a bundled model's name, or a picture file"
        )
    return digest(chips_folder(path))


def _harmonizer(like: Path | str, method: str, to: str, raster: Raster, tell: Progress) -> Harmonizer:
    """What brings ``raster`` to the colors of ``like``, whose bands are the same."""
    if is_run(like):
        run = open_run(like)
        facts = read_facts(run)
        check_bands(raster, facts.channels, facts.bands)
        return run_harmonizer(run, method, to)
    if to != ALL:
        raise UserError(f"{like} is a scene: it has no training area '{to}' to match; leave --to away")
    with open_raster(like) as other:
        if other.bands != raster.bands:
            raise UserError(
                f"{raster.path}: has {raster.bands} bands, {like} has {other.bands}; choose the scene's with --bands, "
                "or give two scenes of the same bands"
            )
        tell("measuring the other scene", 0, 1)
        name = scene_name(Path(like))
        return Harmonizer(method, name, {name: summarize_raster(other)}, other.dtype)


def _write(raster: Raster, colors: SceneColors, path: Path, tell: Progress) -> None:
    """Write all of ``raster`` in its new colors."""
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), _created(path, raster) as written:
        _describe(written.dataset, raster)
        windows = list(_parts(raster, written.dataset))
        # A band of alpha, a nodata value or NaN says where no data is; else a mask inside the file does.
        is_float, has_alpha = raster.dtype.startswith("float"), written.dataset.count > raster.bands
        masked = raster.may_lack_data and raster.nodata is None and not (is_float or has_alpha)
        with BackgroundWriter() as behind:
            for number, window in enumerate(windows):
                tell("recoloring", number, len(windows))
                behind.do(_write_part, written, window, colors, raster.read(window), _alpha(raster, window), masked)
        tell("recoloring", len(windows), len(windows))
    if factors := raster.dataset.overviews(1):
        tell("building overviews", 0, 1)
        with RasterFile(path, "r+") as written:
            add_overviews(written, factors, Resampling.average)


def _alpha(raster: Raster, window: Window) -> np.ndarray | None:
    """The alpha band of a window, (height, width), where the file has one."""
    others = [number for number in raster.dataset.indexes if number not in raster.data_bands]
    return raster.dataset.read(others[0], window=window.rasterio) if others else None


def _write_part(
    written: RasterFile, window: Window, colors: SceneColors, pixels: Pixels, alpha: np.ndarray | None, masked: bool
) -> None:
    """Write a window in its new colors, its alpha as it was,
    and which pixels are valid where the file is ``masked``.
    """
    values, valid = colors.apply(pixels)
    nodata = written.dataset.nodata
    if nodata is not None:
        values[(values == nodata) & valid] = _beside(nodata, values.dtype)
    elif np.issubdtype(values.dtype, np.floating):
        nodata = np.nan
    if nodata is not None:
        values[:, ~valid] = nodata
    numbers = list(range(1, len(values) + 1))
    written.write(values, numbers, window=window.rasterio)
    if alpha is not None:
        written.write(alpha, len(values) + 1, window=window.rasterio)
    if masked:
        written.write_mask(valid, window=window.rasterio)


def _beside(nodata: float, dtype: np.dtype) -> float:
    """The value nearest to nodata that is data."""
    if np.issubdtype(dtype, np.floating):
        return float(np.nextafter(dtype.type(nodata), dtype.type(0 if nodata else 1)))
    return nodata - 1 if nodata == np.iinfo(dtype).max else nodata + 1


def _created(path: Path, raster: Raster) -> RasterFile:
    """A new GeoTIFF in the form of the scene's file, open for writing."""
    source = raster.dataset
    bands = raster.bands + (len(raster.data_bands) < source.count)
    options: dict[str, Any] = {"crs": raster.crs, "nodata": raster.nodata, "bigtiff": "if_safer", "num_threads": 2}
    if not raster.transform.is_identity:
        options["transform"] = raster.transform
    with explained_writing(path):
        return RasterFile(
            path, driver="GTiff", height=raster.height, width=raster.width, count=bands, dtype=raster.dtype,
            **options, **_layout(raster), **_compression(raster),
        )  # fmt: skip


def _layout(raster: Raster) -> dict[str, Any]:
    """Tiles or strips, and bands apart or together, as in the file; a file of another format is given tiles."""
    source = raster.dataset
    if raster.format != "GTiff":
        return {"tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX}
    height, width = source.block_shapes[0]
    interleave = {"interleave": source.interleaving.value} if source.interleaving and raster.bands > 1 else {}
    if not _is_tiled(raster):
        return {"tiled": False, "blockysize": height, **interleave}
    return {"tiled": True, "blockxsize": width, "blockysize": height, **interleave}


def _is_tiled(raster: Raster) -> bool:
    return raster.format == "GTiff" and bool(raster.dataset.profile["tiled"])


def _compression(raster: Raster) -> dict[str, Any]:
    """The file's own compression; deflate for what cannot be kept, or would spoil nodata."""
    source = raster.dataset
    is_rgb = raster.palette is not None or (raster.bands == 3 and tuple(source.colorinterp[:3]) == RGB)
    photometric = {"photometric": "rgb" if is_rgb else "minisblack"}
    own = source.compression.value.lower() if source.compression and raster.format == "GTiff" else "deflate"
    if source.compression is None and raster.format == "GTiff":
        return photometric
    if "jpeg" in own and raster.nodata is None and raster.palette is None and raster.dtype == "uint8":
        colors = {"photometric": "ycbcr"} if is_rgb and len(raster.data_bands) == source.count else photometric
        return {"compress": "jpeg", "jpeg_quality": JPEG_QUALITY, **colors}
    predictor = 3 if raster.dtype.startswith("float") else 2
    return {"compress": own if own in LOSSLESS else "deflate", "predictor": predictor, **photometric}


def _describe(written: Any, raster: Raster) -> None:
    """Names, meanings, scales and tags of the scene and its bands; statistics of its old colors are left out."""
    source = raster.dataset
    written.update_tags(**source.tags())
    if raster.palette is not None:
        return
    places = [raster.data_bands[number - 1] for number in raster.chosen or range(1, raster.bands + 1)]
    places += [number for number in source.indexes if number not in raster.data_bands][:1]
    written.colorinterp = [source.colorinterp[place - 1] for place in places]
    written.scales = [source.scales[place - 1] for place in places]
    written.offsets = [source.offsets[place - 1] for place in places]
    for number, place in enumerate(places, start=1):
        if source.descriptions[place - 1]:
            written.set_band_description(number, source.descriptions[place - 1])
        kept = {key: value for key, value in source.tags(place).items() if not key.startswith("STATISTICS_")}
        written.update_tags(number, **kept)


def _parts(raster: Raster, written: Any) -> Iterator[Window]:
    """Windows of whole blocks of the new file that cover the scene once; whole rows where the scene has no tiles."""
    height, width = written.block_shapes[0]
    rows = max(height, PART_PX // raster.width // height * height)
    columns = raster.width
    if _is_tiled(raster):
        rows, columns = height, max(width, PART_PX // height // width * width)
    for row in range(0, raster.height, rows):
        for column in range(0, raster.width, columns):
            yield Window(row, column, min(rows, raster.height - row), min(columns, raster.width - column))


def _gdal_type(dtype: str) -> str:
    return {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}.get(dtype, "Float64")
