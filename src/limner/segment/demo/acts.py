"""`limner demo`: the segment room's story on bundled real places, in three acts, with each real command before it runs.

First the bundled model maps a scene of Banepa at once. Then a network learns from places in Kampala and Dubai and maps
that scene, which it never saw, with the training areas' colors and with its own. Last it is refined on a small
annotated part, and maps again. The report is there from the first act on and grows with each.
"""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from limner.foundation.files.writing import make_folder
from limner.foundation.machine.precision import processor_has_bf16
from limner.foundation.progress import say
from limner.learning.train import train
from limner.reporting.bundled import PLACES
from limner.segment.demo.report import demo_report
from limner.segment.demo.story import (
    AS_PLANNED,
    BUNDLED,
    FEW,
    GROUND,
    HALF,
    LEARNED,
    Places,
    Refined,
    Story,
    Unseen,
)
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.mapping.record import SceneMap
from limner.segment.refining.refine import refine


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: a few steps only, to see that all works; its scores mean nothing.
    """
    places = Places(make_folder(out))
    if not places.folder.exists():
        shutil.copytree(PLACES, places.folder)
    steps = FEW if quick else AS_PLANNED if processor_has_bf16() else HALF
    if steps is HALF:
        say(
            "This processor does not compute in bf16, and a step takes more than twice as long: both trainings take "
            "half the steps, and score lower than those in the README."
        )
    told = out / "report.html"

    story = Story(show_first_map(places), steps)
    if not places.run.exists():  # a report of a whole story is not replaced by one of its beginning
        demo_report(story, places).write(told)
    say(f"The first map: {story.first.files.preview}\nIt stands in {told}, which grows with each act.")

    story = replace(story, unseen=map_unseen(places, steps.train))
    if not places.refined.exists():
        demo_report(story, places).write(told)

    refined = refine_and_map(places, steps.refine)
    story = replace(story, refined=refined)
    report = demo_report(story, places).write(told)
    print(refined.refinement.comparison)
    say(f"\nThe whole story in pictures: {report}\nPolygons for a map: {refined.map.polygons}")
    say("Now with your own: limner check YOUR_FOLDER, then limner train segment/modern --data YOUR_FOLDER")
    return report


def show_first_map(places: Places) -> SceneMap:
    """Act 1: the bundled model maps the scene."""
    _announce(
        f"Act 1. A first map at once, by the bundled network '{BUNDLED}'. It learned from this town, too: the map "
        "shows what limner makes, not how well a place is mapped that was never seen. That is act 2."
    )
    _show("segment", BUNDLED, places.scene, "--out", places.first)
    (first,) = map_scenes(BUNDLED, [places.scene], places.first)
    return first


def map_unseen(places: Places, steps: tuple[str, ...]) -> Unseen:
    """Act 2: a network learns from other places, and maps the scene. steps: settings of the training."""
    data = [places.folder / name for name in LEARNED]
    _announce(
        "Act 2. Learn from ten areas in Kampala and Dubai, at 0.3 m a pixel where the ground is known, and map Banepa, "
        "Nepal, which this network never saw: as it is, then by its own colors, with a threshold chosen for it."
    )
    _show("train", "segment/demo", *(f"--data={path}" for path in data), *GROUND, "--out", places.run, *steps)
    training = train("segment/demo", data=data, out=places.run, overrides=[*GROUND, *steps])
    training.to_end()
    _show("segment", places.run, places.scene, "--normalize", "run", "--out", places.plain)
    (plain,) = map_scenes(places.run, [places.scene], places.plain, normalize="run")
    options = ("--normalize", "scene", "--threshold", "auto")
    _show("segment", places.run, places.scene, *options, "--out", places.normalized)
    (normalized,) = map_scenes(places.run, [places.scene], places.normalized, normalize="scene", threshold="auto")
    return Unseen(training, plain, normalized)


def refine_and_map(places: Places, steps: tuple[str, ...]) -> Refined:
    """Act 3: the network goes on learning on a part of the scene, and maps it again. steps: of the refining."""
    share, truth = places.fraction, places.buildings
    _announce(f"Act 3. Annotate {share:.0%} of the scene by its buildings' outlines, go on learning there, map again.")
    _show("refine", places.run, places.scene, "--fraction", share, "--truth", truth, "--out", places.refined, *steps)
    refinement = refine(
        places.run, places.scene, fraction=share, truth=truth, out=places.refined, overrides=steps
    )  # fmt: skip
    if refinement.stopped:
        raise SystemExit(refinement.stopped.exit_code)
    _show("segment", places.refined, places.scene, "--out", places.maps)
    (again,) = map_scenes(places.refined, [places.scene], places.maps)
    return Refined(refinement, again)


def _announce(line: str) -> None:
    say(f"\n{line}")


def _show(verb: str, *words: object) -> None:
    say("$ " + shlex.join(["limner", verb, *map(str, words)]))
