"""Mapping a scene of any size: it streams through the network in row bands, nothing of its size is ever held.

One thread reads the next row of tiles, the caller's runs the network, a third blends the answers and writes finished
rows. Memory is bounded by a row of tiles (tile height x scene width), the batch and the network.
"""

import platform
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch

from limner.colors.harmonize import Harmonizer, SceneColors, harmonized
from limner.foundation.background import BackgroundWriter, Progress
from limner.foundation.dependencies import digest
from limner.foundation.errors import UserError
from limner.foundation.files import alone_with
from limner.foundation.names import plain
from limner.foundation.records import write_record
from limner.foundation.version import __version__
from limner.scenes.bands import check_bands
from limner.scenes.names import chips_folder, scene_name
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.statistics import Statistics, measure_raster
from limner.scenes.writing import BLOCK_PX, build_overviews
from limner.segment.footprints.options import AS_MEASURED, FootprintOptions
from limner.segment.footprints.polygons import write_polygons
from limner.segment.labels.forms import background_of
from limner.segment.mapping.answers import PLAIN, AnswerOptions
from limner.segment.mapping.options import MARGIN, OVERLAP_PX, TILE_PX, MapOptions
from limner.segment.mapping.outputs import MapWriter, write_category_names
from limner.segment.mapping.predictions import Network, Predictor
from limner.segment.mapping.preview import write_preview
from limner.segment.mapping.record import (
    MapFiles,
    SceneMap,
    add_seams,
    finished_map,
    remove_former,
    remove_unfinished,
)
from limner.segment.mapping.seams import measure_seams
from limner.segment.mapping.smoothing import PlaneWriter, smooth
from limner.segment.mapping.streaming import read_bands
from limner.segment.predicting.blending import Blend, Rows
from limner.segment.predicting.tiles import check_tiling


def map_scene(
    predictor: Predictor,
    scene: Path | str,
    out: Path | str,
    *,
    bands: tuple[int, ...] | None = None,
    tile_px: int = TILE_PX,
    overlap_px: int = OVERLAP_PX,
    margin_px: int | None = None,
    batch: int = 4,
    normalize: str = "run",
    harmonize: Harmonizer | None = None,
    probabilities: bool = False,
    polygons: str = "gpkg",
    footprints: FootprintOptions = AS_MEASURED,
    ground_m: float | None = None,
    check_seams: bool = False,
    answers: AnswerOptions = PLAIN,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SceneMap:
    """Map a scene into folder ``out``: class raster, polygons, preview, record, and probabilities when asked.

    The rasters keep the scene's reference system, transform and nodata. Everything is written under temporary names
    and renamed when all is done, the record ``<stem>_map.json`` last. The same call again finds the record and skips
    the work; another scene, model or option under the same name is refused unless ``overwrite``.

    Args:
        bands: numbers of the scene's bands to read, from 1, in the network's order; None for all.
        tile_px, overlap_px, margin_px: pixels of the network, see `MapOptions`; the margin is three eighths of
            ``overlap_px`` unless given.
        batch: tiles the network sees at once; halved when CUDA memory runs out.
        harmonize: the scene is brought to the colors that it names before the network looks; with ``normalize``
        "matched"
            it is then standardized as the area of those colors.
        footprints: which polygons. ground_m: meters that a pixel of the scene covers, by default what its file says.
        check_seams: measure how much the tiles show, see `limner.segment.mapping.seams`, and keep it in the record.
        answers: whether probabilities go through a CRF, and whether their entropy is written; its ``tta`` is the
            predictor's own matter and only recorded here.
        progress: told what is being done; without it, what the user must know goes to stderr.

    Raises:
        UserError: the scene cannot be read, has no data or another number of bands than the network; an option
            cannot be; ``out`` holds another map of that name.
    """
    scene, out = Path(scene), Path(out)
    margin_px = int(overlap_px * MARGIN) if margin_px is None else margin_px
    options = MapOptions(
        tile_px, overlap_px, margin_px, normalize, probabilities, polygons, footprints,
        None if harmonize is None else harmonize.method, None if harmonize is None else harmonize.to,
    )  # fmt: skip
    check_tiling(tile_px, overlap_px, margin_px, predictor.stride)
    if answers.crf and check_seams:
        raise UserError(
            "--check-seams measures what the network's tiles cost, which --crf then changes; give one of them"
        )
    if batch < 1:
        raise UserError(f"batch is {batch}; needed: 1 tile or more")
    with open_raster(scene, bands=bands) as raster:
        check_bands(raster, predictor.channels, predictor.bands)
        ground_m = raster.ground_m if ground_m is None else ground_m
    request = {
        "scene": digest(chips_folder(scene)),
        "bands": None if bands is None else list(bands),
        "scale": round(predictor.scale, 6),
        "model": predictor.digest,
        "threshold": predictor.threshold,
        **asdict(options),
        **answers.deciding(),
        "colors": None if harmonize is None else harmonize.digest(),
    }
    files = MapFiles.named(
        out, scene_name(scene), predictor.class_names,
        probability=probabilities, polygons=polygons, entropy=answers.entropy,
    )  # fmt: skip
    tell = progress or _tell_stderr
    made = finished_map(files, request, overwrite)
    if made is not None and not (check_seams and made.seams is None):
        return made  # nothing is written, not even a lock
    with alone_with(files.record):
        made = finished_map(files, request, overwrite)  # by whom we waited for, perhaps
        seen = _Scene(scene, bands)
        if harmonize is not None and (made is None or (check_seams and made.seams is None)):
            tell("measuring the scene", 0, 1)
            seen = seen.harmonized(harmonize)
        if made is None:
            remove_unfinished(out, scene_name(scene), predictor.class_names)
            made = _Mapping(predictor, seen, files, options, answers, ground_m, tell).run(batch, request)
        if check_seams and made.seams is None:
            seams = measure_seams(predictor, seen.open, made.classes, made.statistics, options, tell)
            made = add_seams(made, seams)
    return made


def _tell_stderr(message: str, done: int, total: int) -> None:
    """Without a progress display only what stands out of the routine is said."""
    if message.startswith("CUDA"):
        print(f"limner: {message}", file=sys.stderr)


@dataclass(frozen=True)
class _Scene:
    """A scene as it is mapped: its bands, and the colors in which it is seen."""

    path: Path
    bands: tuple[int, ...] | None
    colors: SceneColors | None = None

    def open(self) -> Raster:
        raster = open_raster(self.path, bands=self.bands)
        return raster if self.colors is None else harmonized(raster, self.colors)

    def harmonized(self, harmonizer: Harmonizer) -> "_Scene":
        with self.open() as raster:
            return replace(self, colors=harmonizer.fit_raster(raster))


class _Mapping:
    """One scene on its way through: the steps of `map_scene` once all is checked."""

    def __init__(
        self,
        predictor: Predictor,
        scene: _Scene,
        files: MapFiles,
        options: MapOptions,
        answers: AnswerOptions,
        ground_m: float | None,
        progress: Progress,
    ) -> None:
        self.predictor, self.scene, self.files = predictor, scene, files
        self.options, self.answers = options, answers
        self.ground_m, self.progress = ground_m, progress
        self.class_names = predictor.class_names
        self.background = background_of(self.class_names)
        self.splitting = options.footprints.splitting(ground_m, len(self.class_names))
        learned = bool(getattr(predictor, "learned_borders", False))
        self.insides = learned and files.polygons is not None and self.splitting is not None

    def run(self, batch: int, request: dict[str, Any]) -> SceneMap:
        started = time.perf_counter()
        with ExitStack() as stack:
            temporary = self.files.temporary(stack)
            statistics = self._statistics()
            probability = temporary.probability
            if probability is None and temporary.polygons is not None:
                probability = self.files.working(stack)
            inside = self.files.working(stack, "insides") if self.insides else None
            pixels, nodata_px = self._write_rasters(temporary, probability, inside, statistics, batch)
            polygon_count = self._write_polygons(temporary, probability, inside)
            self.progress("drawing the preview", 0, 1)
            scene = self.scene
            write_preview(temporary.preview, scene.path, temporary.classes, self.background, scene.bands)
            result = SceneMap(
                files=self.files,
                pixels=dict(zip(self.class_names, pixels.tolist(), strict=True)),
                nodata_px=nodata_px,
                polygon_count=polygon_count,
                statistics=statistics,
                seconds=time.perf_counter() - started,
                matched=None if scene.colors is None else scene.colors.reference,
            )
            self._write_record(temporary.record, result, request)
            remove_former(self.files)
        return result

    def _statistics(self) -> Statistics:
        if self.options.normalize == "run":
            return self.predictor.statistics
        if self.scene.colors is not None:
            return self.scene.colors.statistics
        self.progress("measuring the scene", 0, 1)
        with self.scene.open() as raster:
            return measure_raster(raster)

    def _write_rasters(
        self, temporary: MapFiles, probability: Path | None, inside: Path | None, statistics: Statistics, batch: int
    ) -> tuple[np.ndarray, int]:
        """Write the rasters of classes, probabilities, entropy and insides; the pixels of each class and those without
        data."""
        with (
            self.scene.open() as raster,
            MapWriter(
                raster,
                self.class_names,
                self.predictor.threshold,
                temporary.classes,
                probability,
                winning_only=not self.options.probabilities,
                entropy=temporary.entropy,
                inside=inside,
            ) as writer,
        ):
            network = Network(self.predictor, statistics, batch, self.progress, insides=self.insides)
            if self.answers.crf:
                self._stream_through_crf(raster, writer, network)
            else:
                self._stream(raster, lambda rows: writer.write(writer.take_insides(rows)), network)
        if writer.pixels.sum() == 0:
            raise UserError(
                f"no data in {self.scene.path}: every pixel is nodata, transparent or NaN; is it the right file?"
            )
        self.progress("building overviews", 0, 1)
        build_overviews(temporary.classes)
        write_category_names(temporary.class_names, self.class_names)
        if temporary.probability is not None:
            build_overviews(temporary.probability)
        if temporary.entropy is not None:
            build_overviews(temporary.entropy)
        return writer.pixels, writer.nodata_px

    def _stream_through_crf(self, raster: Raster, writer: MapWriter, network: Network) -> None:
        with ExitStack() as stack:
            planes = self.files.working(stack, "unsmoothed")
            count = 1 if len(self.class_names) == 2 else len(self.class_names)
            with PlaneWriter(raster, planes, count) as unsmoothed:
                self._stream(raster, lambda rows: unsmoothed.write(writer.take_insides(rows)), network)
            device = getattr(self.predictor, "device", torch.device("cpu"))
            with self.scene.open() as again:  # some files can only be read from the top
                smooth(again, planes, self.answers.crf_settings, device, writer.write, self.progress)

    def _stream(self, raster: Raster, write: Callable[[Rows], None], network: Network) -> None:
        stride, scale = self.predictor.stride, self.predictor.scale
        rows, columns = (self.options.axis(length, stride, scale) for length in (raster.height, raster.width))
        is_binary = len(self.class_names) == 2
        planes = (1 if is_binary else len(self.class_names)) + self.insides
        blend = Blend(rows, columns, planes, BLOCK_PX)
        with BackgroundWriter() as behind, closing(read_bands(raster, rows, columns)) as bands:
            for index, band in enumerate(bands):
                self.progress("mapping", index, len(rows.origins))
                behind.do(blend.mark_valid, index, band.valid)
                for chosen, answers in network.answers(band, columns):
                    behind.do(blend.add, index, chosen, answers[:, 1:] if is_binary else answers)
                behind.do(lambda index=index: write(blend.take(index)))
        self.progress("mapping", len(rows.origins), len(rows.origins))

    def _write_polygons(self, temporary: MapFiles, probability: Path | None, inside: Path | None) -> int | None:
        if temporary.polygons is None or probability is None or self.files.polygons is None:
            return None
        self.progress("drawing polygons", 0, 1)
        footprints = self.options.footprints
        one_band = len(self.class_names) == 2 or not self.options.probabilities
        bands = {
            number: 1 if one_band else number + 1
            for number in range(len(self.class_names))
            if number != self.background
        }
        return write_polygons(
            temporary.polygons,
            temporary.classes,
            probability,
            bands,
            self.class_names,
            layer=plain(self.files.polygons.stem),
            minimum_area_px=footprints.minimum_px(self.ground_m),
            simplify_px=footprints.simplify_px,
            splitting=self.splitting,
            inside=inside,
        )

    def _write_record(self, path: Path, result: SceneMap, request: dict[str, Any]) -> None:
        told = {
            "scene": self.scene.path.name,
            **result.to_json(),
            "versions": {
                "limner": __version__,
                "torch": torch.__version__,
                "rasterio": rasterio.__version__,
                "gdal": rasterio.__gdal_version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }
        write_record(path, request, told)
