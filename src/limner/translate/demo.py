"""`limner demo translate`: the translate room's story on a bundled real place, each real command before it runs.

A scene of Banepa is cut into chips; three small networks learn from some of them for less than two minutes in all: one
enlarges, one fills holes, one makes aerial pictures of masks of buildings. What they make of chips that they have not
seen stands beside what does as well without learning.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from limner.foundation.files.writing import make_folder, replacing
from limner.foundation.progress import say
from limner.learning.runs.evaluations import evaluation_of
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.reporting.bundled import PLACES, add_sources
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report
from limner.scenes.rasters import open_raster
from limner.translate.measures.result import PairScores
from limner.translate.training.pairs.outcome import PICTURE
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.translate import translate_pictures

PLACE = "banepa"
CHIP_PX = 128
CHIPS = 160
UNSEEN_PX = 512
"""The scene's first rows and columns, from which no chip is cut: what is translated at the end."""
STEPS = {"upscale": 120, "fill": 160, "pairs": 160}


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: a few steps of narrow networks only, to see that all works; their scores mean nothing.
    """
    chips, scene, mask, hole = (make_folder(out) / name for name in ("chips", "scene.png", "mask.png", "hole.png"))
    folders = {name: out / name for name in STEPS}
    few = {name: _settings(2 if quick else steps, quick=quick) for name, steps in STEPS.items()}
    names = ["--data.source", "mask", "--data.target", "image"]
    commands = [
        ["train", "translate/upscale", "--data", chips / "image", "--out", folders["upscale"], *few["upscale"]],
        ["translate", folders["upscale"], scene, "--out", out / "enlarged.png"],
        ["train", "translate/fill", "--data", chips / "image", "--out", folders["fill"], *few["fill"]],
        ["translate", folders["fill"], scene, "--mask", hole, "--out", out / "filled.png"],
        ["train", "translate/pairs", "--data", chips, *names, "--out", folders["pairs"], *few["pairs"]],
        ["translate", folders["pairs"], mask, "--out", out / "aerial.png"],
    ]
    lines = [shlex.join(["limner", *map(str, words)]) for words in commands]

    say(f"\n0. Chips of {CHIP_PX} px of the bundled scene of Banepa, Nepal, with the masks of its buildings: {chips}")
    cut_chips(chips, scene, mask, hole)
    runs = {}
    say(f"\n1. Enlarge four times.\n$ {lines[0]}")
    runs["upscale"] = train(
        "translate/upscale", data=[chips / "image"], out=folders["upscale"], overrides=few["upscale"]
    ).to_end()
    say(f"$ {lines[1]}")
    translate_pictures(runs["upscale"], scene, out=out / "enlarged.png")
    say(f"\n2. Fill what is missing.\n$ {lines[2]}")
    runs["fill"] = train("translate/fill", data=[chips / "image"], out=folders["fill"], overrides=few["fill"]).to_end()
    say(f"$ {lines[3]}")
    translate_pictures(runs["fill"], scene, TranslateOptions(mask=hole), out=out / "filled.png")
    say(f"\n3. Aerial pictures of masks of buildings.\n$ {lines[4]}")
    runs["pairs"] = train(
        "translate/pairs", data=[chips], out=folders["pairs"], overrides=[*names, *few["pairs"]]
    ).to_end()
    say(f"$ {lines[5]}")
    translate_pictures(runs["pairs"], mask, out=out / "aerial.png")

    report = demo_report(runs, out, lines).write(out / "report.html")
    say(f"\nThe whole story in pictures: {report}")
    say("Now with your own: limner train translate/upscale --data PHOTOS, then limner translate last PHOTO")
    return report


def _settings(steps: int, *, quick: bool) -> list[str]:
    held_out = ["--data.held-out", "16", "--scores.pairs", "4" if quick else "16"]
    narrow = ["--generator.width", "8"] if quick else []
    return ["--epochs", "1", "--steps-per-epoch", str(steps), *held_out, *narrow]


def cut_chips(folder: Path, scene: Path, mask: Path, hole: Path) -> None:
    """Write ``image`` and ``mask`` with chips of equal names, and of the unseen corner: the picture, the mask of its
    buildings, and the mask of a hole in it. What is there already stays."""
    with open_raster(PLACES / PLACE / "images" / f"{PLACE}.tif") as raster:
        pixels = raster.read().values[:3].transpose(1, 2, 0)
    with open_raster(PLACES / PLACE / "masks" / f"{PLACE}.tif") as raster:
        buildings = (raster.read().values[0] == 1).astype(np.uint8) * 255
    if not scene.exists():
        write_picture(scene, np.ascontiguousarray(pixels[:UNSEEN_PX, :UNSEEN_PX]))
        write_picture(mask, np.repeat(buildings[:UNSEEN_PX, :UNSEEN_PX, None], 3, 2))
        missing = np.zeros((UNSEEN_PX, UNSEEN_PX, 3), np.uint8)
        for row, column in ((90, 300), (240, 120), (380, 360)):
            missing[row : row + 24, column : column + 24] = 255
        write_picture(hole, missing)
    if folder.exists():
        return
    rows, columns = (side // CHIP_PX for side in pixels.shape[:2])
    corner = UNSEEN_PX // CHIP_PX
    places = [(row, column) for row in range(rows) for column in range(columns) if row >= corner or column >= corner]
    chosen = np.random.default_rng(0).permutation(len(places))[:CHIPS]
    with replacing(folder) as temporary:
        for name in ("image", "mask"):
            (temporary / name).mkdir(parents=True)
        for number in sorted(chosen):
            row, column = (CHIP_PX * place for place in places[number])
            part = (slice(row, row + CHIP_PX), slice(column, column + CHIP_PX))
            Image.fromarray(pixels[part]).save(temporary / "image" / f"{number:03d}.png")
            Image.fromarray(buildings[part]).convert("RGB").save(temporary / "mask" / f"{number:03d}.png")


def demo_report(runs: Mapping[str, Run], out: Path, commands: list[str]) -> Report:
    """The story as a page: of each network, chips that it has not seen, scores beside the bars, and a larger scene."""
    report = Report("limner demo translate", "Pictures enlarged, filled, and made of masks, by networks of a minute")
    seconds = sum(run.status.get("seconds", 0) for run in runs.values())
    report.facts({"networks": len(runs), "chips": CHIPS, "seconds of training": round(seconds)})
    stories = (
        ("upscale", "Four times as large", "enlarged.png", "The scene that no chip was cut from, enlarged."),
        ("fill", "What is missing", "filled.png", "The same scene, three holes of 24 px filled."),
        ("pairs", "Aerial pictures of masks", "aerial.png", "Made of the mask of its buildings alone."),
    )
    for name, title, file, caption in stories:
        run = runs[name]
        report.section(title).picture(run.folder / "pictures" / PICTURE, "Held-out chips, not chosen.")
        if found := evaluation_of(run):
            head, rows = PairScores.from_json(found).table()
            report.table(head, rows)
        report.picture(out / file, caption)
    report.text("A minute of learning is little. What longer training gives, and which recipe to take, the docs tell.")
    report.section("The commands").command(commands)
    add_sources(report)
    return report
