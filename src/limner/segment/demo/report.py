"""The report of `limner demo`: the story so far as one page, from its first map on."""

import shlex
from pathlib import Path

import numpy as np
import rasterio

from limner.reporting.bundled import add_sources
from limner.reporting.pictures import error_map, overlay, resized, to_display
from limner.reporting.report import Report
from limner.reporting.tables import Share, percent
from limner.scenes.rasters import Window, open_raster
from limner.segment.data.annotation import ANNOTATED_FILE
from limner.segment.demo.story import BUNDLED, GROUND, LEARNED, Places, Refined, Story, Unseen
from limner.segment.footprints.outlines import draw_outlines
from limner.segment.labels.reader import IGNORE
from limner.segment.mapping.record import SceneMap
from limner.segment.refining.refine import Refinement
from limner.segment.training.report import SCORE_COLUMNS, score_row

FOOTPRINTS_PX = 420
SHOWN_PX = 1024
CELL_PX = 480
ERROR_KEY = "found green, invented red, missed blue; the annotated ground is hatched."


def demo_report(story: Story, places: Places) -> Report:
    """The story so far as a page: the first map, scores on the same pixels, maps and errors beside each other."""
    report = Report("limner demo", "Mapping buildings in a place that no training picture came from")
    if story.refined is not None:
        _add_outcome(report, story.refined, places)
    if story.unseen is None or story.refined is None:
        act = 1 if story.unseen is None else 2
        report.text(f"Act {act} of 3 is done; this page grows with each. Load it again when limner demo has ended.")
    report.section("What is done").text(
        "Act 1: the bundled network maps a drone scene of Banepa, Nepal, at once. It learned from this town, too.\n\n"
        "Act 2: a small network learns from ten areas in Kampala and Dubai, at 0.3 m a pixel where the ground is "
        "known, and maps the scene, which it has never seen: first standardized by the colors of the training areas, "
        "then by the scene's own, with the threshold that its probabilities promise most of.\n\n"
        f"Act 3: the buildings on {places.fraction:.0%} of the scene are outlined, the network goes on learning there, "
        "and the scene is mapped again."
    )
    _add_first(report, story.first, places)
    if story.refined is not None and story.unseen is not None:
        _add_scores(report, story.refined.refinement)
        _add_footprints(report, story.unseen, story.refined, places)
        _add_maps(report, story.unseen, story.refined, places)
    elif story.unseen is not None:
        _add_unseen(report, story.unseen, places)
    if story.unseen is not None:
        _add_colors(report, story.unseen)
    if story.refined is not None:
        made = story.refined.map
        report.section("Polygons").text(
            f"{made.polygon_count} polygons with geodesic area and mean probability, merged across tiles, in the "
            f"scene's reference system: {made.polygons}. The class raster opens colored in QGIS: {made.classes}."
        )
    report.section("The commands").command(_commands(story, places))
    add_sources(report)
    return report


def _commands(story: Story, places: Places) -> list[str]:
    scene, run, refined = (shlex.quote(str(path)) for path in (places.scene, places.run, places.refined))

    def out(path: Path) -> str:
        return f"--out {shlex.quote(str(path))}"

    told = [f"limner segment {BUNDLED} {scene} {out(places.first)}"]
    if story.unseen is not None:
        data = " ".join(f"--data {shlex.quote(str(places.folder / name))}" for name in LEARNED)
        told += [
            " ".join(["limner train segment/demo", data, *GROUND, "--out", run, *story.steps.train]),
            f"limner segment {run} {scene} --normalize run {out(places.plain)}",
            f"limner segment {run} {scene} --normalize scene --threshold auto {out(places.normalized)}",
        ]
    if story.refined is not None:
        truth = f"--fraction {places.fraction} --truth {shlex.quote(str(places.buildings))}"
        told += [
            " ".join(["limner refine", run, scene, truth, "--out", refined, *story.steps.refine]),
            f"limner segment {refined} {scene} {out(places.maps)}",
        ]
    return told


def _add_outcome(report: Report, refined: Refined, places: Places) -> None:
    refinement = refined.refinement
    constants = next(iter(refinement.before.values())).constants()
    best = max((item.mean().f1 or 0.0, name) for name, item in constants.items())
    report.facts(
        {
            "F1 refined": None if refinement.after is None else Share(refinement.after.mean().f1 or 0.0),
            f"F1 of '{best[1]}'": Share(best[0]),
            "buildings drawn": refined.map.polygon_count,
            "annotated": f"{places.fraction:.0%}",
        }
    )


def _add_first(report: Report, first: SceneMap, places: Places) -> None:
    """The first map over the scene, under a divider."""
    whole, _ = _whole_scene(places)
    middle = _middle(whole, whole.width)
    shrink = max(1, middle.width // SHOWN_PX)
    shown = shown_every(places.scene, middle, shrink)
    classes = read_as_seen(first.classes, (whole.height, whole.width), middle, shrink)
    report.section("The first map").text(
        f"By the bundled network '{BUNDLED}', which learned from this town, too: it shows what a map looks like, not "
        f"how well limner maps a place that it never saw. {first.polygon_count} buildings on "
        f"{percent(first.shares['building'])} % of the ground."
    )
    report.comparison(
        shown, overlay(shown, classes), "The middle of the scene, and what the map calls building.", ("scene", "map")
    )


def _add_unseen(report: Report, unseen: Unseen, places: Places) -> None:
    """The maps of the network that never saw the town, before there are scores."""
    whole, shrink = _whole_scene(places)
    shown = shown_every(places.scene, whole, shrink)
    maps = {"in the training colors": unseen.plain, "in its own colors": unseen.normalized}
    drawn = [
        (overlay(shown, read_as_seen(made.classes, (whole.height, whole.width), whole, shrink)), name)
        for name, made in maps.items()
    ]
    report.section("Maps by a network that never saw the town").pictures(
        [(resized(picture, CELL_PX), name) for picture, name in [(shown, "the scene"), *drawn]],
        "The whole scene, about 270 m x 540 m.",
    )


def _add_scores(report: Report, refinement: Refinement) -> None:
    rows = {**refinement.before, "refined": refinement.after}
    constants = next(iter(refinement.before.values())).constants()
    report.section("Scores on the ground that was not annotated")
    table = [score_row(name, item.mean()) for name, item in rows.items() if item]
    table += [score_row(name, item.mean()) for name, item in constants.items()]
    caption = "All rows on the same pixels. Accuracy says little: look at F1. The bundled network has seen the truth."
    report.table(("map", *SCORE_COLUMNS), table, caption, best=("F1", "IoU"))
    if refinement.decision is not None:
        report.text(f"Before that, without the rest of the truth, refining told: {refinement.decision.line}.")


def _add_footprints(report: Report, unseen: Unseen, refined: Refined, places: Places) -> None:
    """The true outlines and those of the first and the last map over the middle of the scene."""
    with open_raster(places.scene) as raster:
        window = _middle(Window(0, 0, raster.height, raster.width), FOOTPRINTS_PX)
        files = {
            "true buildings": places.buildings,
            "unseen": unseen.normalized.polygons,
            "refined": refined.map.polygons,
        }
        drawn = [(draw_outlines(raster, path, window), name) for name, path in files.items() if path is not None]
    report.section("Footprints").pictures(
        drawn,
        "Polygons over the middle of the scene: the true ones, those of the network that never saw the town, and those "
        "after refining.",
    )


def _add_maps(report: Report, unseen: Unseen, refined: Refined, places: Places) -> None:
    whole, shrink = _whole_scene(places)
    report.section("Maps and errors")
    _add_errors(report, unseen, refined, places, _middle(whole, SHOWN_PX), 1, "the middle of the scene")
    _add_errors(report, unseen, refined, places, whole, shrink, "the whole scene, about 270 m x 540 m")


def _add_errors(
    report: Report, unseen: Unseen, refined: Refined, places: Places, window: Window, shrink: int, place: str
) -> None:
    """Each map over a window of the scene, and where it errs; every ``shrink``-th pixel. place: what is shown."""
    with open_raster(places.scene) as raster:
        size = raster.height, raster.width

    def numbers(path: Path) -> np.ndarray:
        return read_as_seen(path, size, window, shrink)

    shown = shown_every(places.scene, window, shrink)
    mask = numbers(places.truth)
    rest = np.where(numbers(refined.refinement.run.folder / ANNOTATED_FILE) != IGNORE, IGNORE, mask)
    maps = {
        "in the training colors": numbers(unseen.plain.classes),
        "in its own colors": numbers(unseen.normalized.classes),
        "refined": numbers(refined.map.classes),
    }
    found = [(overlay(shown, classes), name) for name, classes in maps.items()]
    wrong = [(error_map(shown, rest, classes), f"errors, {name}") for name, classes in maps.items()]
    for cells, caption in (
        ([(shown, "the scene"), *found], f"Buildings found in {place}."),
        ([(overlay(shown, mask), "the truth"), *wrong], f"Errors in {place}: {ERROR_KEY}"),
    ):
        report.pictures([(resized(picture, CELL_PX), name) for picture, name in cells], caption)


def _whole_scene(places: Places) -> tuple[Window, int]:
    """The scene as a window, and how many of its pixels stand for one that is shown."""
    with open_raster(places.scene) as raster:
        whole = Window(0, 0, raster.height, raster.width)
    return whole, max(1, max(whole.height, whole.width) // SHOWN_PX)


def _middle(whole: Window, longest_px: int) -> Window:
    """The square in the middle of a scene, of at most so many pixels a side."""
    side = min(longest_px, whole.height, whole.width)
    return Window((whole.height - side) // 2, (whole.width - side) // 2, side, side)


def shown_every(scene: Path, window: Window, shrink: int) -> np.ndarray:
    """(H, W, 3) uint8: every ``shrink``-th pixel of a window of a scene, for people."""
    with open_raster(scene) as raster:
        pixels = raster.read(window)
    return to_display(pixels.values, pixels.valid)[::shrink, ::shrink]


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


def _add_colors(report: Report, unseen: Unseen) -> None:
    bands = zip(*vars(unseen.plain.statistics).values(), *vars(unseen.normalized.statistics).values(), strict=True)
    report.section("Colors: why the second map of act 2 differs").table(
        ("band", "training mean", "training deviation", "scene mean", "scene deviation"),
        [[number, *values] for number, values in enumerate(bands, 1)],
        "The network sees (pixel - mean) / deviation. With --normalize scene the scene's own stand in.",
    )
