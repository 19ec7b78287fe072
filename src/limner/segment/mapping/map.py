"""Mapping a scene of any size: what is checked, what is written, and in which order.

How its pixels go through the network is told in `limner.segment.mapping.streaming`.
"""

import platform
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch

from limner.colors.harmonize import Harmonizer
from limner.foundation.background import Progress
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest
from limner.foundation.files.records import write_record
from limner.foundation.files.writing import alone_with
from limner.foundation.machine.memory import freed_memory_goes_back
from limner.foundation.version import __version__
from limner.scenes.bands import check_bands
from limner.scenes.caching import cache_for_rows
from limner.scenes.names import chips_folder, scene_name
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.statistics import Statistics, measure_raster
from limner.scenes.writing import build_overviews
from limner.segment.footprints.polygons import layer_name, write_polygons
from limner.segment.labels.forms import background_of
from limner.segment.mapping.options import AS_USUAL, MapOptions
from limner.segment.mapping.outputs import MapWriter, write_category_names
from limner.segment.mapping.predictions import NOTICES, Network, Predictor
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
from limner.segment.mapping.streaming import STRIP_PX, OpenScene, Passage
from limner.segment.mapping.styles import polygon_style, raster_style
from limner.segment.predicting.engines import OpenVino
from limner.segment.predicting.ensemble import Ensemble
from limner.segment.predicting.predictor import SegmentPredictor
from limner.segment.predicting.tiles import check_tiling

NORMALIZATIONS = ("run", "scene", "matched")


def map_scene(
    predictor: Predictor,
    scene: Path | str,
    out: Path | str,
    options: MapOptions = AS_USUAL,
    *,
    bands: tuple[int, ...] | None = None,
    ground_m: float | None = None,
    normalize: str = "run",
    harmonizer: Harmonizer | None = None,
    engine: OpenVino | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SceneMap:
    """`map_raster`, of a scene by its path.

    bands: numbers of the scene's bands to read, from 1, in the network's order; None for all. Raises `UserError` for a
    scene that cannot be opened, too.
    """
    with open_raster(scene, bands=bands) as raster:
        return map_raster(
            predictor, raster, Path(out), options, ground_m=ground_m, normalize=normalize, harmonizer=harmonizer,
            engine=engine, overwrite=overwrite, progress=progress,
        )  # fmt: skip


@freed_memory_goes_back()
def map_raster(
    predictor: Predictor,
    raster: Raster,
    out: Path,
    options: MapOptions = AS_USUAL,
    *,
    ground_m: float | None = None,
    normalize: str = "run",
    statistics: Statistics | None = None,
    harmonizer: Harmonizer | None = None,
    engine: OpenVino | None = None,
    overwrite: bool = False,
    cautions: Sequence[str] = (),
    progress: Progress | None = None,
) -> SceneMap:
    """Map an open scene into folder ``out``: class raster, polygons, preview, record, and probabilities when asked.

    The rasters keep the scene's reference system, transform and nodata. Everything is written under temporary names
    and renamed when all is done, the record ``<stem>_map.json`` last. The same call again finds the record and skips
    the work; another scene, model or option under the same name is refused unless ``overwrite``.

    ground_m: meters that a pixel of the scene covers, by default what its file says. normalize: by whose mean and
    deviation the scene is standardized. run: the training areas'; scene: its own; matched: those of the area whose
    colors it is brought to. statistics: with "scene", those of its place, which stand for its own. harmonizer: brings
    it to the colors of training areas before the network looks. engine: computes the network in torch's place where it
    answers alike on this scene; like the number format, it makes no other map of a finished one. cautions: lines that
    its record keeps (`limner.segment.mapping.likeness`). progress: told what is being done; without it, what the user
    must know goes to stderr.

    Raises `UserError` for a scene that has no data or another number of bands than the network, an option that cannot
    be, and an ``out`` that holds another map of that name, or this one changed by somebody.
    """
    check_tiling(options.tile_px, options.overlap_px, options.margin, predictor.stride)
    _check_normalize(normalize, harmonizer)
    check_bands(raster, predictor.channels, predictor.bands)
    scene = OpenScene(raster, raster.ground_m if ground_m is None else ground_m, statistics=statistics)
    name = scene_name(scene.path)
    request = {
        "scene": digest(chips_folder(scene.path)),
        "bands": None if raster.chosen is None else list(raster.chosen),
        "scale": round(predictor.scale, 6),
        "model": predictor.digest,
        "threshold": predictor.threshold,
        **_with_normalize(options.deciding(), normalize),
        "harmonize": None if harmonizer is None else harmonizer.method,
        "harmonize_to": None if harmonizer is None else harmonizer.to,
        **options.answers.deciding(),
        "colors": None if harmonizer is None else harmonizer.digest(),
        **({} if statistics is None else {"statistics": statistics.to_json()}),
    }
    files = MapFiles.named(
        out, name, predictor.class_names,
        probability=options.probabilities, polygons=options.polygons, entropy=options.answers.entropy,
    )  # fmt: skip
    tell = progress or _tell_stderr
    made = finished_map(files, request, overwrite)
    if made is not None and not (options.check_seams and made.seams is None):
        return made  # nothing is written, not even a lock
    with alone_with(files.record):
        made = finished_map(files, request, overwrite)  # by whom we waited for, perhaps
        if harmonizer is not None and (made is None or (options.check_seams and made.seams is None)):
            tell("measuring the scene", 0, 1)
            scene = replace(scene, colors=harmonizer.fit_raster(raster))
        if made is None:
            remove_unfinished(out, name, predictor.class_names)
            with cache_for_rows(raster, STRIP_PX):
                made = _Mapping(predictor, scene, files, options, normalize, engine, tell).run(request, tuple(cautions))
        if options.check_seams and made.seams is None:
            asked, _ = _computed(predictor, scene, made.statistics, options, engine)
            made = add_seams(made, measure_seams(asked, scene.seen, made.classes, made.statistics, options, tell))
    return made


def _with_normalize(deciding: dict[str, Any], normalize: str) -> dict[str, Any]:
    """Where records have always had it: behind the tiles."""
    names = list(deciding)
    place = names.index("margin_px") + 1
    return {name: deciding.get(name, normalize) for name in (*names[:place], "normalize", *names[place:])}


def _check_normalize(normalize: str, harmonizer: Harmonizer | None) -> None:
    if normalize not in NORMALIZATIONS:
        raise UserError(f"normalize is {normalize!r}; needed: one of {', '.join(NORMALIZATIONS)}")
    if normalize == ("matched" if harmonizer is None else "scene"):
        needed = "a way to harmonize" if harmonizer is None else "run or matched, for the scene is harmonized"
        raise UserError(f"normalize is {normalize!r}; needed: {needed}")


def _tell_stderr(message: str, done: int, total: int) -> None:
    """Without a progress display only what stands out of the routine is said."""
    if message.startswith(NOTICES):
        print(f"limner: {message}", file=sys.stderr)


def _computed(
    predictor: Predictor, scene: OpenScene, statistics: Statistics, options: MapOptions, engine: OpenVino | None
) -> tuple[Predictor, list[str]]:
    """The predictor with its networks on ``engine`` where they answer alike on this scene, and lines about it."""
    if engine is None or not isinstance(predictor, (SegmentPredictor, Ensemble)):
        return predictor, []  # whoever brings a predictor of their own computes it
    with scene.again() as raster:
        return engine.in_place_of_torch(predictor, raster, statistics, options.tile_px)


class _Mapping:
    """One scene on its way through: the steps of `map_raster` once all is checked."""

    def __init__(
        self,
        predictor: Predictor,
        scene: OpenScene,
        files: MapFiles,
        options: MapOptions,
        normalize: str,
        engine: OpenVino | None,
        progress: Progress,
    ) -> None:
        self.predictor, self.scene, self.files, self.options = predictor, scene, files, options
        self.normalize, self.engine, self.progress = normalize, engine, progress
        self.class_names = predictor.class_names
        self.background = background_of(self.class_names)
        self.splitting = options.footprints.splitting(scene.ground_m, len(self.class_names))
        learned = bool(getattr(predictor, "learned_borders", False))
        self.insides = learned and files.polygons is not None and self.splitting is not None

    def run(self, request: dict[str, Any], cautions: tuple[str, ...]) -> SceneMap:
        started = time.perf_counter()
        with ExitStack() as stack:
            temporary = self.files.temporary(stack)
            statistics = self._statistics()
            self.predictor, computed = _computed(self.predictor, self.scene, statistics, self.options, self.engine)
            for line in computed:
                self.progress(line, 0, 1)
            probability = temporary.probability
            if probability is None and temporary.polygons is not None:
                probability = self.files.working(stack)
            inside = self.files.working(stack, "insides") if self.insides else None
            pixels, nodata_px = self._write_rasters(temporary, probability, inside, statistics)
            polygon_count = self._write_polygons(temporary, probability, inside)
            self.progress("drawing the preview", 0, 1)
            colors = self.scene.colors
            write_preview(temporary.preview, self.scene.raster, temporary.classes, self.background)
            if temporary.style is not None:
                temporary.style.write_bytes(raster_style(self.class_names, self.background))
            if temporary.polygon_style is not None:
                temporary.polygon_style.write_bytes(polygon_style(self.class_names, self.background))
            result = SceneMap(
                files=self.files,
                pixels=dict(zip(self.class_names, pixels.tolist(), strict=True)),
                nodata_px=nodata_px,
                polygon_count=polygon_count,
                statistics=statistics,
                seconds=time.perf_counter() - started,
                matched=None if colors is None else colors.reference,
                cautions=cautions,
                computed=tuple(computed),
            )
            self._write_record(temporary, result, request)
            remove_former(self.files)
        return result

    def _statistics(self) -> Statistics:
        if self.normalize == "run":
            return self.predictor.statistics
        if self.scene.colors is not None:
            return self.scene.colors.statistics
        if self.scene.statistics is not None:
            return self.scene.statistics
        self.progress("measuring the scene", 0, 1)
        return measure_raster(self.scene.raster)

    def _write_rasters(
        self, temporary: MapFiles, probability: Path | None, inside: Path | None, statistics: Statistics
    ) -> tuple[np.ndarray, int]:
        """Write the rasters of classes, probabilities, entropy and insides; the pixels of each class and those without
        data."""
        raster = self.scene.seen
        with MapWriter(
            raster,
            self.class_names,
            self.predictor.threshold,
            temporary.classes,
            probability,
            winning_only=not self.options.probabilities,
            entropy=temporary.entropy,
            inside=inside,
        ) as writer:
            network = Network(self.predictor, statistics, self.options.batch, self.progress, insides=self.insides)
            passage = Passage(self.scene, network, self.options)
            if self.options.answers.crf:
                self._through_crf(passage, raster, writer)
            else:
                passage.through(raster, lambda rows: writer.write(writer.take_insides(rows)))
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

    def _through_crf(self, passage: Passage, raster: Raster, writer: MapWriter) -> None:
        """The network's answers become planes of the scene's size first: each pixel is weighed against far ones."""
        with ExitStack() as stack:
            planes = self.files.working(stack, "unsmoothed")
            count = 1 if len(self.class_names) == 2 else len(self.class_names)
            with PlaneWriter(raster, planes, count) as unsmoothed:
                passage.through(raster, lambda rows: unsmoothed.write(writer.take_insides(rows)))
            device = getattr(self.predictor, "device", torch.device("cpu"))
            with self.scene.again() as again:
                smooth(again, planes, self.options.answers.crf_settings, device, writer.write, self.progress)

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
            layer=layer_name(self.files.polygons.stem),
            minimum_area_px=footprints.minimum_px(self.scene.ground_m),
            simplify_px=footprints.simplify_px,
            squaring_px=footprints.squaring_px(self.scene.ground_m),
            splitting=self.splitting,
            inside=inside,
        )

    def _write_record(self, written: MapFiles, result: SceneMap, request: dict[str, Any]) -> None:
        told = {
            "scene": self.scene.path.name,
            **result.to_json(),
            "holds": written.contents(),
            "versions": {
                "limner": __version__,
                "torch": torch.__version__,
                "rasterio": rasterio.__version__,
                "gdal": rasterio.__gdal_version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }
        write_record(written.record, request, told)
