"""Scores of what is made of the networks' answers: several runs, turned pictures, a CRF."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from drawn import TinyNetwork, draw_picture, recipe_for, save_area
from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.learning.verbs import evaluate
from limner.segment.measures import tally
from limner.segment.measures.counts import Counts
from limner.segment.networks import NETWORKS
from limner.segment.predicting.crf.dense_crf import DenseCrf
from limner.segment.predicting.crf.options import CrfOptions
from limner.segment.predicting.predictor import load_predictor
from limner.segment.predicting.turns import TURNS
from limner.segment.scoring.annotated import AnnotatedGround, AnnotatedPart

PICTURES = [draw_picture(128, 160, seed=seed, noise=60) for seed in (50, 51)]


@pytest.fixture(autouse=True, scope="module")
def quiet_machine() -> Iterator[None]:
    """The tiny network is known, and numbers are float32 on any processor, of one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", TinyNetwork)
        patch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An area, two runs that learned a little of it, and a noisy place that neither saw."""
    folder = tmp_path_factory.mktemp("home")
    save_area(folder / "north", [draw_picture(128, 160, seed=seed, noise=25) for seed in range(3)])
    save_area(folder / "place", PICTURES)
    for name, seed in (("run", "0"), ("other", "5")):
        recipe = recipe_for(folder, [folder / "north"], "--epochs", "1", "--seed", seed)
        train_recipe(recipe, name, out=folder / name)
    return folder


def planes_of(run: Path, values: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """(classes, h, w) probabilities of a padded picture in one pass."""
    known = np.ones(values.shape[1:], bool) if valid is None else valid
    return load_predictor(Run(run)).probabilities(values[None], known[None])[0]


def padded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    around = tally.CONTEXT_PX
    return np.pad(values, ((0, 0), (around, around), (around, around))), np.pad(np.ones(values.shape[1:], bool), around)


def inner(planes: np.ndarray) -> np.ndarray:
    around = tally.CONTEXT_PX
    return planes[:, around:-around, around:-around]


def counted(planes: list[np.ndarray], threshold: float = 0.5) -> Counts:
    classes = [(each[1] >= threshold).astype(np.uint8) for each in planes]
    pairs = zip(PICTURES, classes, strict=True)
    return sum((Counts.of(picture.mask, called) for picture, called in pairs), Counts.zero(2))


def test_several_runs_are_scored_by_the_mean_of_their_probabilities(home: Path, tmp_path: Path) -> None:
    found = evaluate(
        home / "run", data=home / "place", ensemble=(str(home / "other"),), normalize="run", out=tmp_path / "e.json"
    )
    means = []
    for picture in PICTURES:
        values, valid = padded(picture.values)
        means.append(inner((planes_of(home / "run", values, valid) + planes_of(home / "other", values, valid)) / 2))
    assert found.pooled == counted(means)
    assert found.protocol.answers == "the mean of 2 networks"
    assert "Probabilities: the mean of 2 networks." in found.to_markdown()
    alone = [evaluate(home / name, data=home / "place", out=tmp_path / "e.json").pooled for name in ("run", "other")]
    assert found.pooled not in alone and len(set(map(str, alone))) == 2


def test_turned_pictures_are_scored_by_the_mean_over_the_eight_ways(home: Path, tmp_path: Path) -> None:
    found = evaluate(home / "run", data=home / "place", tta=True, normalize="run", out=tmp_path / "e.json")
    means = []
    for picture in PICTURES:
        values, valid = padded(picture.values)
        total = np.zeros((2, *values.shape[1:]))
        for quarters, mirrored in TURNS:
            one, known = (values[:, :, ::-1], valid[:, ::-1]) if mirrored else (values, valid)
            one, known = np.rot90(one, quarters, (1, 2)), np.rot90(known, quarters)
            planes = np.rot90(planes_of(home / "run", one.copy(), known.copy()), -quarters, (1, 2))
            total += planes[:, :, ::-1] if mirrored else planes
        means.append(inner(total / len(TURNS)))
    differing = np.abs(found.pooled.matrix - counted(means).matrix).sum() / 2
    assert differing <= 2  # pixels at the threshold, which rounding decides
    assert found.protocol.answers == "flipped and turned"


def test_the_crf_is_scored_as_it_is_over_the_whole_picture(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "CELL_PX", 64)
    found = evaluate(home / "run", data=home / "place", crf=True, normalize="run", out=tmp_path / "e.json")
    plain = evaluate(home / "run", data=home / "place", normalize="run", out=tmp_path / "e.json")
    together = np.concatenate([picture.values.reshape(3, -1) for picture in PICTURES], 1).astype(np.float64)
    mean, std = (each[:, None, None].astype(np.float32) for each in (together.mean(1), together.std(1)))
    smoothed = []
    for picture in PICTURES:
        values, valid = padded(picture.values)
        planes = np.where(valid, planes_of(home / "run", values, valid), np.float32(0.5))
        colors = np.where(valid, (values.astype(np.float32) - mean) / std, np.float32(0))
        crf = DenseCrf(torch.from_numpy(colors), torch.from_numpy(valid), CrfOptions())
        smoothed.append(inner(crf(torch.from_numpy(planes)).numpy()))
    expected = counted(smoothed)
    moved = np.abs(plain.pooled.matrix - expected.matrix).sum() / 2
    off = np.abs(found.pooled.matrix - expected.matrix).sum() / 2
    assert moved > 20 * max(1, off)  # cells of 64 px change hardly anything, the CRF much
    assert found.protocol.answers == "through the CRF"
    softer = evaluate(home / "run", data=home / "place", crf=True, crf_color_weight=0.0, out=tmp_path / "e.json")
    assert softer.protocol.answers == "through the CRF (color_weight 0)" and softer.pooled != found.pooled


def test_validation_ground_is_scored_through_turns_and_the_crf_too(home: Path, tmp_path: Path) -> None:
    plain = evaluate(home / "run", out=tmp_path / "e.json")
    found = evaluate(home / "run", tta=True, crf=True, out=tmp_path / "e.json")
    assert found.pooled.pixels == plain.pooled.pixels and found.pooled != plain.pooled
    assert found.protocol == plain.protocol._replace(answers="flipped and turned, through the CRF")


def test_several_runs_are_not_scored_where_one_may_have_learned(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"may have learned from this run's validation ground.*--data"):
        evaluate(home / "run", ensemble=(str(home / "other"),))
    with pytest.raises(UserError, match="--crf-steps is a setting of the CRF: add --crf"):
        evaluate(home / "run", crf_steps=3)
    with pytest.raises(UserError, match="colors of one run"):
        evaluate(home / "run", data=home / "place", ensemble=(str(home / "other"),), harmonize="mkl")
    with pytest.raises(UserError, match="no run 'nowhere'"):
        evaluate(home / "run", data=home / "place", ensemble=("nowhere",))


def test_ground_that_any_of_the_runs_was_refined_on_is_left_out(home: Path, tmp_path: Path) -> None:
    annotated = np.full_like(PICTURES[0].mask, 255)
    annotated[:40, :50] = 1
    save_area(tmp_path / "spot", [PICTURES[0]._replace(mask=annotated)])
    scene = home / "place" / "images" / "0.tif"
    part = AnnotatedPart(tmp_path / "spot" / "masks" / "0.tif", str(scene.resolve()))
    with pytest.MonkeyPatch.context() as patch:
        grounds = {"run": AnnotatedGround(), "other": AnnotatedGround([part])}
        patch.setattr("limner.segment.scoring.evaluate.annotated_ground", lambda run: grounds[run.folder.name])
        found = evaluate(home / "run", data=home / "place", ensemble=(str(home / "other"),), out=tmp_path / "e.json")
    assert found.pooled.pixels == 2 * 128 * 160 - 40 * 50
