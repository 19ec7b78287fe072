"""Evaluation counts every pixel it should exactly once, as a slow pass over whole pictures does."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import torch
from rasterio import Affine

from drawn import PLACE, TinyNetwork, draw_picture, recipe_for, save, save_area
from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.learning.verbs import evaluate
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Pixels, Window
from limner.segment.data.areas import find_data
from limner.segment.data.chips import Area, Chip
from limner.segment.data.learned_ground import ground_of
from limner.segment.labels.reader import RING_PX
from limner.segment.measures import tally
from limner.segment.measures.counts import Counts
from limner.segment.networks import NETWORKS
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.scoring.annotated import AnnotatedGround, AnnotatedPart
from limner.segment.scoring.evaluate import evaluate_data
from limner.segment.scoring.score import score_files
from limner.segment.training.task import SegmentTask
from mapped import map_scene

DESERT = {"ground": (150, 140, 160), "roof": (60, 90, 80)}


@pytest.fixture(autouse=True, scope="module")
def quiet_machine() -> Iterator[None]:
    """The tiny network is known, numbers are float32 on any processor, and threads do not fight."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", TinyNetwork)
        patch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two areas of three chips; the run of a short training on both is in ``run``."""
    folder = tmp_path_factory.mktemp("home")
    for number, name in enumerate(("north", "south")):
        save_area(folder / name, [draw_picture(128, 160, seed=10 * number + seed, noise=25) for seed in range(3)])
    recipe = recipe_for(folder, [folder / "north", folder / "south"], "--epochs", "1", "--threshold", "calibrated")
    train_recipe(recipe, "home", out=folder / "run")
    return folder


def whole(predictor: SegmentPredictor, values: np.ndarray, statistics: Statistics | None = None) -> np.ndarray:
    """The classes of a whole picture in one pass, with ground of no data around it as the network's padding."""
    around = tally.CONTEXT_PX
    padded = np.pad(values, ((0, 0), (around, around), (around, around)))[None]
    valid = np.pad(np.ones(values.shape[1:], bool), around)[None]
    classes = predictor.classes_of(predictor.probabilities(padded, valid, statistics))[0]
    return classes[around:-around, around:-around]


def statistics_of(*pictures: np.ndarray) -> Statistics:
    values = np.concatenate([picture.reshape(len(picture), -1) for picture in pictures], 1).astype(np.float64)
    return Statistics(tuple(values.mean(1).tolist()), tuple(values.std(1).tolist()))


class Truth:
    """A predictor that reads the class of a pixel in its first band: its errors are known exactly."""

    class_names = ("background", "building")
    channels = 1
    threshold = 0.5
    scale = 1.0

    def at_ground(self, ground_m: float | None) -> "Truth":
        return self

    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: object = None) -> np.ndarray:
        building = np.where(valid, pixels[:, 0], 0).astype(np.float32) / 10
        return np.stack([1 - building, building], axis=1)

    def classes_of(self, probabilities: np.ndarray) -> np.ndarray:
        return (probabilities[:, 1] >= self.threshold).astype(np.uint8)


# --- windows ---


@pytest.mark.parametrize("cell_px", [7, 32, 512])
def test_every_labelled_pixel_of_the_windows_is_counted_once(monkeypatch: pytest.MonkeyPatch, cell_px: int) -> None:
    monkeypatch.setattr(tally, "CELL_PX", cell_px)
    generator = np.random.default_rng(0)
    values = generator.integers(0, 11, (1, 90, 70), np.uint8)
    mask = generator.choice(np.array([0, 1, 255], np.uint8), (90, 70))

    def read(number: int, window: Window) -> tuple[Pixels, np.ndarray]:
        rows = np.arange(window.row, window.row + window.height)
        columns = np.arange(window.column, window.column + window.width)
        inside = ((rows >= 0) & (rows < 90))[:, None] & ((columns >= 0) & (columns < 70))
        at = np.ix_(rows.clip(0, 89), columns.clip(0, 69))
        pixels = np.where(inside, values[0][at], 9)[None].astype(np.uint8)
        return Pixels(pixels, inside), np.where(inside, mask[at], 255).astype(np.uint8)

    predictor = Truth()
    chips = [Chip(area, Path("picture.tif"), None, None, 90, 70) for area in ("one", "two")]
    windows = [(0, Window(0, 0, 50, 70)), (0, Window(50, 0, 40, 33)), (1, Window(50, 33, 40, 37))]
    cells = []
    tallies = tally.tally_areas(predictor, chips, read, windows, observer=cells.append)  # type: ignore[arg-type]
    called = (values[0] >= 5).astype(np.uint8)
    place = np.zeros((90, 70), bool)
    place[50:, 33:] = True
    for area, ground in (("one", ~place), ("two", place)):
        total = tallies[area]
        assert total.counts == Counts.of(mask[ground], called[ground])
        assert total.counts.pixels == np.count_nonzero(mask[ground] != 255) == total.histogram.sum()
        labelled = ground & (mask != 255)
        chance = np.where(mask == 1, values[0] / 10, 1 - values[0] / 10)[labelled]
        expected = -np.log(np.maximum(chance, 1e-7)).mean()
        assert total.loss == pytest.approx(expected, rel=1e-4)
    shown = np.zeros((90, 70), int)
    for seen in cells:
        assert seen.area == chips[seen.chip].area and max(seen.mask.shape) <= cell_px
        assert np.array_equal(seen.mask, mask[seen.cell.slices])
        assert np.array_equal(seen.classes, called[seen.cell.slices])
        assert np.array_equal(seen.pixels.values[0], values[0][seen.cell.slices])
        shown[seen.cell.slices] += 1
    assert (shown[mask != 255] == 1).all() and shown.max() == 1


# --- evaluate ---


def test_a_runs_validation_score_is_that_of_one_pass_over_whole_pictures_on_its_validation_blocks(home: Path) -> None:
    result = evaluate(home / "run")
    predictor = load_predictor(Run(home / "run"))
    task = SegmentTask(recipe_for(home, [home / "north", home / "south"]))
    expected = {"north": Counts.zero(2), "south": Counts.zero(2)}
    held_out = 0
    for number, chip in enumerate(task.data.chips):
        (area, chip_number) = (chip.area, int(chip.image.stem))
        picture = draw_picture(128, 160, seed=10 * (area == "south") + chip_number, noise=25)
        classes = whole(predictor, picture.values)
        for block in task.split.validation[number]:
            expected[area] += Counts.of(picture.mask[block.slices], classes[block.slices])
            held_out += block.height * block.width
    assert dict(result.areas) == expected
    assert held_out == result.pooled.pixels == sum(share.validation_px for share in task.split.shares)
    assert 0 < result.pooled.f1() < 1
    assert result.protocol.pixels == "validation blocks of the training areas"
    assert result.protocol.threshold == predictor.threshold != 0.5
    assert json.loads((home / "run" / "evaluation.json").read_text()) == result.to_json()


def test_what_a_training_says_of_itself_is_what_evaluating_its_run_says(home: Path, tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, [home / "north"], "--epochs", "1", "--normalize", "area")
    run = train_recipe(recipe, "again", out=tmp_path / "run").run
    concluded = json.loads((run.folder / "evaluation.json").read_text())
    plain = evaluate(run, normalize="run", out=tmp_path / "plain.json")
    assert plain.protocol.normalization == "run"
    evaluated = evaluate(run, out=tmp_path / "other.json").to_json()
    assert concluded == evaluated == json.loads((tmp_path / "other.json").read_text())
    assert evaluated["protocol"]["normalization"] == "scene"


def test_other_data_is_scored_in_full_as_its_map_is(home: Path, tmp_path: Path) -> None:
    pictures = [draw_picture(140, 190, seed=seed, noise=25) for seed in (50, 51)]
    save_area(tmp_path / "place", pictures)
    result = evaluate(home / "run", data=[tmp_path / "place"], out=tmp_path / "e.json")
    assert result.pooled.pixels == 2 * 140 * 190
    predictor = load_predictor(Run(home / "run"))
    counts = sum((Counts.of(p.mask, whole(predictor, p.values)) for p in pictures), Counts.zero(2))
    assert result.pooled == counts
    for number in range(2):
        scene = tmp_path / "place" / "images" / f"{number}.tif"
        map_scene(predictor, scene, tmp_path / "maps", tile_px=96, overlap_px=32, polygons="none")
    mapped = score_files(tmp_path / "maps", tmp_path / "place").pooled
    differing = np.abs(mapped.matrix - counts.matrix).sum() / 2
    assert differing < 0.002 * counts.pixels  # the outermost pixels see another kind of padding


def test_the_scenes_colors_are_those_of_each_area_by_itself(home: Path, tmp_path: Path) -> None:
    predictor = load_predictor(Run(home / "run"))
    plain = [draw_picture(128, 128, seed=seed, noise=20) for seed in (60, 61)]
    places = {"bright": 0.5 * 255, "dark": 0.0}
    expected = {}
    for name, offset in places.items():
        pictures = [p._replace(values=(p.values * 0.5 + offset).astype(np.uint8)) for p in plain]
        save_area(tmp_path / name, pictures)
        own = statistics_of(*(picture.values for picture in pictures))
        parts = (Counts.of(p.mask, whole(predictor, p.values, own)) for p in pictures)
        expected[name] = sum(parts, Counts.zero(2))
    data = [tmp_path / name for name in places]
    result = evaluate(home / "run", data=data, normalize="scene", out=tmp_path / "e.json")
    assert dict(result.areas) == expected
    spoiled = evaluate(home / "run", data=data, out=tmp_path / "e.json")
    assert spoiled.mean().f1 < result.mean().f1
    assert (result.protocol.normalization, spoiled.protocol.normalization) == ("scene", "run")


def test_validation_ground_can_be_scored_by_each_areas_own_colors(home: Path, tmp_path: Path) -> None:
    plain, own = (evaluate(home / "run", normalize=way, out=tmp_path / "e.json") for way in ("run", "scene"))
    assert own.pooled.pixels == plain.pooled.pixels
    assert own.pooled != plain.pooled
    assert own.protocol.normalization == "scene"


def test_ground_annotated_for_refining_is_not_counted(home: Path, tmp_path: Path) -> None:
    picture = draw_picture(128, 128, seed=70, noise=25)
    other = draw_picture(128, 128, seed=71, noise=25)  # another picture: without a place, ground is known by its pixels
    area = save_area(tmp_path / "place", [picture, other])
    annotated = np.full((128, 128), 255, np.uint8)
    annotated[10:60, 20:90] = picture.mask[10:60, 20:90]
    save(tmp_path / "annotated.tif", annotated)
    predictor = load_predictor(Run(home / "run"))
    part = AnnotatedPart(tmp_path / "annotated.tif", str((area / "images" / "0.tif").resolve()))
    result = evaluate_data(predictor, find_data([area]), without=AnnotatedGround([part]))
    classes = whole(predictor, picture.values)
    rest = annotated == 255
    of_other = Counts.of(other.mask, whole(predictor, other.values))
    expected = Counts.of(picture.mask[rest], classes[rest]) + of_other
    assert result.pooled == expected
    assert result.pooled.pixels == 2 * 128 * 128 - 50 * 70
    assert "outside the ground annotated for refining" in result.protocol.pixels


def test_pixels_without_data_are_not_counted(home: Path, tmp_path: Path) -> None:
    picture = draw_picture(96, 96, seed=80)
    picture.values[:, :30] = 0
    save(tmp_path / "place" / "images" / "0.tif", picture.values, nodata=0, **PLACE)
    save(tmp_path / "place" / "masks" / "0.tif", picture.mask)
    result = evaluate(home / "run", data=[tmp_path / "place"], out=tmp_path / "e.json")
    assert result.pooled.pixels == 96 * 66


def test_other_bands_and_data_without_labels_are_refused(home: Path, tmp_path: Path) -> None:
    gray = draw_picture(ground=(90,), roof=(200,))
    save_area(tmp_path / "gray", [gray])
    with pytest.raises(UserError, match=r"0\.tif: has 1 band, the network was trained on 3"):
        evaluate(home / "run", data=[tmp_path / "gray"])
    save_area(tmp_path / "empty", [draw_picture()._replace(mask=np.full((96, 96), 255, np.uint8))] * 2)
    save_area(tmp_path / "empty", [draw_picture()._replace(mask=np.full((96, 96), 255, np.uint8))])
    save(tmp_path / "empty" / "masks" / "1.tif", np.array([[1] + [255] * 95] + [[255] * 96] * 95, np.uint8))
    annotated = save(tmp_path / "annotated.tif", np.zeros((96, 96), np.uint8))
    images = [(tmp_path / "empty" / "images" / f"{number}.tif").resolve() for number in (0, 1)]
    predictor = load_predictor(Run(home / "run"))
    with pytest.raises(UserError, match="nothing to score: no labelled pixel among"):
        without = AnnotatedGround([AnnotatedPart(annotated, str(path)) for path in images])
        evaluate_data(predictor, find_data([tmp_path / "empty"]), without=without)


# --- pictures of errors ---


def test_errors_are_drawn_on_the_way_and_change_no_score(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = evaluate(home / "run", data=[home / "north", home / "south"], out=tmp_path / "e.json")
    calls = []
    predict = SegmentPredictor.probabilities
    monkeypatch.setattr(
        SegmentPredictor, "probabilities", lambda self, *given: calls.append(1) or predict(self, *given)
    )
    folder = tmp_path / "errors"
    drawn = evaluate(home / "run", data=[home / "north", home / "south"], out=tmp_path / "e.json", errors=folder)
    assert drawn.to_json() == plain.to_json()
    assert len(calls) == 6, "each chip is predicted once"
    assert sorted(path.name for path in folder.iterdir()) == ["north.jpg", "south.jpg", "worst.jpg"]


def test_errors_on_validation_ground_are_drawn_too(home: Path, tmp_path: Path) -> None:
    evaluate(home / "run", out=tmp_path / "e.json", errors=tmp_path / "errors")
    assert sorted(path.name for path in (tmp_path / "errors").iterdir()) == ["north.jpg", "south.jpg", "worst.jpg"]


def test_nothing_is_scored_or_written_where_errors_cannot_be(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="need a folder"):
        evaluate(home / "run", data=[home / "north"], out=tmp_path / "e.json", errors=tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# --- ground resolution ---


def test_every_chip_is_predicted_at_its_own_resolution_in_cells_no_larger_to_the_network() -> None:
    sizes: list[tuple[float | None, tuple[int, ...]]] = []

    class Recording(Truth):
        def __init__(self, ground_m: float | None = None, scale: float = 1.0) -> None:
            self.ground_m, self.scale = ground_m, scale

        def at_ground(self, ground_m: float | None) -> "Recording":
            return Recording(ground_m, {None: 1.0, 0.1: 0.25, 1.6: 4.0}[ground_m])

        def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: object = None) -> np.ndarray:
            sizes.append((self.ground_m, pixels.shape[2:]))
            return super().probabilities(pixels, valid)

    def read(number: int, window: Window) -> tuple[Pixels, np.ndarray]:
        shape = window.height, window.width
        return Pixels(np.zeros((1, *shape), np.uint8), np.ones(shape, bool)), np.zeros(shape, np.uint8)

    chips = [Chip("a", Path("a.tif"), None, None, 600, 256, ground_m=ground_m) for ground_m in (None, 0.1, 1.6)]
    windows = [(number, Window(0, 0, 600, 256)) for number in range(3)]
    tallies = tally.tally_areas(Recording(), chips, read, windows)  # type: ignore[arg-type]
    assert tallies["a"].counts.pixels == 3 * 600 * 256
    context = tally.CONTEXT_PX
    assert {size for ground_m, size in sizes if ground_m is None} == {
        (512 + 2 * context, 256 + 2 * context),
        (88 + 2 * context, 256 + 2 * context),
    }
    assert max(size for ground_m, size in sizes if ground_m == 0.1) == (512 + 8 * context, 256 + 8 * context)
    assert {size for ground_m, size in sizes if ground_m == 1.6} == {
        (128 + context // 2, 128 + context // 2),
        (88 + context // 2, 128 + context // 2),
    }


def test_places_of_a_resolution_too_far_from_the_runs_are_refused_and_named(home: Path, tmp_path: Path) -> None:
    picture = draw_picture(96, 96, seed=1)
    coarse = {**PLACE, "transform": rasterio.Affine(30, 0, 350_000, 0, -30, 3_060_000)}
    save(tmp_path / "place" / "images" / "0.tif", picture.values, **coarse)
    save(tmp_path / "place" / "masks" / "0.tif", picture.mask)
    predictor = replace(load_predictor(Run(home / "run")), ground_range_m=(0.5, 0.5))
    with pytest.raises(UserError, match=r"0\.tif: 30 m a pixel is 60 times coarser"):
        evaluate_data(predictor, find_data([tmp_path / "place"]), errors=tmp_path / "errors")
    assert not (tmp_path / "errors").exists()


def test_a_finer_place_scores_better_at_the_resolution_that_the_network_knows(home: Path, tmp_path: Path) -> None:
    picture = draw_picture(160, 160, seed=9, noise=25)
    save_area(tmp_path / "known", [picture])
    finer = {**PLACE, "transform": rasterio.Affine(0.125, 0, 350_000, 0, -0.125, 3_060_000)}
    values = np.kron(picture.values, np.ones((1, 4, 4), np.uint8))
    spots = np.random.default_rng(0).normal(0, 120, values.shape)  # detail that the training ground does not have
    save(tmp_path / "finer" / "images" / "0.tif", (values + spots).clip(1, 255).astype(np.uint8), **finer)
    save(tmp_path / "finer" / "masks" / "0.tif", np.kron(picture.mask, np.ones((4, 4), np.uint8)))
    predictor = replace(load_predictor(Run(home / "run")), ground_range_m=(0.5, 0.5))
    found = find_data([tmp_path / "finer"])
    known = evaluate_data(predictor, found).mean().f1
    blind = evaluate_data(replace(predictor, ground_range_m=None), found).mean().f1
    there = evaluate_data(predictor, find_data([tmp_path / "known"])).mean().f1
    assert known > blind + 0.05
    assert known > there - 0.05


def test_a_bundled_model_is_never_written_to(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = Run(tmp_path / "models" / "town")
    bundled.save_model(Run(home / "run").weights(), load_facts(home))
    monkeypatch.setattr("limner.learning.runs.opening.bundled_models", lambda: {"town": bundled.folder})
    monkeypatch.setattr("limner.learning.verbs.bundled_models", lambda: {"town": bundled.folder})
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in bundled.folder.iterdir())
    result = evaluate("town", data=[home / "north"])
    assert sorted(path.name for path in bundled.folder.iterdir()) == before
    evaluate("town", data=[home / "north"], out=tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text()) == result.to_json()


def load_facts(home: Path) -> dict[str, object]:
    return {key: value for key, value in Run(home / "run").facts.items() if key not in ("limner", "format_version")}


def test_a_score_on_a_part_of_the_ground_says_so_in_its_first_line(home: Path, tmp_path: Path) -> None:
    """Roofs alone tell no more background than a ring; masks may leave ground unlabelled; ground without data is none
    that could be scored."""
    picture, mask = draw_picture(160, 192, seed=5)
    picture[:, :16] = 0
    place = {"crs": PLACE["crs"], "transform": PLACE["transform"]}
    scene = save(tmp_path / "scene.tif", picture, nodata=0, **place)
    square = shapely.box(*rasterio.windows.bounds(rasterio.windows.Window(60, 80, 20, 20), place["transform"]))
    ground = shapely.box(*rasterio.windows.bounds(rasterio.windows.Window(40, 60, 60, 60), place["transform"]))
    for name, shape in (("roofs.gpkg", square), ("ground.gpkg", ground)):
        pyogrio.raw.write(
            tmp_path / name, np.array([shapely.to_wkb(shape)]), [], [], crs=place["crs"], geometry_type="Polygon"
        )
    half = np.where(np.arange(192) < 96, mask, 255).astype(np.uint8)
    roofs = {"labels": str(tmp_path / "roofs.gpkg")}

    def first_line(**options: str) -> str:
        found = evaluate(home / "run", data=[scene], out=tmp_path / "e.json", **options)
        assert json.loads((tmp_path / "e.json").read_text())["cautions"] == list(found.cautions)
        return found.to_markdown().splitlines()[0]

    valid, ring = 144 * 192, 2 * RING_PX
    square_px = (20 + ring) ** 2
    alone = first_line(**roofs)
    share = re.fullmatch(r"Careful: only ([\d,]+) of ([\d,]+) pixels \((.*)%\) are scored: without --within .*", alone)
    assert share is not None, alone
    scored, pixels = (int(number.replace(",", "")) for number in share.groups()[:2])
    assert pixels == valid
    assert 0.75 * square_px < scored <= square_px  # the corners of a ring are round
    assert "false alarms elsewhere count in no score" in alone
    assert first_line(**roofs, within=str(tmp_path / "ground.gpkg")).startswith("| area ")  # asked for
    half_mask = save(tmp_path / "half.tif", half[None], **place)
    assert first_line(labels=str(half_mask)).startswith("Careful: only 13,824 of 27,648 pixels (50.0%) are scored: ")
    whole_mask = save(tmp_path / "whole.tif", mask[None], **place)
    assert first_line(labels=str(whole_mask)).startswith("| area ")  # ground without data is none to be labelled


def test_a_score_on_ground_that_was_learned_from_says_so(home: Path, tmp_path: Path) -> None:
    place = {"crs": "EPSG:32636", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)}
    values, mask = draw_picture(128, 160, seed=1)
    save(tmp_path / "port" / "images" / "0.tif", values, **place)
    save(tmp_path / "port" / "masks" / "0.tif", mask, **place)
    run = Run(tmp_path / "run")
    (chip,) = find_data([tmp_path / "port"]).chips
    told = {}
    for name, ground in (("seen", ground_of([Area("quay", (chip,))])), ("unseen", {})):
        run.save_model(Run(home / "run").weights(), {**load_facts(home), "ground": ground})
        shutil.copy(home / "run" / "recipe.yaml", run.folder)
        told[name] = evaluate(str(run.folder), data=[tmp_path / "port"], out=tmp_path / f"{name}.json").cautions
    line = "0.tif: 100% of it lies on ground whose pictures run learned from (quay)"
    assert [each.startswith(line) for each in told["seen"]] == [True] and told["unseen"] == ()
