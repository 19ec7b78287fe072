"""`limner demo detect`: the detect room's story on a bundled real place, each real command before it runs.

Buildings of Banepa as objects: a Mask R-CNN learns for a minute from polygons over the northern half of a scene,
outlines the buildings of a part of the other half, and what it outlined is counted against the true polygons.
"""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.windows import Window as RasterioWindow

from limner.detect.predicting.detect_scene import DetectedScene, detect_scene
from limner.detect.predicting.options import DetectOptions
from limner.detect.training.outcome import CURVE, SHOWN
from limner.foundation.files.names import spelled
from limner.foundation.files.writing import make_folder, replacing, write_json
from limner.foundation.progress import say
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.reporting.bundled import PLACES, add_sources
from limner.reporting.pictures import captioned_rows
from limner.reporting.report import Report
from limner.reporting.tables import Share
from limner.scenes.georeference import transformer
from limner.scenes.rasters import open_raster
from limner.scenes.windows import Window
from limner.segment.footprints.outlines import draw_outlines
from limner.segment.measures.objects import ObjectScores
from limner.segment.scoring.score import score_files

PLACE = "banepa"
LEARNED, UNSEEN = Window(0, 0, 2560, 2048), Window(2816, 512, 1024, 1024)
"""Parts of the scene, which share no ground."""
CHIP_PX, SEEN_PX = 512, 256
"""Side of a chip, and at which the network reads it."""
STEPS = 60
SETTINGS = (
    "--data.short-px", SEEN_PX, "--data.longest-px", SEEN_PX, "--network.frozen-stages", 1, "--optimizer.learning-rate",
    "1e-3", "--warmup-steps", 10, "--augment.flip-rows", "true", "--data.held-out", 0.1,
)  # fmt: skip
SHOWN_PX = 512


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: two steps only, to see that all works; its scores mean nothing.
    """
    learned, unseen, ground, objects = (
        make_folder(out) / name for name in ("learned.tif", "unseen.tif", "ground.geojson", "found.gpkg")
    )
    buildings, run = PLACES / PLACE / "buildings.geojson", out / "run"
    steps = ["--loop.steps", str(2 if quick else STEPS)]
    if quick:
        steps += ["--network.width", "8", "--network.hidden", "8", "--network.proposals", "16"]
    overrides = [*map(str, SETTINGS), *steps]
    shown = DetectOptions(min_score=0.0 if quick else None)
    labels = ["--labels", buildings, "--chip-px", CHIP_PX]
    commands = [
        ["train", "detect/mask-rcnn-light", "--data", learned, *labels, "--out", run, *overrides],
        ["detect", run, unseen, "--out", objects, *(["--min-score", 0.0] if quick else [])],
        ["score", objects, buildings, "--within", ground],
    ]
    lines = [shlex.join(["limner", *map(str, words)]) for words in commands]

    say(f"\n0. The bundled scene of Banepa, Nepal: one part to learn from, one that is not seen: {out}")
    cut_scene(learned, unseen, ground)
    say(f"\n1. Learn from polygons over the first part.\n$ {lines[0]}")
    trained = train(
        "detect/mask-rcnn-light", data=[learned], out=run, overrides=overrides, labels=buildings, chip_px=CHIP_PX
    ).to_end()
    say(f"\n2. Outline the buildings of the part that it never saw.\n$ {lines[1]}")
    found = detect_scene(trained, unseen, objects, shown)
    say(f"\n3. Count them against the true ones.\n$ {lines[2]}")
    scores = next(iter(score_files(objects, buildings, within=ground).objects.areas.values()), None)
    report = demo_report(trained, found, scores, unseen, buildings, lines).write(out / "report.html")
    say(f"\nThe whole story in pictures: {report}\nPolygons for a map: {objects}")
    say("Now with your own: limner train detect/mask-rcnn-light --data SCENE --labels POLYGONS")
    return report


def cut_scene(learned: Path, unseen: Path, ground: Path) -> None:
    """Write the two parts of the bundled scene, and the outline of the second; what is there already stays."""
    with rasterio.open(spelled(PLACES / PLACE / "images" / f"{PLACE}.tif")) as scene:
        for path, window in ((learned, LEARNED), (unseen, UNSEEN)):
            if path.exists():
                continue
            where = RasterioWindow(window.column, window.row, window.width, window.height)
            profile = {
                "driver": "GTiff", "count": 3, "dtype": "uint8", "crs": scene.crs, "compress": "deflate", "tiled": True,
                "width": window.width, "height": window.height, "transform": scene.window_transform(where),
            }  # fmt: skip
            with replacing(path) as temporary, rasterio.open(spelled(temporary), "w", **profile) as file:
                file.write(scene.read(window=where))
    if not ground.exists():
        write_ground(ground, UNSEEN)


def write_ground(path: Path, window: Window) -> Path:
    """Write the outline of a part of the bundled scene as GeoJSON; gives its path."""
    with rasterio.open(spelled(PLACES / PLACE / "images" / f"{PLACE}.tif")) as scene:
        place, crs = scene.transform, scene.crs
    corners = (window.column, window.row + window.height), (window.column + window.width, window.row)
    box = shapely.box(*(place * corners[0]), *(place * corners[1]))
    to_degrees = transformer(crs, rasterio.crs.CRS.from_epsg(4326))
    assert to_degrees is not None
    degrees = shapely.transform(box, lambda points: np.column_stack(to_degrees.transform(*points.T)))
    feature = {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(degrees))}
    write_json(path, {"type": "FeatureCollection", "features": [feature]})
    return path


def demo_report(
    run: Run, found: DetectedScene, scores: ObjectScores | None, unseen: Path, buildings: Path, commands: Sequence[str]
) -> Report:
    """The story as a page: what was found over the unseen part beside the true outlines, counts, and commands."""
    report = Report(
        "limner demo detect", "Buildings outlined one by one, in a part of a town that was not learned from"
    )
    facts: dict[str, object] = {"buildings found": sum(found.counts.values())}
    if scores is not None:
        facts |= {
            "true ones": scores.true, "right": scores.found,
            "F1 of objects": Share(scores.f1 or 0.0), "of the true ones found": Share(scores.recall or 0.0),
        }  # fmt: skip
    report.facts(facts)
    report.section("What was done").text(
        "A Mask R-CNN, which proposes boxes, tells whether a building is in them, and draws its outline, learned for "
        f"{run.status.get('steps', 0)} steps from the polygons that volunteers of OpenStreetMap drew over one part of "
        "the scene. It then looked through another part by overlapping tiles. A building counts as found where its "
        "outline and a true one share half of what both cover."
    )
    with open_raster(unseen) as raster:
        side = min(SHOWN_PX, raster.height, raster.width)
        window = Window((raster.height - side) // 2, (raster.width - side) // 2, side, side)
        drawn = [draw_outlines(raster, path, window) for path in (buildings, found.path)]
    report.section("Outlines").picture(
        captioned_rows([drawn], heads=("true buildings", "found"), cell_px=2 * side),
        "The middle of the part that it did not see. Each outline is a polygon of its own, with its score.",
    )
    pictures = run.folder / "pictures"
    section = report.section("Held-out chips")
    section.picture(pictures / SHOWN, "Chips of the first part that were not learned from, with scores.")
    section.picture(pictures / CURVE, "Precision and recall on them.")
    report.text(
        "A minute of learning is little: it shows how it works, not how good it gets. Where roofs "
        "touch, one object per roof is what a map of classes cannot give by itself."
    )
    report.section("The commands").command(list(commands))
    add_sources(report)
    return report
