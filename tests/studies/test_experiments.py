"""Experiments: each runs, is taken up where it was killed, and its sentences follow from its numbers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from limner.learning.rooms import named
from limner.learning.seed_table import Measure, SeedTable
from limner.studies import depth, kernels, normalization, pooling, sparsity, unpooling
from limner.studies.digits import Side, digits, moved
from limner.studies.experiment import Experiment, compared
from limner.studies.listing import EXPERIMENTS

CommandLine = Callable[..., tuple[int, str, str]]
LONG = {"convnets/kernels": ("supervised", "pixels", "random", "Gabor"), "convnets/depth": depth.ARMS[:2]}
"""Arms that a test has time for."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pictures, so that all experiments run in seconds."""
    for module in {place.partition(":")[0] for place, _ in EXPERIMENTS.values()}:
        monkeypatch.setattr(f"{module}.digits", few_digits, raising=False)
    monkeypatch.setattr(unpooling, "TRAINING", 8)
    monkeypatch.setattr(unpooling, "HELD_OUT", 4)
    monkeypatch.setattr(kernels, "LABELS", (20, 50, 100, 200, 320))


def few_digits(seed: int, size_px: int = 16, margin_px: int = 0) -> tuple[Side, Side]:
    training, held_out = digits(seed, size_px, margin_px)
    return Side(training.pictures[:320], training.labels[:320]), Side(held_out.pictures[:100], held_out.labels[:100])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_measures_all_that_it_names_and_says_what_it_found(
    small: None, here: Path, limner: CommandLine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment: Experiment = named(EXPERIMENTS[name][0])
    assert experiment.name == name
    if name == "convnets/kernels":
        monkeypatch.setattr(kernels, "column", lambda count: f"{count} labels" if count != 320 else "all labels")
        experiment = replace(experiment, measures=tuple(Measure(kernels.column(each)) for each in kernels.LABELS))
    if name in LONG:
        experiment = replace(experiment, arms=LONG[name], finding=lambda table: ["nothing."])
    module, _, attribute = EXPERIMENTS[name][0].partition(":")
    monkeypatch.setattr(f"{module}.{attribute}", experiment)
    code, out, _ = limner("study", name, "--seeds", "1", "--steps", "2", "--out", "found")
    assert code == 0
    assert out.startswith("Careful: one seed")
    assert "Claim: " in out and "Found: " in out
    results = json.loads((here / "found/results.json").read_text())["results"]
    assert list(results) == list(experiment.arms)
    measured = {
        name: [each[name] for arm in results.values() for each in arm.values()]
        for name in results[experiment.arms[0]]["0"]
    }
    assert set(measured) == {measure.name for measure in experiment.measures}
    for values in measured.values():
        assert any(value is not None for value in values)
        assert all(value is None or np.isfinite(value) for value in values)
    assert {path.name for path in (here / "found").iterdir()} == {
        "results.json", "found.md", "figure.png", "table.md", "table.csv", "table.tex",
    }  # fmt: skip


class Killed(BaseException):
    """As a kill is: nothing of limner's catches it."""


def test_a_killed_experiment_measures_only_what_is_missing(
    here: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def measure(arm: str, seed: int, steps: int) -> dict[str, float | None]:
        if len(asked) == 3:
            raise Killed
        asked.append((arm, seed))
        return {"accuracy": float(len(arm) + seed * steps)}

    experiment = replace(
        named(EXPERIMENTS["convnets/permutation"][0]), measure=measure, arms=("a", "bb"), finding=lambda table: ["."]
    )
    monkeypatch.setattr("limner.studies.permutation.PERMUTATION", experiment)
    words = ("study", "convnets/permutation", "--seeds", "3", "--out", "found")
    with pytest.raises(Killed):
        limner(*words)
    asked[:] = [*asked[:3], ("", 0)]  # more than three: it is not killed again
    assert limner(*words)[0] == 0
    assert asked[4:] == [("bb", 1), ("a", 2), ("bb", 2)]
    straight = (here / "found/table.csv").read_text()
    assert "a,accuracy" in straight.replace('"', "") and straight.count("\n") == 3
    code, _, said = limner(*words, "--steps", "7")
    assert code == 2
    assert "holds convnets/permutation of 200 steps" in said


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["convnets/poling"], "did you mean 'convnets/pooling'?"),
        (["convnets/pooling", "--grid", "a=1,2"], "it takes no --grid"),
        (["convnets/pooling", "--epochs", "3"], "it takes no --epochs"),
        (["convnets/pooling", "--seeds", "0"], "needed: 1 or more"),
    ],
)  # fmt: skip
def test_what_an_experiment_cannot_take_is_refused(
    here: Path, limner: CommandLine, words: list[str], answer: str
) -> None:
    code, _, said = limner("study", *words, "--out", "found")
    assert code == 2
    assert answer in said
    assert not (here / "found").exists()


def test_sentences_follow_from_intervals() -> None:
    def table(*values: float) -> SeedTable:
        rows = {"one": tuple({"x": 0.0} for _ in values), "two": tuple({"x": each} for each in values)}
        return SeedTable((Measure("x", unit="%"),), tuple(range(len(values))), rows)

    assert compared(table(1.0, 1.1, 0.9), "two", "x").startswith("is 1.00 above (+0.75 to +1.25)")
    assert compared(table(-1.0, -1.1, -0.9), "two", "x").startswith("is 1.00 below (-1.25 to -0.75)")
    assert compared(table(1.0, -1.2, 0.9), "two", "x") == "is 0.23 above, which 3 seeds cannot tell from luck"
    assert compared(table(1.0), "two", "x") == "is 1.00 above (one seed)"


def test_edges_take_the_four_numbers_of_the_books_figure_and_both_ways_agree() -> None:
    counts = sparsity.edge_counts()
    assert counts["convolution"] == 267_960
    assert counts["dense matrix"] == 320 * 280 * 319 * 280 == 8_003_072_000
    assert counts["sparse matrix"] == 178_640
    assert round(counts["dense by convolution"]) == 59_733
    matrix = sparsity.edges_by_matrix(4, 6)
    assert matrix.nnz == 2 * 4 * 5
    picture = np.arange(24.0).reshape(4, 6) ** 2
    np.testing.assert_allclose(matrix @ picture.ravel(), (picture[:, 1:] - picture[:, :-1]).ravel())
    assert all(seconds > 0 for seconds in sparsity.edge_seconds(28, 32, repeats=1).values())


def test_data_are_parted_by_the_seed_and_moved_by_whole_pixels() -> None:
    training, held_out = digits(0)
    assert (len(training.labels), len(held_out.labels)) == (1297, 500)
    assert not torch.equal(held_out.labels, digits(1)[1].labels)
    assert torch.equal(held_out.pictures, digits(0)[1].pictures)
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    assert moved(picture, 1, -1)[0, 0].tolist() == [[0, 4, 5, 6], [0, 8, 9, 10], [0, 12, 13, 14], [0, 0, 0, 0]]
    assert torch.equal(moved(picture, 0), picture)


def test_light_changes_are_what_they_are_called_and_contrast_normalizations_undo_theirs() -> None:
    pictures = digits(0)[1].pictures[:8]
    changed = normalization.light_changes(pictures)
    torch.testing.assert_close(changed["both"], 0.3 * pictures + 0.5)
    clean = normalization.normalize(pictures, "global contrast", 0, 1)
    for name in ("contrast x 0.3", "brighter by 0.5", "both"):
        torch.testing.assert_close(
            normalization.normalize(changed[name], "global contrast", 0, 1), clean, atol=1e-4, rtol=1e-3
        )
    ramp = normalization.normalize(changed["ramp of light"], "global contrast", 0, 1)
    assert (ramp - clean).abs().mean() > 0.1


def test_borders_and_ratios_are_measured_as_said() -> None:
    labels = torch.zeros(1, 9, 9, dtype=torch.int64)
    labels[:, :, 4:] = 1
    near = unpooling.near_borders(labels)[0]
    assert near[0].tolist() == [False, False, True, True, True, True, False, False, False]
    torch.manual_seed(0)
    network = depth.DeepNet(8, residual=False, norm=False)
    with torch.no_grad():  # a first block whose second layer is a thousandth as strong gets a gradient as much weaker
        side = Side(torch.rand(8, 1, 16, 16), torch.arange(8))
        before = depth.gradient_ratio(network, side)
        network.blocks[0].second.weight.mul_(1e-3)  # type: ignore[union-attr, operator]
        network.blocks[0].second.bias.zero_()  # type: ignore[union-attr, operator]
        after = depth.gradient_ratio(network, side)
    assert np.isfinite(before)
    assert after != before
    sides = pooling._sides(Side(torch.ones(50, 1, 28, 28), torch.zeros(50).long()), 0)
    empty_left = (sides.pictures[:, 0, :, 0] == 0).all(1)
    assert torch.equal(empty_left, sides.labels == 1)
