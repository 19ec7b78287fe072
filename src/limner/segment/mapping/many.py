"""Many scenes in one command, here or spread over workers: the failure of one does not stop the rest, and a table tells
what became of each."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.writing import write_text
from limner.foundation.machine.workers.attempt import Begin
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import spread
from limner.foundation.progress import say
from limner.learning.options import make_options
from limner.scenes.names import scene_name
from limner.segment.mapping.map_scenes import Job, Runs, look_at, make_job
from limner.segment.mapping.options import PLAIN, SceneOptions, SegmentOptions
from limner.segment.mapping.place import Place
from limner.segment.mapping.record import SceneMap
from limner.segment.predicting.tiles import check_tiling

TABLE = "scenes.csv"
"""In the folder of the maps: a row for each scene, kept up to date while they are mapped."""


@dataclass(frozen=True)
class Mapped:
    """What became of a scene: its map, or why there is none, in one line."""

    scene: Path
    made: SceneMap | None = None
    error: str | None = None

    @property
    def state(self) -> str:
        """mapped, "was there", or failed."""
        if self.made is None:
            return "failed"
        return "was there" if self.made.skipped else "mapped"

    def report(self) -> dict[str, Any]:
        """As `SceneMap.report`; of a failure the scene and the error."""
        told = {"scene": str(self.scene), "state": self.state}
        return {**told, "error": self.error} if self.made is None else {**told, **self.made.report()}


def map_many(
    run: Runs, scenes: Sequence[Path | str], out: Path | str = "maps", *, device: str = "auto",
    overwrite: bool = False, workers: int | str | None = None, ray_address: str | None = None, **options: Any,
) -> list[Mapped]:  # fmt: skip
    """Map scenes as `limner.map_scenes` does, one after the other; what cannot be mapped is told, and the others are.

    workers: a number of processes, or ``ray``, among which the scenes are spread; the maps are the same. ray_address:
    of the cluster, see `limner.foundation.machine.workers.options.WorkerOptions`. options: those of
    `limner.map_scenes`; with ``one_place`` all scenes are looked at before the first is mapped, and one that cannot be
    stops the call.

    ``scenes.csv`` in ``out`` has a row for each. A call that was killed goes on where it stopped: finished maps are
    not made again. Raises `UserError` for a run or an option that cannot be, and for a full disk.
    """
    chosen = make_options(SegmentOptions, options, "limner segment")
    return map_many_with(
        run, [Path(scene) for scene in scenes], Path(out), chosen, device=device, overwrite=overwrite,
        workers=WorkerOptions(workers, ray_address),
    )  # fmt: skip


def map_many_with(
    run: Runs, scenes: Sequence[Path], out: Path, options: SegmentOptions = PLAIN, *, device: str = "auto",
    overwrite: bool = False, workers: WorkerOptions = ALONE,
) -> list[Mapped]:  # fmt: skip
    """`map_many`, with the options as instances of their dataclasses."""
    job = make_job(run, out, options, device=device, overwrite=overwrite)
    if options.scene.one_place:
        job = _at_place(job, scenes, options.scene)
    else:
        job.say_thresholds_differ(len(scenes))
    tiles = options.mapping
    check_tiling(tiles.tile_px, tiles.overlap_px, tiles.margin, job.predictor.stride)  # or each scene would tell it
    names = Counter(scene_name(scene) for scene in scenes)
    items = [(scene, names[scene_name(scene)] > 1) for scene in scenes]
    if workers.spread:
        begin: Begin[tuple[Path, bool], SceneMap] = partial(
            begin_mapping, run, out, options, device, overwrite, job.place
        )
    else:
        begin = partial(_mapping, job, options.scene)
    done: dict[int, Mapped] = {}
    for number, answer in spread(begin, items, workers, device=device):
        scene = scenes[number]
        done[number] = Mapped(scene, answer.result, answer.error)
        if answer.error is not None:
            say(f"{scene.name}: failed: {answer.error}")
        say(f"{len(done)} of {len(scenes)} scenes{_counted(list(done.values()))}")
        write_text(out / TABLE, table(_in_order(done)))
    return _in_order(done)


def begin_mapping(
    run: Runs, out: Path, options: SegmentOptions, device: str, overwrite: bool, place: Place | None = None
) -> Callable[[tuple[Path, bool]], SceneMap]:
    """What a worker maps scenes with. place: what all scenes share, where they were looked at together."""
    job = make_job(run, out, options, device=device, overwrite=overwrite)
    return _mapping(replace(job, place=place), options.scene)


def _at_place(job: Job, scenes: Sequence[Path], looking: SceneOptions) -> Job:
    """The job for scenes of one place. All of them decide, so one that cannot be looked at is told at once."""
    with ExitStack() as stack:
        return job.at_place([look_at(stack, job, scene, looking, number) for number, scene in enumerate(scenes)])


def _mapping(job: Job, looking: SceneOptions) -> Callable[[tuple[Path, bool]], SceneMap]:
    """Maps one scene, of which is told whether another of the list has its name."""

    def work(item: tuple[Path, bool]) -> SceneMap:
        scene, has_namesake = item
        if not scene.exists():
            raise UserError(f"{scene}: no such scene")
        if has_namesake:
            raise UserError(f"{scene}: another scene of the list is called {scene_name(scene)}, too; rename one")
        with ExitStack() as stack:
            return job.run(look_at(stack, job, scene, looking, 0))

    return work


def _in_order(done: Mapping[int, Mapped]) -> list[Mapped]:
    return [done[number] for number in sorted(done)]


def _counted(done: Sequence[Mapped]) -> str:
    counts = Counter(each.state for each in done)
    return "".join(f", {count} {state}" for state, count in counts.items())


def table(done: Sequence[Mapped]) -> str:
    """``scenes.csv``: scene, state, seconds, share of each class, polygons, class raster, error."""
    classes = list(dict.fromkeys(name for each in done if each.made for name in each.made.shares))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["scene", "state", "seconds", *(f"share of {name}" for name in classes), "polygons", "map", "error"])
    for each in done:
        made = each.made
        if made is None:
            rows.writerow([each.scene, each.state, "", *("" for _ in classes), "", "", each.error])
        else:
            shares = [f"{made.shares.get(name, 0):.6f}" for name in classes]
            polygons = "" if made.polygon_count is None else made.polygon_count
            rows.writerow([each.scene, each.state, f"{made.seconds:.1f}", *shares, polygons, made.classes, ""])
    return text.getvalue()
