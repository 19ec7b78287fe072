"""`limner demo media`: pictures of sentences and sentences of clips, learned from a drawn world in three minutes.

What is true of every picture and clip of that world is known, so that an exact reader says how much of what is made
is right.
"""

import csv
import shlex
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from limner.datasets.world.drawing import CAPTIONS, CLIPS, draw_world
from limner.datasets.world.options import WorldOptions
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import say
from limner.generate.making.options import GenerateOptions
from limner.generate.media.captions.verb import caption_clips
from limner.generate.media.verbs import generate_media
from limner.learning.runs.evaluations import evaluation_of
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.learning.train import train
from limner.reporting.grid import grid
from limner.reporting.report import Report

SENTENCES = (
    "a large red cube", "a large green ball", "a small blue cube at the left", "a large yellow cone at the top",
    "a small purple ball on the right", "a large cyan ring", "a small green ring in the middle",
    "a large blue cylinder at the bottom",
)  # fmt: skip
EACH = 4
"""Pictures made of each sentence; a row of the grid has one of each."""
LEARNED = WorldOptions(pictures=3000, clips=700, size_px=32)
UNSEEN = WorldOptions(clips=6, size_px=32, seed=1)
"""Clips of a seed that nothing was learned from."""
FRAMES = 6
"""Shown of a clip."""
SETTINGS = {
    "pictures": ("--words.steps", "300", "--kimg", "16", "--scores.every-kimg", "8"),
    "captions": ("--likelihood", "1800", "--kimg", "3.2", "--scores.every-kimg", "3.2"),
}
QUICK = {
    "pictures": ("--words.steps", "2", "--kimg", "0.064", "--scores.samples", "16"),
    "captions": ("--likelihood", "2", "--kimg", "0.064", "--scores.samples", "16"),
}


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: a few samples and steps only, to see that all works; its scores mean nothing.
    """
    world, unseen, painter, pictures, teller, told = (
        make_folder(out) / name for name in ("world", "unseen", "painter", "pictures", "teller", "told.csv")
    )
    drawn = WorldOptions(pictures=80, clips=80, size_px=32) if quick else LEARNED
    settings = QUICK if quick else SETTINGS
    clips = [unseen / "clips" / f"{number:06d}.gif" for number in range(UNSEEN.clips)]
    count = EACH * len(SENTENCES)
    asked = [word for sentence in SENTENCES for word in ("--text", sentence)]
    size = ["--size-px", drawn.size_px]
    commands = [
        ["draw", "world", "--pictures", drawn.pictures, "--clips", drawn.clips, *size, "--out", world],
        ["train", "generate/gan-cls-light", "--data", world / "pictures", "--out", painter, *settings["pictures"]],
        ["generate", painter, *asked, "-n", count, "--out", pictures],
        ["train", "generate/captions", "--data", world, "--out", teller, *settings["captions"]],
        ["draw", "world", "--clips", UNSEEN.clips, *size, "--seed", UNSEEN.seed, "--out", unseen],
        ["caption", teller, *clips, "--out", told],
    ]
    lines = [shlex.join(["limner", *map(str, words)]) for words in commands]

    say(f"\n1. A world of colored solids, with a sentence for each picture and clip.\n$ {lines[0]}")
    draw_world(drawn, out=world)
    say(f"\n2. Two networks learn to make pictures of sentences.\n$ {lines[1]}")
    painted = train(
        "generate/gan-cls-light", data=[world / "pictures"], out=painter, overrides=settings["pictures"]
    ).to_end()
    say(f"\n3. Pictures of sentences.\n$ {lines[2]}")
    made = generate_media(painter, GenerateOptions(n=count, text=SENTENCES), out=pictures)
    say(f"\n4. Two others learn to tell clips in sentences.\n$ {lines[3]}")
    learned = train("generate/captions", data=[world], out=teller, overrides=settings["captions"]).to_end()
    say(f"\n5. Clips that it has never seen, and what it says of them.\n$ {lines[4]}\n$ {lines[5]}")
    draw_world(UNSEEN, out=unseen)
    said = list(caption_clips(teller, clips, out=told).values())
    for clip, sentence in zip(clips, said, strict=True):
        say(f"{clip.name}: {sentence}")

    report = Report("limner demo media", "Pictures of sentences and sentences of clips, learned in a drawn world")
    seconds = sum(run.status.get("seconds", 0) for run in (painted, learned))
    report.facts({"pictures": drawn.pictures, "clips": drawn.clips, "seconds of training": round(seconds)})
    _add_pictures(report, painted, made.grid)
    _add_captions(report, learned, unseen / "clips", said)
    report.section("The commands").command(lines)
    page = report.write(out / "report.html")
    say(f"\nThe whole story in pictures: {page}")
    say("Now with your own: pictures with a captions.csv of the columns file and caption, then")
    say("limner train generate/gan-cls-light --data YOUR_PICTURES")
    return page


def _add_pictures(report: Report, run: Run, made: Path | None) -> None:
    report.section("Pictures of sentences")
    if made is not None:
        report.picture(made, f"Made, not chosen, a column a sentence: {'; '.join(SENTENCES)}.")
    report.text("Color and place are learned first; so few pictures teach hardly any shapes, which take ten minutes.")
    _add_scores(report, run)


def _add_captions(report: Report, run: Run, unseen: Path, said: list[str]) -> None:
    """What it said of clips, beside what is so."""
    with np.load(unseen / CLIPS) as held:
        videos = torch.from_numpy(held["videos"])
    shown = videos[:, np.linspace(0, videos.shape[1] - 1, FRAMES).round().astype(int)]
    report.section("Sentences of clips")
    report.picture(grid(shown.flatten(0, 1).permute(0, 3, 1, 2), FRAMES), "Clips that it has never seen, a row each.")
    true = _sentences_of(unseen / CAPTIONS)
    rows = [[str(number + 1), told, true[f"{number:06d}"][0]] for number, told in enumerate(said)]
    report.table(["row", "it says", "one of the true sentences"], rows)
    _add_scores(report, run)


def _add_scores(report: Report, run: Run) -> None:
    if found := evaluation_of(run):
        scores = ScoreRows.from_json(found)
        report.table(*scores.table())
        report.text("\n\n".join([scores.protocol, *scores.notes]))


def _sentences_of(table: Path) -> Mapping[str, list[str]]:
    sentences: dict[str, list[str]] = defaultdict(list)
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sentences[row["file"]].append(row["caption"])
    return sentences
