"""A threshold for a scene without labels is the one of the highest F1 that calibrated probabilities promise."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from drawing import draw_scene
from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.learning.verbs import evaluate
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.measures.thresholds import best_expected, meaning_of, middles

SMALL = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}


def test_the_best_expected_threshold_is_that_of_a_slow_search() -> None:
    for seed in range(5):
        generator = np.random.default_rng(seed)
        said = generator.integers(0, 1000, 256) * (generator.random(256) < 0.5)
        meaning = np.sort(generator.random(256))
        expected = []
        for step in range(1, 256):
            found = sum(said[at] * meaning[at] for at in range(step, 256))
            expected.append(2 * found / (said[step:].sum() + (said * meaning).sum()))
        assert expected[best_expected(said, meaning) - 1] == pytest.approx(max(expected))
    assert best_expected(np.zeros(256), middles()) == 128


@pytest.mark.parametrize("seed", range(3))
def test_of_calibrated_probabilities_it_is_nearly_the_best_there_is(seed: int) -> None:
    """Networks that say too little: what they call 0.2 is an object in three of five cases."""
    generator = np.random.default_rng(seed)
    truth = generator.random(40_000) < 0.4
    real = 1 / (1 + np.exp(-(generator.normal(0, 1.2, truth.size) + 2.5 * (truth - 0.5))))
    said = real**3
    steps = np.minimum(said * 256, 255).astype(int)
    counts = np.bincount(256 * truth + steps, minlength=512).reshape(2, 256)
    meaning = counts[1] / np.maximum(1, counts.sum(0))
    called = counts[:, ::-1].cumsum(1)[:, ::-1]
    f1 = 2 * called[1] / (called.sum(0) + counts[1].sum())
    chosen = best_expected(counts.sum(0), np.maximum.accumulate(meaning))
    assert f1[chosen] > f1.max() - 0.01 and f1[chosen] > f1[128] + 0.1


def test_what_probabilities_mean_is_read_from_the_held_out_ground_alone(trained: Path, tmp_path: Path) -> None:
    run = Run(trained / "run")
    evaluation = json.loads((run.folder / "evaluation.json").read_text(encoding="utf-8"))
    meaning = meaning_of([run])
    assert meaning.calibrated and meaning.shares.shape == (256,) and (np.diff(meaning.shares) >= 0).all()
    counts = np.array(evaluation["calibration"]["counts"])
    held_out = 2 * meaning.shares - middles()  # halfway between what was so there and what the network says
    assert (held_out * counts.sum(0)).sum() == pytest.approx(counts[1].sum(), rel=1e-6)  # as isotonic regression keeps
    for change in ({"protocol": {**evaluation["protocol"], "pixels": "all labelled pixels"}}, {"calibration": None}):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        told = {**evaluation, **change}
        if told["calibration"] is None:
            del told["calibration"]
        (folder / "evaluation.json").write_text(json.dumps(told), encoding="utf-8")
        (folder / "model.json").write_text((run.folder / "model.json").read_text(encoding="utf-8"), encoding="utf-8")
        alone = meaning_of([Run(folder)])
        assert not alone.calibrated and (alone.shares == middles()).all()


def test_a_map_is_made_with_the_threshold_that_its_scene_asks_for(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
    torch.manual_seed(0)
    scene = draw_scene(here / "s.tif")
    (made,) = map_scenes(trained / "run", [scene], "maps", threshold="auto", probabilities=True, **SMALL)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "promise the highest F1" in line]
    record = json.loads((made.classes.parent / "s_map.json").read_text(encoding="utf-8"))
    chosen = record["request"]["threshold"]
    assert f"threshold {chosen:.2f}, where its probabilities, halfway calibrated on the run's held-out ground" in line
    assert 0 < chosen < 1 and chosen == round(chosen * 256) / 256
    (again,) = map_scenes(trained / "run", [scene], "maps", threshold="auto", probabilities=True, **SMALL)
    assert again.skipped
    with pytest.raises(UserError, match="made from something else"):
        map_scenes(trained / "run", [scene], "maps", threshold=0.9, probabilities=True, **SMALL)
    with pytest.raises(UserError, match="in its own colors"):
        map_scenes(trained / "run", [scene], "other", threshold="auto", harmonize="mkl", **SMALL)
    with pytest.raises(UserError, match=r"--threshold 1.5: needs .*, or auto"):
        map_scenes(trained / "run", [scene], "other", threshold=1.5, **SMALL)


def test_a_run_trained_so_chooses_for_each_scene_and_each_area_by_itself(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
    shutil.copytree(trained / "run", here / "run")
    facts = json.loads((here / "run/model.json").read_text(encoding="utf-8"))
    assert facts["threshold_by_scene"] is False
    (here / "run/model.json").write_text(json.dumps({**facts, "threshold_by_scene": True}), encoding="utf-8")
    torch.manual_seed(0)
    scene = draw_scene(here / "s.tif")
    maps = {
        name: map_scenes(run, [scene], name, **options, **SMALL)[0]
        for name, run, options in (
            ("asked", trained / "run", {"threshold": "auto"}),
            ("by_itself", here / "run", {}),
            ("half", here / "run", {"threshold": 0.5}),
        )
    }
    chosen = {
        name: json.loads((here / name / "s_map.json").read_text(encoding="utf-8"))["request"]["threshold"]
        for name in maps
    }
    assert chosen["by_itself"] == chosen["asked"] != 0.5 == chosen["half"]
    assert maps["by_itself"].pixels == maps["asked"].pixels != maps["half"].pixels

    data = trained / "town"
    by_itself, asked = evaluate(here / "run", data=data), evaluate(trained / "run", data=data, threshold="auto")
    half, usual = evaluate(here / "run", data=data, threshold=0.5), evaluate(trained / "run", data=data)
    assert by_itself.areas == asked.areas and half.areas == usual.areas
    assert str(by_itself.protocol.threshold).startswith("chosen without labels (")
    assert half.protocol.threshold == usual.protocol.threshold == 0.5
    with pytest.raises(UserError, match="that the run was not trained on; name one with --data"):
        evaluate(trained / "run", threshold="auto")
    assert evaluate(here / "run").protocol.threshold == 0.5
