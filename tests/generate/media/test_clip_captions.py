"""Sentences for clips: the networks, the likelihood against a slow one, scores, the verb, bad input."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image

import limner
from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.foundation.errors import UserError
from limner.generate.making.options import GenerateOptions
from limner.generate.media.captions.measure import (
    LIKELIHOOD,
    MAJORITY,
    NEAREST,
    TRUE,
    bleu,
    exact,
    nearest,
    score_captions,
    told_right,
)
from limner.generate.media.captions.networks import CaptionDiscriminator, CaptionGenerator
from limner.generate.media.captions.reading import fitted_clip, read_clips
from limner.generate.media.captions.task import CaptionTask
from limner.generate.media.verbs import evaluate_run, generate_media
from limner.generate.scoring.options import EvaluateOptions
from limner.learning.library import load_recipe
from limner.learning.loop.task import StageContext
from limner.learning.runs.opening import open_run
from limner.learning.runs.score_rows import MADE, ScoreRows

CommandLine = Callable[..., tuple[int, str, str]]
TINY = [
    "--kimg=0.016", "--batch=8", "--likelihood=2", "--data.size-px=16", "--data.frames=3", "--data.held-out=4",
    "--generator.hidden=8", "--discriminator.hidden=8", "--generator.width=2", "--discriminator.width=2",
    "--scores.samples=16", "--loop.precision=fp32",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn clips and a run that learned two steps of each stage from them."""
    folder = tmp_path_factory.mktemp("captions")
    draw_world(WorldOptions(clips=24, size_px=16, frames=4, sentences=2), out=folder / "world")
    limner.train("generate/captions", data=folder / "world", out=folder / "run", overrides=TINY)
    return folder


def task_of(place: Path, folder: Path, *settings: str) -> CaptionTask:
    task = CaptionTask(load_recipe("generate/captions", [*TINY, f"--data.paths=[{place / 'world'}]", *settings]))
    task.begin(task.stages()[0], StageContext(Fabric(accelerator="cpu", devices=1), folder))
    return task


# --- networks --------------------------------------------------------------------------------------------------------


def test_sentences_end_once_and_no_weight_is_dead() -> None:
    torch.manual_seed(0)
    says = CaptionGenerator(6, 9, 16, latent=3, hidden=8, width=2)
    tells = CaptionDiscriminator(6, 9, 16, hidden=8, width=2)
    clip = torch.rand(16, 3, 3, 16, 16)
    said = says(3 * torch.randn(16, 3), clip)
    assert said.shape == (16, 9, 6)
    words = said.detach().argmax(2)
    assert torch.allclose(said.detach().sum(2), torch.ones(16, 9), atol=1e-5)
    for sentence in words.tolist():
        if 0 in sentence:
            assert not any(sentence[sentence.index(0) :])
    tells(said, clip).square().sum().backward()
    for network in (says, tells):
        assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_the_likelihood_is_that_of_a_slow_walk_and_stops_at_the_end(place: Path, tmp_path: Path) -> None:
    task = task_of(place, tmp_path)
    real = task.real(torch.arange(8), 0)
    latent = torch.randn(8, 16)
    network = task.networks["generator"]
    logits, _ = network.logits(latent, *real.condition.given(), told=real.made)
    lost = []
    for row, sentence in zip(logits, real.made.argmax(2).tolist(), strict=True):
        for place_, word in enumerate(sentence):
            lost.append(-float(row[place_].log_softmax(0)[word].detach()))
            if word == 0:
                break
    assert task._unlikelihood(real, latent).item() == pytest.approx(np.mean(lost), rel=1e-5)


def test_words_that_are_told_decide_what_follows(place: Path, tmp_path: Path) -> None:
    task = task_of(place, tmp_path)
    real = task.real(torch.arange(4), 0)
    network, latent = task.networks["generator"], torch.zeros(4, 16)
    first, _ = network.logits(latent, *real.condition.given(), told=real.made)
    other = real.made.clone()
    other[:, 2] = other[:, 2].roll(1, 1)
    second, _ = network.logits(latent, *real.condition.given(), told=other)
    assert torch.equal(first[:, :3], second[:, :3])
    assert not torch.equal(first[:, 3:], second[:, 3:])


def test_wrong_sentences_are_those_of_other_clips(place: Path, tmp_path: Path) -> None:
    task = task_of(place, tmp_path)
    real = task.real(torch.arange(4), 0)
    fake, wrong = task.as_fake(real, real, 0)
    assert fake is real
    assert torch.equal(wrong.made[1:], real.made[:-1])
    assert torch.equal(wrong.condition.previous, real.condition.previous)


def moved_since_likelihood(folder: Path) -> list[str]:
    weights = open_run(folder).weights()
    kept = {name.removeprefix("likely."): each for name, each in weights.items() if name.startswith("likely.")}
    assert kept
    return [name for name, each in kept.items() if not torch.equal(each, weights[f"generator.{name}"])]


def test_likelihood_alone_is_kept_from_before_the_discriminator(place: Path) -> None:
    limner.train(
        "generate/captions", data=place / "world", out=place / "last", overrides=[*TINY, "--loop.keep=last"]
    )  # fmt: skip
    assert moved_since_likelihood(place / "last")


def test_where_the_best_was_likelihood_alone_both_rows_are_of_it(place: Path) -> None:
    task = task_of(place, place)
    with torch.no_grad():
        task.networks["generator"].say.bias.add_(1.0)
    task.evaluate()
    assert all(
        torch.equal(one, other)
        for one, other in zip(
            task.networks["generator"].parameters(), task.networks["likely"].parameters(), strict=True
        )
    )
    if not moved_since_likelihood(place / "run"):  # no score was better than the first
        rows = json.loads((place / "run/evaluation.json").read_text(encoding="utf-8"))["rows"]
        assert rows[MADE] == rows["maximum likelihood alone"]


# --- scores ----------------------------------------------------------------------------------------------------------


def test_bleu_is_that_of_the_paper() -> None:
    true = [["the cat is on the mat", "there is a cat on the mat"]]
    assert bleu(["the cat is on the mat"], true) == pytest.approx(1)
    assert bleu(["the the the the the the the"], true) == 0
    # precisions 5/6, 4/5, 3/4 and 2/3 of "there is a cat on mat" ... of equal length with the reference nearest to it
    said = ["there is a cat on mat"]
    assert bleu(said, true) == pytest.approx((6 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    short = bleu(["there is a cat"], [["there is a cat on the mat"]])
    assert short == pytest.approx(np.exp(1 - 7 / 4))


def test_sentences_are_exact_or_true_or_neither() -> None:
    true = [["a large red cube at the left moves up", "at the left a red cube moves up"]]
    for said, is_exact, is_true in (
        ("a large red cube at the left moves up", True, True), ("a big red cube moves up", False, True),
        ("a small red cube moves up", False, False), ("a red cube at the left", False, False), ("", False, False),
        ("a red ball moves up", False, False),
    ):  # fmt: skip
        assert exact([said], true) == [is_exact]
        assert told_right([said], true) == [is_true]
    assert told_right(["a dog runs"], [["a dog runs"]]) is None


def test_bars_are_what_they_say() -> None:
    clips = torch.randint(0, 256, (6, 2, 3, 8, 8), dtype=torch.uint8)
    assert nearest(clips, clips.roll(1, 0)) == [1, 2, 3, 4, 5, 0]
    captions = [("a red cube turns", "one"), *[("a blue ball stays still", "two")] * 5]
    true = [captions[0], captions[1]]
    scores = score_captions([captions[0][0], "nothing"], ["x", "y"], clips[:2], true, clips, captions)
    assert scores.rows[MADE]["exact"] == 0.5
    assert scores.rows[NEAREST]["exact"] == 1
    assert scores.rows[MAJORITY]["exact"] == 0.5
    assert scores.rows[LIKELIHOOD]["exact"] == scores.rows[TRUE]["exact"] == 0
    assert ScoreRows.from_json(scores.to_json()).rows == scores.rows


# --- a run at work ---------------------------------------------------------------------------------------------------


def test_clips_are_captioned_from_gifs_and_frames(place: Path, limner: CommandLine, here: Path) -> None:
    gif = place / "world/clips/000000.gif"
    (here / "frames").mkdir()
    with np.load(place / "world/clips/clips.npz") as held:
        for number, frame in enumerate(held["videos"][1]):
            Image.fromarray(frame).save(here / f"frames/{number}.png")
    code, out, error = limner("caption", str(place / "run"), str(gif), "frames", "--out", "said.csv")
    assert code == 0, error
    lines = out.splitlines()
    assert [line.rpartition(": ")[0] for line in lines] == [str(gif), "frames"]
    with (here / "said.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["file", "caption"], *(list(line.rpartition(": ")[::2]) for line in lines)]
    again = limner("caption", str(place / "run"), str(gif), "frames", "--out", "said.csv")
    assert again[:2] == (0, out)


def test_a_run_says_what_it_is_and_scores_the_same_again(place: Path) -> None:
    captioner = limner.load(place / "run")
    assert "ClipCaptioner(" in repr(captioner)
    with pytest.raises(UserError, match="two frames or more"):
        captioner.caption(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    found = evaluate_run(open_run(place / "run"), EvaluateOptions())
    assert limner.evaluate(place / "run").to_json()["rows"] == found.to_json()["rows"]
    assert "of other data" in evaluate_run(open_run(place / "run"), EvaluateOptions(), data=[place / "world"]).protocol
    with pytest.raises(UserError, match="use limner caption"):
        generate_media(place / "run", GenerateOptions())


def test_long_and_wide_clips_are_fitted() -> None:
    clip = torch.zeros(9, 3, 20, 40, dtype=torch.uint8)
    clip[:, 0] = torch.arange(9, dtype=torch.uint8)[:, None, None]
    clip[:, 1, :, 10:30] = 200
    fitted = fitted_clip(clip, 3, 10)
    assert fitted.shape == (3, 3, 10, 10)
    assert fitted[:, 0, 0, 0].tolist() == [0, 4, 8]
    assert (fitted[:, 1] == 200).all()


# --- bad input -------------------------------------------------------------------------------------------------------


def table(*rows: str) -> str:
    return "\n".join(["file,caption", *rows])


GOOD = table(*(f"{number:06d},a box" for number in range(20)))


@pytest.mark.parametrize(
    ("videos", "captions", "told"),
    [
        (np.zeros((20, 1, 8, 8, 3), np.uint8), GOOD, "clips of one frame, in which nothing moves"),
        (np.zeros((20, 3, 8, 8), np.uint8), GOOD, "is of shape (20, 3, 8, 8)"),
        (np.zeros((20, 3, 8, 8, 3)), GOOD, "type float64; needed: (N, T, H, W, 3) uint8"),
        (np.zeros((20, 3, 8, 8, 3), np.uint8), table("000000,"), "line 2: the caption of 000000 has no words"),
        (np.zeros((20, 3, 8, 8, 3), np.uint8), table("000000,a box"), "clip 000001 has no caption"),
        (np.zeros((20, 3, 8, 8, 3), np.uint8), table("000099,a box"), "there is no clip 000099 among 20"),
        (np.zeros((20, 3, 8, 8, 3), np.uint8), table("a.gif,a box"), "there is no clip a.gif among 20"),
        (np.zeros((20, 3, 8, 8, 3), np.uint8), "name,says", "its columns are name, says"),
        (np.zeros((9, 3, 8, 8, 3), np.uint8), table(*(f"{each:06d},a box" for each in range(9))), "9 clips; needed"),
        (None, GOOD, "holds no clips.npz"),
        (np.zeros((20, 3, 8, 8, 3), np.uint8), None, "holds no captions.csv"),
    ],
)  # fmt: skip
def test_clips_that_cannot_be(videos: np.ndarray | None, captions: str | None, told: str, tmp_path: Path) -> None:
    if videos is not None:
        np.savez(tmp_path / "clips.npz", videos=videos)
    if captions is not None:
        (tmp_path / "captions.csv").write_text(captions)
    with pytest.raises(UserError) as caught:
        read_clips([tmp_path], frames=2, size_px=16)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gone.mp4"], "gone.mp4: no such file or folder"), (["still.png"], "still.png"), (["empty"], "empty"),
        (["one"], "has one frame; a clip that is told has 2 or more"), (["one", "--out", "a.txt"], "a name in .csv"),
    ],
)  # fmt: skip
def test_what_cannot_be_captioned_is_told_in_a_line(
    words: list[str], told: str, place: Path, limner: CommandLine, here: Path
) -> None:
    (here / "one").mkdir()
    (here / "empty").mkdir()
    Image.new("RGB", (16, 16)).save(here / "one/0.png")
    Image.new("RGB", (16, 16)).save(here / "still.png")
    before = sorted(here.rglob("*"))
    code, out, error = limner("caption", str(place / "run"), *words)
    assert (code, out, error.count("\n")) == (2, "", 1), error
    assert told in error
    assert sorted(here.rglob("*")) == before
