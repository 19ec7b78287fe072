"""Many scenes in one command: the failure of one does not stop the rest, and a table tells what became of each."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.writing import write_text
from limner.foundation.machine.disk import DiskFullError
from limner.foundation.progress import say
from limner.learning.options import make_options
from limner.scenes.names import scene_name
from limner.segment.mapping.map_scenes import Job, Runs, look_at, make_job
from limner.segment.mapping.options import PLAIN, SegmentOptions
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
    overwrite: bool = False, **options: Any,
) -> list[Mapped]:  # fmt: skip
    """Map scenes as `limner.map_scenes` does, one after the other; what cannot be mapped is told, and the others are.

    ``scenes.csv`` in ``out`` has a row for each. A call that was killed goes on where it stopped: finished maps are
    not made again. Raises `UserError` for a run or an option that cannot be, and for a full disk.
    """
    chosen = make_options(SegmentOptions, options, "limner segment")
    return map_many_with(run, [Path(scene) for scene in scenes], Path(out), chosen, device=device, overwrite=overwrite)


def map_many_with(
    run: Runs, scenes: Sequence[Path], out: Path, options: SegmentOptions = PLAIN, *, device: str = "auto",
    overwrite: bool = False,
) -> list[Mapped]:  # fmt: skip
    """`map_many`, with the options as an instance of their dataclass."""
    job = make_job(run, out, options, device=device, overwrite=overwrite)
    tiles = options.mapping
    check_tiling(tiles.tile_px, tiles.overlap_px, tiles.margin, job.predictor.stride)  # or each scene would tell it
    twice = Counter(scene_name(scene) for scene in scenes)
    done: list[Mapped] = []
    for number, scene in enumerate(scenes, start=1):
        mapped = _map_one(job, scene, options, twice[scene_name(scene)] > 1)
        done.append(mapped)
        if mapped.error is not None:
            say(f"{scene.name}: failed: {mapped.error}")
        say(f"{number} of {len(scenes)} scenes{_counted(done)}")
        write_text(out / TABLE, table(done))
    return done


def _map_one(job: Job, scene: Path, options: SegmentOptions, has_namesake: bool) -> Mapped:
    try:
        if not scene.exists():
            raise UserError(f"{scene}: no such scene")
        if has_namesake:
            raise UserError(f"{scene}: another scene of the list is called {scene_name(scene)}, too; rename one")
        with ExitStack() as stack:
            return Mapped(scene, job.run(look_at(stack, job, scene, options.scene, 0)))
    except DiskFullError:
        raise  # it would be so for all that follow
    except UserError as error:
        return Mapped(scene, error=str(error))
    except (
        Exception
    ) as error:  # a fault of ours, or of a library on a strange file: the rest need not wait for its cure
        return Mapped(scene, error=" ".join(f"{type(error).__name__}: {error}".split()))


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
