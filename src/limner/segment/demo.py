"""`limner demo`: the segment room's story on bundled real places, with each real command before it runs.

Train on places in Kampala and Dubai, map a scene of Banepa, which the network never saw, with the training areas'
colors and with its own, refine on a small annotated part, map again, and put it all into one report.
"""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from limner.foundation.files.writing import make_folder
from limner.foundation.progress import say
from limner.learning.train import Training, train
from limner.reporting.bundled import PLACES, add_sources
from limner.reporting.pictures import captioned_rows, error_map, overlay, to_display
from limner.reporting.report import Report
from limner.scenes.rasters import Window, open_raster
from limner.segment.data.annotation import ANNOTATED_FILE
from limner.segment.footprints.outlines import draw_outlines
from limner.segment.labels.reader import IGNORE
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.mapping.record import SceneMap
from limner.segment.refining.refine import Refinement, refine
from limner.segment.training.report import SCORE_COLUMNS, score_row

LEARNED = (
    "kampala-1",
    "kampala-2",
    "kampala-3",
    "kampala-4",
    "kampala-5",
    "dubai-1",
    "dubai-3",
    "dubai-5",
    "dubai-6",
    "dubai-8",
)
SCENE, TRUTH = Path("banepa/images/banepa.tif"), Path("banepa/masks/banepa.tif")
BUILDINGS = Path("banepa/buildings.geojson")
"""The same truth as polygons: only they tell roofs apart that touch."""
GROUND = ("--data.to-ground-m", "0.3")
"""At the 0.15 m of the drone's pictures a crop shows little around a house."""
REFINE = ("--epochs", "2")
FOOTPRINTS_PX = 420
FRACTION = 0.07
SHOWN_PX = 1024
CELL_PX = 420
ERROR_KEY = "found green, invented red, missed blue; the annotated ground is hatched."


@dataclass(frozen=True)
class Story:
    """What the demo made: the training, the three maps of the unseen scene, the refinement."""

    training: Training
    plain: SceneMap
    normalized: SceneMap
    refinement: Refinement
    refined: SceneMap


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: a few steps only, to see that all works; its scores mean nothing.
    """
    places = make_folder(out) / "places"
    if not places.exists():
        shutil.copytree(PLACES, places)
    scene, truth, run, refined = places / SCENE, places / TRUTH, out / "run", out / "refined"
    buildings = places / BUILDINGS
    few = ["--steps-per-epoch", "2", "--epochs", "1"] if quick else []
    data = [places / name for name in LEARNED]

    _announce("1. Learn from ten areas in Kampala and Dubai, at 0.3 m a pixel where the ground is known.")
    _show("train", "segment/demo", *(f"--data={path}" for path in data), *GROUND, "--out", run, *few)
    training = train("segment/demo", data=data, out=run, overrides=[*GROUND, *few])

    _announce(
        "2. Map Banepa, Nepal, which it never saw: as it is, then by its own colors, with a threshold chosen for it."
    )
    _show("segment", run, scene, "--normalize", "run", "--out", out / "plain")
    (plain,) = map_scenes(run, [scene], out / "plain", normalize="run")
    _show("segment", run, scene, "--normalize", "scene", "--threshold", "auto", "--out", out / "normalized")
    (normalized,) = map_scenes(run, [scene], out / "normalized", normalize="scene", threshold="auto")

    _announce(f"3. Annotate {FRACTION:.0%} of the scene by its buildings' outlines and go on learning there.")
    steps = few or list(REFINE)
    _show("refine", run, scene, "--fraction", FRACTION, "--truth", buildings, "--out", refined, *steps)
    refinement = refine(run, scene, fraction=FRACTION, truth=buildings, out=refined, overrides=steps)
    if refinement.stopped:
        raise SystemExit(refinement.stopped.exit_code)

    _announce("4. Map again with the refined network.")
    _show("segment", refined, scene, "--out", out / "maps")
    (again,) = map_scenes(refined, [scene], out / "maps")

    story = Story(training, plain, normalized, refinement, again)
    report = demo_report(story, scene, truth, buildings, out).write(out / "report.html")
    print(refinement.comparison)
    say(f"\nThe whole story in pictures: {report}\nPolygons for a map: {again.polygons}")
    say("Now with your own: limner check YOUR_FOLDER, then limner train segment/modern --data YOUR_FOLDER")
    return report


def demo_report(story: Story, scene: Path, truth: Path, buildings: Path, out: Path) -> Report:
    """The story as a page: scores on the same pixels, maps and errors beside each other, polygons, commands."""
    refinement = story.refinement
    rows = {**refinement.before, "refined": refinement.after}
    report = Report("limner demo", "Mapping buildings in a place that no training picture came from")
    constants = next(iter(refinement.before.values())).constants()
    best = max((item.mean().f1 or 0.0, name) for name, item in constants.items())
    after = refinement.after.mean().f1 if refinement.after else None
    report.facts(
        {
            "F1 refined": after,
            f"F1 of '{best[1]}'": best[0],
            "buildings drawn": story.refined.polygon_count,
            "annotated": f"{FRACTION:.0%}",
        }
    )
    report.section("What was done").text(
        "A small network learned from ten areas in Kampala and Dubai, at 0.3 m a pixel where the ground is known. It "
        "then mapped a drone scene of Banepa, Nepal, "
        "which it had never seen: first standardized by the colors of the training areas, then by the scene's own, "
        "with the threshold that its probabilities promise most of. "
        f"Last, the buildings on {FRACTION:.0%} of the scene were outlined, the network went on learning there, and "
        "the scene was mapped again."
    )
    report.section("Scores on the ground that was not annotated")
    table = [score_row(name, item.mean()) for name, item in rows.items() if item]
    table += [score_row(name, item.mean()) for name, item in constants.items()]
    report.table(
        ("map", *SCORE_COLUMNS),
        table,
        "All rows on the same pixels. Accuracy says little: look at F1.",
        best=("F1", "IoU"),
    )
    if refinement.decision is not None:
        line = refinement.decision.line
        report.text(f"Before that, without the rest of the truth, refining told: {line}.")
    _add_footprints(report, story, scene, buildings)
    _add_pictures(report, story, scene, truth)
    _add_colors(report, story)
    report.section("Polygons").text(
        f"{story.refined.polygon_count} polygons with geodesic area and mean probability, merged across tiles, in the "
        "scene's "
        f"reference system: {story.refined.polygons}. The class raster opens colored in QGIS: {story.refined.classes}."
    )
    data = " ".join(f"--data {shlex.quote(str(out / 'places' / name))}" for name in LEARNED)
    run, again = shlex.quote(str(story.training.run.folder)), shlex.quote(str(refinement.run.folder))
    report.section("The commands").command(
        [
            f"limner train segment/demo {data} {' '.join(GROUND)} --out {run}",
            f"limner segment {run} {scene} --normalize run --out {out / 'plain'}",
            f"limner segment {run} {scene} --normalize scene --threshold auto --out {out / 'normalized'}",
            f"limner refine {run} {scene} --fraction {FRACTION} --truth {buildings} --out {again} {' '.join(REFINE)}",
            f"limner segment {again} {scene} --out {out / 'maps'}",
        ]
    )
    add_sources(report)
    return report


def _add_footprints(report: Report, story: Story, scene: Path, buildings: Path) -> None:
    """The true outlines and those of the first and the last map over the middle of the scene."""
    with open_raster(scene) as raster:
        side = min(FOOTPRINTS_PX, raster.height, raster.width)
        window = Window((raster.height - side) // 2, (raster.width - side) // 2, side, side)
        files = (buildings, story.normalized.polygons, story.refined.polygons)
        drawn = [draw_outlines(raster, path, window) for path in files if path is not None]
    report.section("Footprints").picture(
        captioned_rows([drawn], heads=("true buildings", "unseen", "refined"), cell_px=2 * side),
        "Polygons over the middle of the scene: the true ones, those of the network that never saw the town, and those "
        "after refining.",
    )


def _add_pictures(report: Report, story: Story, scene: Path, truth: Path) -> None:
    with open_raster(scene) as raster:
        size = raster.height, raster.width
    side = min(SHOWN_PX, *size)
    middle = Window((size[0] - side) // 2, (size[1] - side) // 2, side, side)
    report.section("Maps and errors").picture(
        draw_maps(story, scene, truth, middle, 1),
        f"The middle of the scene. Above: buildings found. Below: {ERROR_KEY}",
    )
    whole = Window(0, 0, *size)
    report.picture(
        draw_maps(story, scene, truth, whole, max(size) // SHOWN_PX), "The whole scene, about 270 m x 540 m."
    )


def read_as_seen(path: Path, size: tuple[int, int], window: Window, shrink: int) -> np.ndarray:
    """(H, W): every ``shrink``-th pixel of a window of a scene of ``size`` (height, width), in the numbers of a file of
    the same ground, which may have larger or smaller pixels: what is annotated lies on the grid that was learned from.
    """
    with rasterio.open(path) as file:
        values = file.read(1)
    starts, counts = (window.row, window.column), (window.height, window.width)
    rows, columns = (
        (np.arange(start, start + count)[::shrink] * own) // whole
        for start, count, own, whole in zip(starts, counts, values.shape, size, strict=True)
    )
    return np.asarray(values[np.ix_(rows, columns)])


def draw_maps(story: Story, scene: Path, truth: Path, window: Window, shrink: int) -> np.ndarray:
    """The scene and its truth, then each map over it and its errors, (H, W, 3) uint8; every ``shrink``-th pixel."""

    with open_raster(scene) as raster:
        pixels, size = raster.read(window), (raster.height, raster.width)

    def numbers(path: Path) -> np.ndarray:
        return read_as_seen(path, size, window, shrink)

    shown = to_display(pixels.values, pixels.valid)[::shrink, ::shrink]
    mask = numbers(truth)
    rest = np.where(numbers(story.refinement.run.folder / ANNOTATED_FILE) != IGNORE, IGNORE, mask)
    maps = [numbers(made.classes) for made in (story.plain, story.normalized, story.refined)]
    rows = [
        [shown, *(overlay(shown, classes) for classes in maps)],
        [overlay(shown, mask), *(error_map(shown, rest, classes) for classes in maps)],
    ]
    heads = ("scene, truth below", "in the training colors", "in its own colors", "refined")
    return captioned_rows(rows, heads=heads, cell_px=CELL_PX)


def _add_colors(report: Report, story: Story) -> None:
    bands = zip(*vars(story.plain.statistics).values(), *vars(story.normalized.statistics).values(), strict=True)
    report.section("Colors: why the second map differs").table(
        ("band", "training mean", "training deviation", "scene mean", "scene deviation"),
        [[number, *values] for number, values in enumerate(bands, 1)],
        "The network sees (pixel - mean) / deviation. With --normalize scene the scene's own stand in.",
    )


def _announce(line: str) -> None:
    say(f"\n{line}")


def _show(verb: str, *words: object) -> None:
    say("$ " + shlex.join(["limner", verb, *map(str, words)]))
