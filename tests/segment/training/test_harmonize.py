"""Scenes in the colors of training areas: what is matched, what stays, and that mapping and scoring see the same."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from drawing import draw_area, draw_mask, draw_picture, draw_scene, write_raster
from limner.colors.harmonize import HARMONIZERS, Harmonizer, distance, harmonized, nearest, summarize_raster
from limner.colors.summary import ColorSummary, merged, read_summaries, summarize
from limner.foundation.errors import UserError
from limner.learning.runs.opening import open_run
from limner.recolor.recoloring.scenes import harmonize_scene
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import Moments
from limner.scenes.windows import Pixels, Window
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.predicting.predictor import load_predictor
from limner.segment.training.colors import run_harmonizer, training_colors
from mapped import map_scene
from quick_runs import copy_run

CommandLine = Callable[..., tuple[int, str, str]]
PLAIN = ["--polygons", "none", "--tile-px", "96", "--overlap-px", "32"]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads of small work only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def colors(seed: int, mean: float = 100.0, bands: int = 3, spread: float = 10.0) -> ColorSummary:
    """4000 colors whose bands go together."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(bands, bands)) * spread
    values = mean + mixing @ generator.normal(size=(bands, 4000))
    return summarize([Pixels(values[:, None], np.ones((1, 4000), bool))])


def pixels_of(summary: ColorSummary, valid: np.ndarray | None = None) -> Pixels:
    """The sample of a summary as a picture one pixel high."""
    return Pixels(summary.sample[:, None], np.ones((1, summary.sample.shape[1]), bool) if valid is None else valid)


def moments(pixels: Pixels) -> Moments:
    return Moments.of(pixels.values[:, pixels.valid])


@pytest.mark.parametrize("bands", [1, 3, 6])
def test_mkl_gives_a_scene_the_mean_and_covariance_of_the_area(bands):
    scene, area = colors(0, 300, bands), colors(1, 50, bands)
    found = moments(Harmonizer("mkl", "town", {"town": area}, "float32").fit(scene, "float32").apply(pixels_of(scene)))
    np.testing.assert_allclose(found.mean, area.moments.mean, rtol=1e-4)
    np.testing.assert_allclose(found.covariance, area.moments.covariance, rtol=1e-2, atol=0.05)


@pytest.mark.parametrize("method", HARMONIZERS)
@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_every_method_brings_the_means_there(method, bands, dtype):
    scene, area = colors(2, 140, bands), colors(3, 90, bands)
    seen = Harmonizer(method, "town", {"town": area}, dtype).fit(scene, dtype)
    values = scene.sample.round().astype(dtype)[:, None]
    found = moments(seen.apply(Pixels(values, np.ones(values.shape[1:], bool))))
    near = 7 if method == "reinhard" and dtype == "uint8" else 2.5  # it matches the mean of logarithms
    np.testing.assert_allclose(found.mean, area.moments.mean, atol=near)
    assert seen.statistics == area.moments.statistics()
    assert seen.apply(Pixels(values, np.ones(values.shape[1:], bool))).values.dtype == dtype


@pytest.mark.parametrize("method", HARMONIZERS)
def test_matching_a_scene_with_itself_changes_nothing(method):
    scene = summarize([Pixels(draw_picture(draw_mask(64, 64)), np.ones((64, 64), bool))])
    picture = draw_picture(draw_mask(64, 64))
    seen = Harmonizer(method, "itself", {"itself": scene}, "uint8").fit(scene, "uint8")
    changed = seen.apply(Pixels(picture, np.ones((64, 64), bool))).values.astype(int) - picture
    assert np.abs(changed).max() <= (1 if method == "reinhard" else 0)


def test_what_is_no_data_is_left_out_and_stays_no_data():
    scene, area = colors(4), colors(5, 200)
    valid = np.zeros((1, 4000), bool)
    valid[0, ::3] = True
    found = Harmonizer("mkl", "town", {"town": area}, "float32").fit(scene, "float32").apply(pixels_of(scene, valid))
    assert not found.values[:, ~valid].any()
    np.testing.assert_array_equal(found.valid, valid)


def test_integers_are_rounded_and_end_where_the_type_of_the_area_ends():
    scene, area = colors(6, 1000, spread=60), colors(7, 240, spread=40)
    seen = Harmonizer("mkl", "town", {"town": area}, "uint8").fit(scene, "uint16")
    values = scene.sample.round().clip(0).astype(np.uint16)[:, None]
    found = seen.apply(Pixels(values, np.ones((1, 4000), bool))).values
    assert (found.dtype, found.max()) == (np.uint16, 255)


def test_all_takes_the_areas_together_and_a_name_takes_one():
    areas = {"near": colors(8, 100), "far": colors(9, 220)}
    scene = colors(10, 105)
    found = {to: Harmonizer("mkl", to, areas, "float32").fit(scene, "float32") for to in ("all", "nearest", "far")}
    assert {to: item.reference for to, item in found.items()} == {"all": "all", "nearest": "near", "far": "far"}
    assert found["all"].statistics == merged(list(areas.values())).moments.statistics()
    assert found["far"].statistics == areas["far"].moments.statistics()


def test_the_distance_is_how_far_mkl_moves_a_color():
    scene, area = colors(11, 100), colors(12, 130)
    unit = np.array([2.0, 3.0, 5.0])
    scaled = [
        Moments(one.count, one.moments.mean / unit, one.moments.scatter / np.outer(unit, unit)) for one in (scene, area)
    ]
    moved = ColorSummary(scaled[0], scene.sample / unit[:, None])
    seen = Harmonizer("mkl", "town", {"town": ColorSummary(scaled[1], moved.sample)}, "float32").fit(moved, "float32")
    way = seen.apply(pixels_of(moved)).values - pixels_of(moved).values
    assert distance(scene.moments, area.moments, unit) == pytest.approx(np.sqrt((way**2).sum(0).mean()), rel=1e-3)


def test_the_distance_of_one_band_is_that_of_means_and_deviations():
    one, other = Moments(10, np.array([4.0]), np.array([[90.0]])), Moments(10, np.array([7.0]), np.array([[490.0]]))
    assert distance(one, other, np.ones(1)) == pytest.approx(5.0)
    assert distance(one, one, np.ones(1)) == 0


def test_the_nearest_area_does_not_depend_on_the_unit_of_a_band():
    areas = {"a": colors(13, 100), "b": colors(14, 120)}
    scene = colors(15, 118)
    times = np.array([1.0, 1000.0, 0.001])

    def scaled(one: ColorSummary) -> ColorSummary:
        told = Moments(one.count, one.moments.mean * times, one.moments.scatter * np.outer(times, times))
        return ColorSummary(told, one.sample * times[:, None].astype(np.float32))

    assert nearest(scene, areas) == nearest(scaled(scene), {name: scaled(one) for name, one in areas.items()})


def test_a_window_of_a_harmonized_raster_is_that_part_of_the_whole(tmp_path):
    scene = draw_scene(tmp_path / "scene.tif", 100, 90)
    with open_raster(scene) as raster:
        seen = Harmonizer("idt", "town", {"town": colors(16)}, "uint8").fit_raster(raster)
        other = harmonized(raster, seen)
        whole, part = other.read(), other.read(Window(95, 50, 20, 60))
    np.testing.assert_array_equal(part.values[:, :5, :40], whole.values[:, 95:, 50:])
    assert not part.valid[5:].any() and not part.values[:, :, 40:].any()


def test_another_method_or_area_is_the_users_error():
    with pytest.raises(UserError, match="'sepia' is no way to harmonize; needed: one of mkl, idt, histogram, reinhard"):
        Harmonizer("sepia", "all", {"town": colors(0)}, "uint8")
    with pytest.raises(UserError, match="no training area is called 'pisa'; what can be matched: all, nearest, town"):
        Harmonizer("mkl", "pisa", {"town": colors(0)}, "uint8")


def test_a_scene_without_data_is_the_users_error(tmp_path):
    scene = write_raster(tmp_path / "empty.tif", np.zeros((3, 20, 20), np.uint8), nodata=0)
    with open_raster(scene) as raster, pytest.raises(UserError, match=r"empty.tif: no pixel holds data"):
        summarize_raster(raster)


def test_training_keeps_the_colors_of_the_ground_it_learned_from(trained):
    (name, kept), *others = read_summaries(trained / "run" / "colors.safetensors").items()
    facts = open_run(trained / "run").facts
    assert (name, others) == ("town", [])
    assert kept.moments.statistics().to_json() == facts["statistics"]
    assert kept.count < sum(96 * 96 for _ in range(6))  # validation blocks are left out


def test_the_bundled_model_keeps_the_colors_of_all_its_areas():
    run = open_run("buildings")
    kept = training_colors(run)
    assert list(kept) == run.facts["areas"]
    assert merged(list(kept.values())).moments.statistics().to_json() == run.facts["statistics"]
    for area in kept.values():
        np.testing.assert_allclose(np.cov(area.sample), area.moments.covariance, rtol=0.05)


def test_a_run_without_colors_measures_them_again_from_its_data(trained, tmp_path, capsys):
    run = copy_run(trained, tmp_path / "run")
    (run / "colors.safetensors").unlink()
    found = training_colors(open_run(run))["town"]
    assert "measuring the colors of its training areas, once" in capsys.readouterr().err
    kept = read_summaries(trained / "run" / "colors.safetensors")["town"]
    np.testing.assert_array_equal(found.sample, kept.sample)
    training_colors(open_run(run))
    assert capsys.readouterr().err == ""


def test_without_its_data_a_run_without_colors_says_what_to_do(trained, tmp_path):
    run = copy_run(trained, tmp_path / "run")
    (run / "colors.safetensors").unlink()
    recipe = (run / "recipe.yaml").read_text().replace(str(trained / "town"), str(tmp_path / "gone"))
    (run / "recipe.yaml").write_text(recipe)
    with pytest.raises(
        UserError, match=r"run: keeps no colors of its training areas, .*train it again, or match"
    ) as caught:
        training_colors(open_run(run))
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def dim(tmp_path_factory) -> Path:
    """A scene and an area as the run's town, but darker and of another hue."""
    here = tmp_path_factory.mktemp("dim")
    gain = np.array([0.5, 0.6, 0.4])[:, None, None]
    scene = draw_picture(draw_mask(160, 192), seed=7) * gain + 9
    write_raster(here / "scene.tif", scene.astype(np.uint8))
    draw_area(here / "village", 2)
    return here


@pytest.mark.parametrize("method", HARMONIZERS)
def test_a_scene_is_mapped_as_its_harmonized_file_would_be(trained, dim, tmp_path, method):
    plain = {"polygons": "none", "tile_px": 96, "overlap_px": 32, "probabilities": True}
    (made,) = map_scenes(trained / "run", [dim / "scene.tif"], tmp_path / "maps", harmonize=method, **plain)
    harmonize_scene(dim / "scene.tif", trained / "run", tmp_path / "scene.tif", method=method)
    (again,) = map_scenes(trained / "run", [tmp_path / "scene.tif"], tmp_path / "again", normalize="run", **plain)
    assert made.matched == "all"
    with open_raster(made.probability) as one, open_raster(again.probability) as other:
        # The run learned one area by its own colors, which are those of the run: the statistics are the same.
        np.testing.assert_allclose(one.read().values, other.read().values, atol=1e-5)


def test_the_same_command_again_finds_the_harmonized_map(trained, dim, here, limner: CommandLine):
    command = ["segment", trained / "run", dim / "scene.tif", *PLAIN, "--harmonize", "mkl", "--harmonize-to", "nearest"]
    code, _, err = limner(*command)
    assert (code, "in the colors of town" in err) == (0, True)
    record = json.loads(Path("maps/scene_map.json").read_text())
    assert record["matched"] == "town"
    assert (record["request"]["harmonize"], record["request"]["harmonize_to"]) == ("mkl", "nearest")
    assert record["request"]["normalize"] == "matched"
    code, _, err = limner(*command)
    assert (code, "was mapped before in the colors of town" in err) == (0, True)
    code, _, err = limner("segment", trained / "run", dim / "scene.tif", *PLAIN, "--harmonize", "idt")
    assert (code, "harmonize mkl, now idt" in err) == (2, True)


def test_seams_of_a_harmonized_map_are_measured_in_its_colors(trained, dim, here, limner: CommandLine):
    command = ["segment", trained / "run", dim / "scene.tif", *PLAIN, "--harmonize", "mkl"]
    limner(*command)
    limner(*command, "--check-seams")
    seams = json.loads(Path("maps/scene_map.json").read_text())["seams"]
    limner(*command, "--check-seams", "--out", "anew")
    assert json.loads(Path("anew/scene_map.json").read_text())["seams"] == seams


def test_areas_are_scored_in_the_training_colors(trained, dim, here, limner: CommandLine):
    command = ["evaluate", trained / "run", "--data", dim / "village", "--json", "--out", "scores.json"]
    _, out, _ = limner(*command, "--harmonize", "mkl")
    found = json.loads(out)
    assert found["protocol"]["harmonization"] == "mkl to all"
    assert found["protocol"]["normalization"] == "matched"
    _, table, _ = limner(*[part for part in command if part != "--json"], "--harmonize", "mkl")
    assert "Harmonized: mkl to all." in table
    _, out, _ = limner(*command)
    assert json.loads(out)["protocol"]["harmonization"] is None


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            ["--harmonize", "mkl", "--normalize", "scene"],
            "--harmonize brings the scene to the training colors, --normalize",
        ),
        (["--harmonize-to", "nearest"], "--harmonize-to nearest says what to match, but not how: add --harmonize mkl"),
        (
            ["--harmonize", "mkl", "--harmonize-to", "pisa"],
            "no training area is called 'pisa'; what can be matched: all,",
        ),
        (["--harmonize", "sepia"], "--harmonize is 'sepia'; needed: mkl, idt, histogram or reinhard"),
    ],
)
@pytest.mark.parametrize("verb", ["segment", "evaluate"])
def test_what_cannot_be_is_told_in_one_line(trained, dim, here, limner: CommandLine, verb, more, line):
    what = [dim / "scene.tif"] if verb == "segment" else ["--data", dim / "village"]
    code, out, err = limner(verb, trained / "run", *what, *more)
    assert (code, out) == (2, "")
    assert line in err and err.count("\n") == 1


@pytest.mark.parametrize(("normalize", "harmonize"), [("matched", None), ("scene", "mkl")])
def test_mapping_in_python_refuses_to_normalize_by_what_is_not_there(trained, dim, tmp_path, normalize, harmonize):
    run = open_run(trained / "run")
    harmonizer = harmonize and run_harmonizer(run, harmonize, "all")
    with pytest.raises(UserError, match=f"normalize is '{normalize}'; needed: "):
        map_scene(load_predictor(run), dim / "scene.tif", tmp_path, normalize=normalize, harmonizer=harmonizer)
    assert not list(tmp_path.iterdir())


def test_the_runs_own_ground_is_not_harmonized(trained, limner: CommandLine):
    code, _, err = limner("evaluate", trained / "run", "--harmonize", "mkl")
    assert (code, "--harmonize is for places that the run was not trained on" in err) == (2, True)


def test_a_scene_of_another_type_can_be_harmonized_without_a_word(trained, tmp_path, capsys):
    picture = draw_picture(draw_mask(96, 96), dtype="uint16") * 37
    scene = write_raster(tmp_path / "scene.tif", picture.astype(np.uint16))
    map_scenes(trained / "run", [scene], tmp_path / "maps", harmonize="mkl", polygons="none")
    assert "--normalize scene" not in capsys.readouterr().err
