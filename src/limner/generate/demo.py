"""`limner demo generate`: the generate room's story on bundled real places, each real command before it runs.

Buildings are cut out of drone and satellite scenes by their masks; two small networks learn from the cut-outs for about
a minute; what they make stands beside what is real, with a score and how it was made. All goes into one report.
"""

import json
import shlex
from pathlib import Path

from limner.fidelity.result import PictureScores
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import say
from limner.generate.cutouts.journal import SHEET
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import CutOuts, cut_out
from limner.generate.making.options import GenerateOptions
from limner.generate.making.sample import Generated, generate_pictures
from limner.generate.training.outcome import MADE, NEAREST, REAL, add_scores
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.reporting.bundled import PLACES, add_sources
from limner.reporting.report import Report

OBJECT, VALUE = "building", "1"
OPTIONS = CutOutOptions(regions=VALUE, no_filter=True)
RECIPE = "generate/tiny"


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: a few rounds only, to see that all works; its scores mean nothing.
    """
    cuts, folder, pictures, walk = (make_folder(out) / name for name in ("cutouts", "run", "generated", "walk.gif"))
    few = ["--kimg", "0.1", "--scores.samples", "32"] if quick else []
    commands = [
        ["cutouts", PLACES, "--object", OBJECT, "--regions", VALUE, "--no-filter", "--out", cuts],
        ["train", RECIPE, "--data", cuts / OBJECT, "--out", folder, *few],
        ["generate", folder, "-n", "64", "--out", pictures],
        ["generate", folder, "--interpolate", walk, "-n", "4", "--seconds", "4"],
    ]
    lines = [shlex.join(["limner", *map(str, words)]) for words in commands]

    say(f"\n1. Cut the buildings out of the bundled places.\n$ {lines[0]}")
    cut = cut_out(PLACES, OBJECT, cuts, OPTIONS)
    say(cut.to_text())
    say(f"\n2. Two networks: one makes pictures, the other tells them from the cut-outs.\n$ {lines[1]}")
    run = train(RECIPE, data=[cuts / OBJECT], out=folder, overrides=few).to_end()
    say(f"\n3. New buildings, as files and in a grid.\n$ {lines[2]}")
    made = generate_pictures(folder, GenerateOptions(n=64), out=pictures)
    say(f"\n4. A walk from one to the next.\n$ {lines[3]}")
    generate_pictures(folder, GenerateOptions(n=4, interpolate=walk, seconds=4.0))

    scored = PictureScores.from_json(json.loads((run.folder / "evaluation.json").read_text(encoding="utf-8")))
    report = demo_report(cut, run, scored, made, lines).write(out / "report.html")
    say(f"\nThe whole story in pictures: {report}\nA walk from one to the next: {walk}")
    say("Now with your own: limner cutouts YOUR_DATA --object car, then limner train generate/best --data cutouts/car")
    return report


def demo_report(cut: CutOuts, run: Run, scored: PictureScores, made: Generated, commands: list[str]) -> Report:
    """The story as a page: cut-outs, real beside made, scores with their protocol, nearest neighbors, commands."""
    report = Report("limner demo generate", "Buildings that two networks learned to make from cut-outs of real ones")
    status, pictures = run.status, run.folder / "pictures"
    report.facts(
        {
            "cut out": len(cut.files),
            "rounds": status.get("steps"),
            "seconds": round(status.get("seconds", 0)),
            scored.title("kid"): scored["kid"],
        }
    )
    report.section("Cut-outs").picture(
        cut.folder / SHEET, f"{cut.to_text()}. The last row: what was left out, and why."
    )
    report.section("Real and made").pictures(
        [(pictures / REAL, "real, never learned from"), (pictures / MADE, "made, not chosen")],
        "About a minute on two cores: colors, plain ground and rough shapes.",
    )
    report.section("Scores")
    add_scores(report, scored)
    report.section("Does it copy?").picture(
        pictures / NEAREST, "Of all made pictures, those nearest to one that was learned from, and that one."
    )
    if made.grid is not None:
        report.section("More of them").picture(made.grid, "What limner generate made, not chosen.")
    report.section("The commands").command(commands)
    add_sources(report)
    return report
