"""Scores with their protocol: what is printed and written, what is refused, folders and runs side by side."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from limner.fidelity import features
from limner.fidelity.described import describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.inception import draw_weights
from limner.fidelity.kernel import kernel_distance
from limner.fidelity.protocol import Protocol
from limner.fidelity.result import PictureScores
from limner.fidelity.score import score_pictures
from limner.foundation.errors import UserError
from limner.generate.scoring import comparison, sides
from limner.generate.scoring.fid import fid
from limner.learning.verbs import compare as compare_pictures

LITE0 = "efficientnet-lite0"


def noise(count: int, seed: int = 0, low: int = 0, high: int = 256) -> torch.Tensor:
    """(count, 3, 16, 16) uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)


def written(folder, pictures):
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))


class Small(torch.nn.Module):
    """A network of 48 random features that answers at once, in the place of EfficientNet-Lite0."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 48, 4, stride=4)
        draw_weights(self, torch.Generator().manual_seed(0))

    def forward(self, image):
        features = self.convolution(image / 127.5 - 1).relu().mean(dim=(2, 3))
        return features, features[:, :10]


def small(device="cpu", resizer=None) -> FeatureExtractor:
    return FeatureExtractor(LITE0, Small(), "small", input_px=16, resizer=resizer or "bilinear", device=device)


@pytest.fixture(scope="module", autouse=True)
def lite0():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(features.FEATURES, LITE0, small)
        yield small()


@pytest.fixture(scope="module")
def scores(lite0) -> PictureScores:
    return score_pictures(noise(14), noise(12, 1, 0, 200), lite0, resamples=20)


def test_every_score_lies_in_its_range_and_its_interval(scores):
    assert list(scores.scores) == ["kid", "fid", "precision", "recall", "density", "coverage", "is"]  # few: KID first
    for name in ("kid", "fid", "is"):
        score = scores.scores[name]
        assert score.low < score.value < score.high
    assert all(0 <= scores[name] <= 1 for name in ("precision", "recall", "coverage"))
    assert 1 <= scores["is"] <= 10
    assert (
        scores.scores["kid"].spread == pytest.approx((scores["kid"], 0), abs=1e-9) or scores.protocol.subset_size == 12
    )


def test_subsets_of_all_pictures_are_no_subsets(lite0):
    assert score_pictures(noise(12), noise(12, 1), lite0, resamples=0).scores["kid"].spread is None
    assert score_pictures(noise(12), noise(12, 1), lite0, resamples=0, subset_size=9).scores["kid"].spread is not None


def test_more_pictures_than_dimensions_put_the_fid_first(lite0):
    found = score_pictures(noise(49), noise(60, 1), lite0, resamples=0)
    assert found.leading == "fid"
    assert found.scores["fid"].interval is None
    assert any("compare it only at these counts" in note for note in found.notes)


def test_the_flat_constant_is_the_kid_of_pictures_of_the_real_ones_mean_colors(scores, lite0):
    real = noise(14)
    flat = real.float().mean(dim=(2, 3), keepdim=True).round().to(torch.uint8).expand_as(real)
    expected = kernel_distance(lite0.extract(real), lite0.extract(flat))
    assert scores.flat_kid == pytest.approx(expected, rel=1e-3)


def test_the_same_seed_gives_the_same_scores_and_another_other_intervals(scores, lite0):
    again = score_pictures(noise(14), noise(12, 1, 0, 200), LITE0, resamples=20)
    assert again == scores
    other = score_pictures(noise(14), noise(12, 1, 0, 200), lite0, resamples=20, seed=1)
    assert other["kid"] == scores["kid"]
    assert other.scores["kid"].low != scores.scores["kid"].low
    assert not scores.protocol.differs(other.protocol)


def test_scores_come_back_from_json(scores):
    assert PictureScores.from_json(json.loads(json.dumps(scores.to_json()))) == scores


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda value: [], "a.json: holds no scores of pictures"),
        (lambda value: {**value, "protocol": None}, "a.json: holds no protocol"),
        (lambda value: {**value, "protocol": {**value["protocol"], "seed": "0"}}, r"its protocol lacks 'seed' \(int\)"),
        (lambda value: {**value, "scores": {"kid": {"value": 1}}}, "a.json: kid: says nothing of low, high"),
        (lambda value: {**value, "flat_kid": None}, "a.json: holds no KID of generated and of flat pictures"),
    ],
)
def test_json_of_another_form_is_one_line(scores, change, expected):
    with pytest.raises(UserError, match=expected):
        PictureScores.from_json(change(scores.to_json()), "a.json")


def test_the_table_names_the_features_warns_and_states_the_protocol(scores):
    text = scores.to_markdown()
    assert "| KID[efficientnet-lite0] | " in text
    assert "FID[efficientnet-lite0]" in text
    assert "| precision, % | " in text
    assert "Only 12 pictures on a side, no more than the 48 feature dimensions" in text
    assert "The IS says nothing where all pictures are of one class" in text
    assert f"weights {scores.protocol.weights}" in text
    assert "bilinear to 16 px" in text
    assert "seed 0" in text


def test_other_sizes_and_one_lossy_side_are_told(lite0):
    real, fake = describe(noise(10), lite0), describe(noise(10)[..., :12], lite0)
    notes = score_pictures(real, replace(fake, lossy=True), lite0, resamples=0).notes
    assert any("other sizes (16 x 16 and 12 x 16 px)" in note for note in notes)
    assert any("The generated pictures alone come from lossy files" in note for note in notes)


def test_too_few_pictures_are_refused(lite0):
    with pytest.raises(UserError, match="3 generated pictures; needed: 10 or more"):
        score_pictures(noise(12), noise(3), lite0)


def test_descriptions_by_another_extractor_are_a_mistake_of_the_caller(lite0):
    other = FeatureExtractor.of(LITE0, resizer="bicubic")
    with pytest.raises(ValueError, match="describe them anew"):
        score_pictures(describe(noise(10), other), noise(10), lite0)


def protocol(**changes) -> Protocol:
    values = {
        "features": "inception", "weights": "aa", "resizer": "bicubic to 299 px", "quantized": "8 bit",
        "alpha": "green",
        "real": "cc", "real_count": 10, "fake_count": 20, "subsets": 100, "subset_size": 10, "splits": 10,
        "neighbors": 3,
        "coverage_neighbors": 5, "resamples": 200, "seed": 0, "version": "1",
    }  # fmt: skip
    return Protocol(**{**values, **changes})


def test_protocols_differ_in_words_and_not_by_seed_version_or_resamples():
    assert protocol().differs(protocol(seed=1, version="2", resamples=0)) == ""
    assert protocol().differs(protocol(features=LITE0)) == "features: inception and efficientnet-lite0"
    both = protocol().differs(protocol(resizer="tensorflow to 299 px", fake_count=30))
    assert both == "resizing: bicubic to 299 px and tensorflow to 299 px; generated pictures: 20 and 30"


def test_fid_scores_two_folders(tmp_path, scores):
    real, fake = written(tmp_path / "real", noise(14)), written(tmp_path / "fake", noise(12, 1, 0, 200))
    found = fid(real, fake, features=LITE0, device="cpu", resamples=20)
    assert found["kid"] == pytest.approx(scores["kid"], rel=1e-3)
    assert found.protocol == scores.protocol
    assert found.scores["recall"] == scores.scores["recall"]


def test_fid_of_a_folder_to_itself_is_zero(tmp_path):
    folder = written(tmp_path / "a", noise(12))
    found = fid(folder, folder, features=LITE0, resamples=0)
    assert found["fid"] == pytest.approx(0, abs=1e-6)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_fid_means_inception_and_never_takes_another_silently(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    folder = written(tmp_path / "a", noise(10))
    with pytest.raises(
        UserError, match=r"needs weights-inception.*\.pth .*add --download, or use --features efficient"
    ):
        fid(folder, folder)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"features": "lite0"}, "no features are called 'lite0'"),
        ({"features": LITE0, "samples": 20}, "--samples is for runs"),
        ({"features": LITE0, "resizer": "nearest"}, "no resizing is called 'nearest'; known: bicubic"),
        ({"features": LITE0, "weights": "w.pth"}, "--weights is for the features inception"),
        ({"features": LITE0, "device": "tpu"}, "device is 'tpu'"),
        ({"weights": "nowhere.pth"}, "nowhere.pth: no such file"),
    ],
)
def test_options_that_do_not_fit_are_one_line(tmp_path, options, expected):
    folder = written(tmp_path / "a", noise(10))
    with pytest.raises(UserError, match=expected) as caught:
        fid(folder, folder, **options)
    assert "\n" not in str(caught.value)


def run_of(folder, scores=None, task="generate"):
    """A run's folder with what comparing reads of it."""
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"format_version": 1, "task": task}))
    if scores is not None:
        (folder / "evaluation.json").write_text(json.dumps(scores.to_json()))
    return folder


@pytest.fixture
def playing_runs(monkeypatch):
    """Runs that hold out `noise(14)` and make `noise` of a seed; gives the list of what was asked of them."""
    asked = []

    def make_pictures(run, count, *, device, seed):
        asked.append((run.name, count, seed))
        return noise(count, 1, 0, 200)

    for module in (comparison, sides):
        monkeypatch.setattr(module, "make_pictures", make_pictures)
    monkeypatch.setattr(comparison, "unseen_by", lambda run: noise(14, 99 if run.name == "strange" else 0))
    return asked


def test_fid_takes_a_run_that_makes_as_many_as_there_are_real_ones(tmp_path, playing_runs):
    real, run = written(tmp_path / "real", noise(14)), run_of(tmp_path / "run")
    assert fid(real, run, features=LITE0, resamples=0, seed=3).protocol.fake_count == 14
    assert fid(real, run, features=LITE0, resamples=0, samples=11).protocol.fake_count == 11
    assert playing_runs == [("run", 14, 3), ("run", 11, 0)]
    with pytest.raises(UserError, match="a run; REAL must be a folder"):
        fid(run, real, features=LITE0)


def test_a_run_of_another_room_is_refused(tmp_path):
    real, run = written(tmp_path / "real", noise(14)), run_of(tmp_path / "run", task="segment")
    with pytest.raises(UserError, match="a run of the room segment; needed"):
        fid(real, run, features=LITE0)


def test_evaluated_runs_are_compared_without_pictures(tmp_path, scores, playing_runs):
    better = with_score(scores, "kid", 0.001, -0.002, 0.003)
    first, second = run_of(tmp_path / "first", scores), run_of(tmp_path / "second", better)
    table = compare_pictures([str(first), f"mine={second}"])
    assert playing_runs == []
    text = table.to_markdown()
    assert text.startswith("| pictures | KID[efficientnet-lite0] | FID[efficientnet-lite0] | precision, % |")
    assert "| first | " in text
    assert "| mine | **0.0010** |" in text
    assert text.count("**") == 2
    assert "| flat mean colors | " in text
    assert "go by the KID" in text


def test_scores_of_other_protocols_are_not_ranked(tmp_path, scores, playing_runs):
    other = replace(scores, protocol=replace(scores.protocol, features="inception", fake_count=50))
    first, second = run_of(tmp_path / "first", scores), run_of(tmp_path / "second", other)
    with pytest.raises(
        UserError, match=r"not scored alike \(features: .* and inception; generated pictures: 12 and 50\)"
    ):
        compare_pictures([str(first), str(second)])
    with pytest.raises(UserError, match=r"file are not scored alike .*add --data FOLDER"):
        (tmp_path / "file.json").write_text(json.dumps(other.to_json()))
        compare_pictures([str(first), f"file={tmp_path / 'file.json'}", f"x={written(tmp_path / 'x', noise(12))}"])


def test_another_tools_folder_is_scored_as_the_run_was(tmp_path, scores, playing_runs):
    run, folder = run_of(tmp_path / "run", scores), written(tmp_path / "samples", noise(13, 5))
    table = compare_pictures([str(run), f"stylegan3={folder}"])
    assert playing_runs == []  # its evaluation.json is by this protocol
    assert [name for name, _ in table.rows] == ["run", "stylegan3"]
    assert table.rows[0][1] == scores
    assert table.rows[1][1].protocol.fake_count == 12


def test_data_scores_all_anew_where_the_protocol_changes(tmp_path, scores, playing_runs):
    run, folder = run_of(tmp_path / "run", scores), written(tmp_path / "samples", noise(13, 5))
    data = written(tmp_path / "real", noise(20, 7))
    table = compare_pictures([str(run), str(folder)], data=data, samples=11, columns=["fid", "coverage", "kid"])
    assert playing_runs == [("run", 11, 0)]
    assert table.columns == ("kid", "fid", "coverage")  # few pictures: the KID leads
    assert {row.protocol.real_count for _, row in table.rows} == {20}


def test_runs_that_hold_out_other_pictures_need_data(tmp_path, scores, playing_runs):
    first, second = run_of(tmp_path / "first", scores), run_of(tmp_path / "strange")
    with pytest.raises(UserError, match="first and strange hold out other pictures; add --data"):
        compare_pictures([str(first), str(second)])


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        (["samples"], {}, "folders alone do not say what is real; add --data"),
        (["nowhere"], {}, "nowhere: no such run, evaluation or folder"),
        (["gone.json"], {}, "gone.json: no evaluation there"),
        (["samples"], {"columns": ["lpips"]}, "no column 'lpips'; choose of kid"),
        (["samples"], {"data": "samples", "samples": 99, "features": LITE0}, "13 pictures, fewer than --samples 99"),
    ],
)
def test_comparisons_that_cannot_be_are_one_line(tmp_path, monkeypatch, words, options, expected):
    written(tmp_path / "samples", noise(13))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=expected):
        compare_pictures(words, **options)


def test_tables_are_written_in_three_forms(tmp_path, scores):
    table = comparison.PictureComparison((("a_b", scores), ("c", scores)))
    for suffix in ("md", "csv", "tex"):
        table.write(tmp_path / f"t.{suffix}")
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert float(rows[0]["kid"]) == scores["kid"]
    assert float(rows[1]["kid_high"]) == scores.scores["kid"].high
    tex = (tmp_path / "t.tex").read_text()
    assert r"a\_b & " in tex
    assert "textbf" not in tex  # the rows are alike: none is best
    assert tex.count(r"\\") == 4
    with pytest.raises(UserError, match=r"tables are written as \.md, \.csv, \.tex"):
        table.write(tmp_path / "t.doc")


def with_score(scores, name, value, low, high) -> PictureScores:
    """The same scores but for one of them."""
    changed = replace(scores.scores[name], value=value, low=low, high=high)
    return replace(scores, scores={**scores.scores, name: changed})


FIRST = (0.20, 0.15, 0.25)


@pytest.mark.parametrize(
    ("others", "bold"),
    [
        ([(0.40, 0.35, 0.45)], "first"),  # apart
        ([(0.10, 0.05, 0.14), (0.40, 0.35, 0.45)], "second"),  # lower is better
        ([(0.20, 0.15, 0.25)], None),  # a tie
        ([(0.20001, 0.26, 0.27)], None),  # a tie as printed
        ([(0.24, 0.19, 0.29)], None),  # intervals overlap
        ([(0.30, 0.25, 0.35)], None),  # intervals touch
        ([(0.40, 0.35, 0.45), (0.21, 0.16, 0.26)], None),  # it overlaps one of two others
        ([(0.40, 0.35, 0.45), (0.41, 0.36, 0.46)], "first"),  # the others overlap each other only
        ([(0.40, None, None)], "first"),  # no intervals were asked for
        ([], None),  # nothing to be better than
    ],
)
def test_only_what_is_best_beyond_doubt_is_bold(scores, others, bold):
    rows = [
        (name, with_score(scores, "kid", *values))
        for name, values in zip(("first", "second", "third"), [FIRST, *others], strict=False)
    ]
    table = comparison.PictureComparison(tuple(rows), ("kid",))
    marked = {
        "md": [line.split(" | ")[0].strip("| ") for line in table.to_markdown().splitlines() if "**" in line],
        "tex": [line.split(" & ")[0] for line in table.to_tex().splitlines() if r"\textbf{" in line],
    }
    assert marked["md"] == marked["tex"] == ([] if bold is None else [bold])
    assert not any(sign in table.to_csv() for sign in ("**", "textbf"))
    assert ("Bold: the best of its column" in table.to_markdown()) == bool(others)


def test_of_scores_where_more_is_better_the_highest_is_bold(scores):
    low, high = (with_score(scores, "recall", value, value - 0.01, value + 0.01) for value in (0.5, 0.7))
    text = comparison.PictureComparison((("low", low), ("high", high)), ("recall",)).to_markdown()
    assert "| high | **70.0** |" in text
    assert text.count("**") == 2


def test_a_smaller_draw_of_a_set_is_of_the_seed(lite0):
    seen = describe(noise(12), lite0)
    assert seen.some(12) is seen
    part = seen.some(5, seed=2)
    assert torch.equal(part.features, seen.some(5, seed=2).features)
    assert part.count == 5
    assert part.pixels != seen.pixels
    assert len(np.unique(part.features.numpy(), axis=0)) == 5
