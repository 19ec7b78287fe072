"""`limner demo classify`: the classify room's story on handwritten digits, each real command before it runs.

LeNet-5 learns scikit-learn's digits in seconds; held-out ones are classified with the evidence; what it gets wrong
stands beside the nearest digit that it gets right, and how it does on moved, turned and paler digits is measured.
"""

import json
import shlex
from pathlib import Path

from PIL import Image

from limner.classify.data.digits import find_digits
from limner.classify.data.examples import load_examples
from limner.classify.data.split import split_examples
from limner.classify.measures.scores import Evaluation
from limner.classify.predicting.classify import Classified, classify_pictures
from limner.classify.training.outcome import add_pictures, add_scores
from limner.foundation.files.writing import make_folder, replacing
from limner.foundation.progress import say
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.learning.verbs import check, evaluate
from limner.reporting.report import Report
from limner.reporting.tables import Share

RECIPE = "classify/lenet-digits"
SHOWN = 6
ENLARGED_PX = 64
ROBUSTNESS = {
    "shift": "moved, of the edge", "rotation": "turned, degrees", "contrast": "contrast left, of the picture's"
}  # fmt: skip


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: an epoch only, to see that all works; its scores mean nothing.
    """
    folder, pictures, seen, sheet = (make_folder(out) / name for name in ("run", "digits", "seen", "check.png"))
    few = ["--epochs", "1"] if quick else []
    commands = [
        ["check", "digits", "--room", "classify", "--out", sheet],
        ["train", RECIPE, "--out", folder, *few],
        ["classify", folder, pictures, "--out", seen],
        ["evaluate", folder, "--robustness"],
    ]
    lines = [shlex.join(["limner", *map(str, words)]) for words in commands]

    say(f"\n1. Look at the data: scikit-learn's digits, which come with limner.\n$ {lines[0]}")
    say(check("digits", room="classify", sheet=sheet).to_text())
    say(f"\n2. LeNet-5 learns them.\n$ {lines[1]}")
    run = train(RECIPE, out=folder, overrides=few).to_end()
    write_digits(run, pictures)
    say(f"\n3. Digits that it has not seen, and where it sees what they are.\n$ {lines[2]}")
    classified = classify_pictures(run, pictures, out=seen, overwrite=True)
    say(classified.to_text())
    say(f"\n4. How good it is, also where digits are moved, turned and paler.\n$ {lines[3]}")
    scored: Evaluation = evaluate(run, robustness=True)
    say(scored.line())

    report = demo_report(run, scored, classified, sheet, lines).write(out / "report.html")
    say(f"\nThe whole story in pictures: {report}")
    say("Now with your own: limner train classify/tune --data PHOTOS, a folder in it for each class")
    return report


def write_digits(run: Run, folder: Path) -> None:
    """The first digits that a run held out, enlarged, as PNG files."""
    recipe, found = recipe_of(run), find_digits()
    examples = load_examples(found, size_px=recipe.data.size_px, colors=recipe.data.colors)
    held_out = split_examples(examples, recipe.data.rule, recipe.seed).held_out
    with replacing(folder) as temporary:
        temporary.mkdir()
        for number in held_out[:SHOWN].tolist():
            digit = found.opener(number, "gray", ENLARGED_PX)
            name = f"{found.names[number].replace(' ', '-')}-is-{found.class_names[found.labels[number]]}.png"
            digit.resize((ENLARGED_PX, ENLARGED_PX), Image.Resampling.BICUBIC).save(temporary / name)


def demo_report(run: Run, scored: Evaluation, classified: Classified, sheet: Path, commands: list[str]) -> Report:
    """The story as a page: data, answers with evidence, scores, mistakes, robustness, commands."""
    report = Report("limner demo classify", "Handwritten digits told apart by LeNet-5, and what it sees in them")
    status = run.status
    report.facts(
        {
            "accuracy": Share(scored.accuracy),
            "always one class": Share(scored.trivial[1]),
            "digits held out": scored.pictures,
            "seconds": round(status.get("seconds", 0)),
        }
    )
    report.section("The data").picture(sheet, "Some of scikit-learn's 1,797 digits.")
    folder = classified.folder
    assert folder is not None
    listed = json.loads((folder / "classes.json").read_text(encoding="utf-8"))["pictures"]
    report.section("What it sees").pictures(
        [(folder / f"{Path(each['path']).stem}.png", Path(each["path"]).stem) for each in listed],
        "Left, what the network was shown; right, what speaks for its answer: yellow most, gray nothing.",
    )
    add_scores(report, scored)
    add_pictures(report, run)
    report.section("Moved, turned, paler")
    for change, pairs in (scored.extras or {}).get("robustness", {}).items():
        report.table(
            [ROBUSTNESS[change], "accuracy"],
            [[f"{amount:g}" if change == "rotation" else Share(amount), Share(accuracy)] for amount, accuracy in pairs],
        )
    report.text("None of this changes what a digit is. Nothing of it was shown in training: see the recipe's augment.")
    report.section("The commands").command(commands)
    return report.section("Sources").text(
        "scikit-learn's digits: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository, 1998 (CC BY 4.0)."
    )
