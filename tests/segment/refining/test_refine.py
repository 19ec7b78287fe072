"""Refining learns a scene's colors from a small part of it, and no score ever counts that part."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import rasterio.vrt
import rasterio.windows
import shapely
import torch
from rasterio.transform import Affine
from torch import Tensor

from drawn import PLACE, Picture, TinyNetwork, draw_picture, recipe_for, same, save, save_area
from limner.foundation.errors import UserError
from limner.learning.library import recipe_of
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.learning.verbs import evaluate
from limner.scenes.statistics import Statistics
from limner.segment.data import annotation
from limner.segment.measures.objects import NO_OBJECTS
from limner.segment.networks import NETWORKS
from limner.segment.refining.refine import Refinement, learned_ground_m, refine, refining_recipe
from limner.segment.training.task import SegmentTask

HEIGHT, WIDTH, SQUARE_PX = 256, 320, 64
QUICK = ("--epochs", "4", "--steps-per-epoch", "8", "--optimizer.learning-rate", "0.02")
SHORT = ("--epochs", "1", "--steps-per-epoch", "3")
BEFORE = {"before, training colors", "before, scene's colors", "before, scene's colors, threshold auto"}


@pytest.fixture(autouse=True, scope="module")
def small_world() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", TinyNetwork)
        patch.setattr(annotation, "SQUARE_PX", SQUARE_PX)
        patch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that knows bright brick roofs on dark grass."""
    folder = tmp_path_factory.mktemp("parent")
    area = save_area(folder / "town", [draw_picture(128, 128, seed=seed) for seed in range(3)])
    return train_recipe(recipe_for(folder, [area], "--epochs", "3"), "home", out=folder / "home").run


@pytest.fixture(scope="module")
def drawn() -> Picture:
    """A scene where roofs are darker than the ground: what the parent learned is wrong here in any normalization."""
    return draw_picture(HEIGHT, WIDTH, seed=9, ground=(170, 150, 200), roof=(90, 100, 60))


@pytest.fixture(scope="module")
def scene(drawn: Picture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("place") / "scene.tif", drawn.values, **PLACE)


@pytest.fixture(scope="module")
def truth(drawn: Picture, scene: Path) -> Path:
    return save(scene.with_name("truth.tif"), drawn.mask * 255, **PLACE)


@pytest.fixture(scope="module")
def simulated(parent: Run, scene: Path, truth: Path, tmp_path_factory: pytest.TempPathFactory) -> Refinement:
    """The paper's experiment: 15 % of the scene annotated from its truth."""
    out = tmp_path_factory.mktemp("simulated") / "run"
    return refine(parent.folder, scene, truth=truth, fraction=0.15, overrides=QUICK, out=out)


def annotated_of(run: Run) -> np.ndarray:
    with rasterio.open(run.folder / "annotated.tif") as file:
        return file.read(1)


def boxes(path: Path, *rectangles: tuple[int, int, int, int]) -> Path:
    """Polygons over rows and columns (top, left, bottom, right)."""
    ground = PLACE["transform"]
    shapes = [
        shapely.box(
            ground.c + ground.a * left,
            ground.f + ground.e * bottom,
            ground.c + ground.a * right,
            ground.f + ground.e * top,
        )
        for top, left, bottom, right in rectangles
    ]
    geopandas.GeoDataFrame(geometry=shapes, crs=PLACE["crs"]).to_file(path)
    return path


# --- the experiment ---


def test_refining_raises_f1_on_the_rest_of_a_scene_of_other_colors(simulated: Refinement) -> None:
    assert simulated.after is not None
    before = [scored.pooled.f1() for scored in simulated.before.values()]
    best_constant = max(constant.pooled.f1() or 0 for constant in simulated.after.constants().values())
    after = simulated.after.pooled.f1()
    assert after is not None
    assert max(before) < after
    assert after > 0.9 > best_constant
    assert "refined" in simulated.comparison
    assert f"{100 * after:.2f}" in simulated.comparison


def test_before_and_after_count_the_same_pixels_all_but_the_annotated_ones(
    simulated: Refinement, drawn: Picture
) -> None:
    rest = annotated_of(simulated.run) == 255
    assert 0.15 * rest.size <= (~rest).sum() < 0.15 * rest.size + SQUARE_PX**2
    assert simulated.after is not None
    expected = tuple(np.bincount(drawn.mask[rest], minlength=2).tolist())
    for scored in (*simulated.before.values(), simulated.after):
        assert scored.pooled.pixels == rest.sum()
        assert scored.pooled.truth_pixels == expected
        assert scored.protocol.pixels == simulated.after.protocol.pixels
    assert set(simulated.before) == BEFORE


def test_the_annotated_mask_holds_exactly_the_labels_that_were_learned_from(
    simulated: Refinement, drawn: Picture
) -> None:
    task = SegmentTask(recipe_of(simulated.run))
    (chip,) = task.data.chips
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for square in chip.annotated or ():
        mask[square.slices] = drawn.mask[square.slices]
    np.testing.assert_array_equal(annotated_of(simulated.run), mask)
    learned = held_out = 0
    for share in task.split.shares:
        learned, held_out = share.training_px, share.validation_px
    assert learned + held_out == (mask != 255).sum()
    with rasterio.open(simulated.run.folder / "annotated.tif") as file:
        assert (file.crs.to_string(), file.transform) == (PLACE["crs"], PLACE["transform"])


def test_later_evaluations_leave_that_ground_out_of_this_scene_and_nothing_out_of_other_places(
    simulated: Refinement, drawn: Picture, scene: Path, truth: Path, tmp_path: Path
) -> None:
    annotated_px = int((annotated_of(simulated.run) != 255).sum())
    again = evaluate(simulated.run, data=[scene], labels=truth, out=tmp_path / "e.json")
    assert simulated.after is not None
    assert again.pooled == simulated.after.pooled
    assert again.pooled.pixels == HEIGHT * WIDTH - annotated_px
    assert "outside the ground annotated for refining" in again.protocol.pixels
    elsewhere = {**PLACE, "transform": PLACE["transform"] @ Affine.translation(WIDTH + 1, 0)}
    other, labels = (
        save(tmp_path / name, values, **elsewhere)
        for name, values in (("other.tif", drawn.values), ("other_truth.tif", drawn.mask * 255))
    )
    everywhere = evaluate(simulated.run, data=[other], labels=labels, out=tmp_path / "e.json")
    assert everywhere.pooled.pixels == HEIGHT * WIDTH
    assert "annotated" not in everywhere.protocol.pixels


def as_copy(scene: Path, folder: Path) -> list[Path]:
    return [Path(shutil.copy(scene, folder / "another name.tif"))]


def as_virtual_raster(scene: Path, folder: Path) -> list[Path]:
    with rasterio.open(scene) as file, rasterio.vrt.WarpedVRT(file) as seen:
        rasterio.shutil.copy(seen, folder / "scene.vrt", driver="VRT")
    return [folder / "scene.vrt"]


def as_chips(scene: Path, folder: Path) -> list[Path]:
    """An area: chips with masks cut from the truth beside the scene."""
    for path, kind in ((scene, "images"), (scene.with_name("truth.tif"), "masks")):
        with rasterio.open(path) as file:
            for row in range(0, HEIGHT, 128):
                for column in range(0, WIDTH, 80):
                    window = rasterio.windows.Window(column, row, 80, 128)
                    place = {"crs": file.crs, "transform": file.window_transform(window)}
                    save(folder / kind / f"{row}_{column}.tif", file.read(window=window), **place)
    return [folder]


def as_picture_of_its_middle(scene: Path, folder: Path) -> list[Path]:
    with rasterio.open(scene) as file:
        window = rasterio.windows.Window(40, 30, 200, 170)
        save(folder / "middle.tif", file.read(window=window), crs=file.crs, transform=file.window_transform(window))
    return [folder / "middle.tif"]


@pytest.mark.parametrize("again", [as_copy, as_virtual_raster, as_chips, as_picture_of_its_middle])
def test_annotated_ground_is_known_by_where_it_lies_in_whatever_file_it_comes(
    simulated: Refinement, scene: Path, truth: Path, tmp_path: Path, again: Callable[[Path, Path], list[Path]]
) -> None:
    (tmp_path / "place").mkdir()
    (place,) = again(scene, tmp_path / "place")
    expected = 0
    with rasterio.open(simulated.run.folder / "annotated.tif") as kept:
        for picture in sorted(place.glob("images/*")) if place.is_dir() else [place]:
            with rasterio.open(picture) as file:
                bounds = kept.window(*file.bounds)
            window = bounds.round_offsets().round_lengths()
            expected += int((kept.read(1, window=window) == 255).sum())
    labels = {} if place.is_dir() else {"labels": truth}
    scored = evaluate(simulated.run, data=[place], out=tmp_path / "e.json", **labels)
    assert scored.pooled.pixels == expected > 0


def test_annotated_ground_is_known_in_another_reference_system(
    simulated: Refinement, scene: Path, truth: Path, tmp_path: Path
) -> None:
    for name, path in (("scene.tif", scene), ("truth.tif", truth)):
        with rasterio.open(path) as file, rasterio.vrt.WarpedVRT(file, crs="EPSG:4326", nodata=0) as seen:
            save(tmp_path / name, seen.read(), crs=seen.crs, transform=seen.transform)
    with rasterio.open(tmp_path / "scene.tif") as file, rasterio.open(simulated.run.folder / "annotated.tif") as kept:
        with rasterio.vrt.WarpedVRT(kept, crs=file.crs, transform=file.transform, height=file.height, width=file.width,
                                    nodata=255) as seen:  # fmt: skip
            annotated = seen.read(1) != 255
        valid = file.dataset_mask() > 0
    warped = {"data": [tmp_path / "scene.tif"], "labels": tmp_path / "truth.tif", "out": tmp_path / "e.json"}
    scored = evaluate(simulated.run, **warped)
    assert scored.pooled.pixels == pytest.approx((~annotated).sum(), rel=0.02)
    assert scored.pooled.pixels < 0.95 * valid.sum()


def test_a_plain_picture_is_known_by_its_pixels(parent: Run, drawn: Picture, tmp_path: Path) -> None:
    plain = save(tmp_path / "scene.tif", drawn.values)
    truth = save(tmp_path / "plain_truth.tif", drawn.mask * 255)
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    labels[:100, :90] = drawn.mask[:100, :90]
    done = refine(
        parent.folder, plain, labels=save(tmp_path / "labels.tif", labels), overrides=SHORT, out=tmp_path / "r"
    )
    saved_again = save(tmp_path / "elsewhere.tif", drawn.values, compress="deflate")
    changed = save(tmp_path / "changed.tif", 255 - drawn.values)
    for picture, annotated_px in ((plain, 9000), (saved_again, 9000), (changed, 0)):
        scored = evaluate(done.run, data=[picture], labels=truth, out=tmp_path / "e.json")
        assert scored.pooled.pixels == HEIGHT * WIDTH - annotated_px


def test_a_run_refined_again_remembers_what_the_first_was_refined_on(
    simulated: Refinement, scene: Path, truth: Path, tmp_path: Path
) -> None:
    roofs, ground = boxes(tmp_path / "roofs.gpkg", (0, 0, 16, 16)), boxes(tmp_path / "ground.gpkg", (0, 0, 64, 64))
    again = refine(simulated.run.folder, scene, labels=roofs, within=ground, overrides=SHORT, out=tmp_path / "again")
    annotated = (annotated_of(simulated.run) != 255) | (annotated_of(again.run) != 255)
    scored = evaluate(again.run, data=[scene], labels=truth, out=tmp_path / "e.json")
    assert annotated_of(again.run)[0, 0] != 255
    assert (
        scored.pooled.pixels
        == HEIGHT * WIDTH - annotated.sum()
        < HEIGHT * WIDTH - (annotated_of(again.run) != 255).sum()
    )


def test_a_run_of_before_that_knows_only_the_scenes_path_is_read(
    simulated: Refinement, scene: Path, truth: Path, tmp_path: Path
) -> None:
    older = Run(Path(shutil.copytree(simulated.run.folder, tmp_path / "older")))
    status = {key: value for key, value in older.status.items() if key != "annotated"}
    (older.folder / "run.json").write_text(json.dumps({**status, "refined_on": str(scene)}))
    copy = Path(shutil.copy(scene, tmp_path / "copy.tif"))
    assert simulated.after is not None
    assert evaluate(older, data=[copy], labels=truth, out=tmp_path / "e.json").pooled == simulated.after.pooled
    for told in ("all of it", [{"file": "annotated.tif"}], [{"file": "../annotated.tif", "scene": ""}]):
        (older.folder / "run.json").write_text(json.dumps({**status, "annotated": told}))
        with pytest.raises(UserError, match="refine again"):
            evaluate(older, data=[copy], labels=truth, out=tmp_path / "e.json")


def test_a_refined_run_has_no_validation_ground_that_a_score_may_count(simulated: Refinement) -> None:
    before = (simulated.run.folder / "evaluation.json").read_text()
    with pytest.raises(UserError, match=r"was refined on a part of .*scene\.tif, which no score may count; .*--data"):
        evaluate(simulated.run)
    assert (simulated.run.folder / "evaluation.json").read_text() == before
    assert simulated.after is not None
    assert json.loads(before) == simulated.after.to_json()


def test_the_same_call_again_finds_it_finished(
    simulated: Refinement, parent: Run, scene: Path, truth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = simulated.run.folder / "model.safetensors"
    written = model.stat().st_mtime_ns
    out = simulated.run.folder
    again = refine(parent.folder, scene, truth=truth, fraction=0.15, overrides=QUICK, out=out)
    assert "already been trained" in capsys.readouterr().err
    assert model.stat().st_mtime_ns == written
    assert again.after == simulated.after
    assert again.comparison == simulated.comparison
    with pytest.raises(UserError, match="holds a run with another recipe or other data"):
        refine(parent.folder, scene, truth=truth, fraction=0.3, overrides=QUICK, out=out)


# --- never worse ---


@pytest.mark.parametrize("seed", range(3))
def test_where_what_is_learned_is_wrong_the_run_stays_as_it_was_bit_for_bit(
    parent: Run, scene: Path, tmp_path: Path, seed: int
) -> None:
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    labels[:128, :192] = np.random.default_rng(seed).integers(0, 2, (128, 192))  # nobody can learn these
    known = draw_picture(HEIGHT, WIDTH, seed=seed)
    place = save(tmp_path / "known.tif", known.values, **PLACE)  # a scene that the parent maps well
    right = save(tmp_path / "right.tif", np.where(labels == 255, 255, known.mask), **PLACE)
    wrong = save(tmp_path / "wrong.tif", np.where(labels == 255, 255, 1 - known.mask), **PLACE)
    noise = save(tmp_path / "noise.tif", labels, **PLACE)
    for name, given in (("right", right), ("noise", noise)):
        done = refine(parent.folder, place, labels=given, overrides=(*SHORT, "--seed", str(seed)), out=tmp_path / name)
        assert done.decision is not None
        if done.decision.mix is None:
            assert same(done.run.weights(), parent.weights())
            facts = {key: value for key, value in done.run.facts.items() if key != "initial"}
            assert facts == {key: value for key, value in parent.facts.items() if key != "initial"}
            assert "kept: the initial run" in done.comparison
    truth = save(tmp_path / "truth.tif", known.mask * 255, **PLACE)
    done = refine(parent.folder, place, labels=wrong, truth=truth, overrides=SHORT, out=tmp_path / "compared")
    assert done.after is not None
    assert done.before.keys() == BEFORE


def test_a_kept_parent_scores_as_it_did_before(parent: Run, tmp_path: Path) -> None:
    known = draw_picture(HEIGHT, WIDTH, seed=4)
    place = save(tmp_path / "known.tif", known.values, **PLACE)
    labels = np.full((HEIGHT, WIDTH), 3, np.uint8)
    labels[:96, :96] = 0  # background alone: nothing can be compared
    classes = tmp_path / "classes.yaml"  # or a mask of 0 and 255 alone would be taken for background and object
    classes.write_text("classes: {background: 0, building: 1}\nignore: [3]\n")
    given, truth = (save(tmp_path / name, values, **PLACE) for name, values in
                    (("labels.tif", labels), ("truth.tif", known.mask)))  # fmt: skip
    done = refine(parent.folder, place, labels=given, truth=truth, overrides=SHORT, out=tmp_path / "run",
                  classes=(str(classes),))  # fmt: skip
    assert done.decision is not None
    assert done.decision.reason == "all of the annotated ground is background"
    assert any("building is 0.0% of the annotated ground" in line for line in done.cautions)
    assert done.after is not None
    assert done.after.pooled == done.before["before, training colors"].pooled  # how this parent was trained
    assert done.comparison.startswith("Careful: ")


def test_windows_to_annotate_next_are_a_file_that_opens_over_the_scene(
    simulated: Refinement, parent: Run, scene: Path, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.segment.refining.next_windows.WINDOW_PX", 64)
    out = simulated.run.folder
    again = refine(
        parent.folder, scene, truth=truth, fraction=0.15, overrides=QUICK, out=out, annotate_next=4
    )  # the run is finished: nothing is learned anew
    assert again.proposed == out / "annotate-next.gpkg"
    windows = geopandas.read_file(again.proposed)
    assert windows["rank"].tolist() == [1, 2, 3, 4]
    assert windows.crs.to_epsg() == 32645
    with rasterio.open(scene) as file:
        assert windows.within(shapely.box(*file.bounds)).all()
        annotated = annotated_of(simulated.run) != 255
        for shape in windows.geometry:
            row, column = file.index(shape.bounds[0] + 0.1, shape.bounds[3] - 0.1)
            assert not annotated[row : row + 64, column : column + 64].any()
    assert (windows["doubt"] >= 0).all()
    with pytest.raises(UserError, match="--annotate-next is -1; needed: how many windows"):
        refine(parent.folder, scene, truth=truth, fraction=0.15, overrides=QUICK, out=out, annotate_next=-1)


# --- labels in every form ---


def test_labels_as_a_mask_are_learned_where_they_are_not_255(
    parent: Run, scene: Path, truth: Path, drawn: Picture, tmp_path: Path
) -> None:
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    labels[:128, :128] = drawn.mask[:128, :128]
    path = save(tmp_path / "labels.tif", labels)
    done = refine(parent.folder, scene, labels=path, truth=truth, overrides=QUICK, out=tmp_path / "run")
    np.testing.assert_array_equal(annotated_of(done.run), labels)
    assert done.after is not None
    assert done.after.pooled.pixels == HEIGHT * WIDTH - 128 * 128
    assert (done.after.pooled.f1() or 0) > max(scored.pooled.f1() or 0 for scored in done.before.values())


def test_polygons_alone_annotate_themselves_and_a_ring_of_background(
    parent: Run, scene: Path, truth: Path, tmp_path: Path
) -> None:
    labels = boxes(tmp_path / "buildings.gpkg", (64, 64, 96, 96), (160, 192, 192, 240))
    ring = ("--data.ring-px", "20")
    done = refine(parent.folder, scene, labels=labels, truth=truth, overrides=(*SHORT, *ring), out=tmp_path / "run")
    mask = annotated_of(done.run)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[64:96, 64:96] = expected[160:192, 192:240] = True
    np.testing.assert_array_equal(mask == 1, expected)
    rows, columns = np.nonzero(mask == 0)
    assert rows.min() == 64 - 20
    assert columns.max() == 240 + 20 - 1
    assert done.after is not None
    assert done.after.pooled.pixels == HEIGHT * WIDTH - (mask != 255).sum()


def test_polygons_within_a_place_annotate_all_of_that_place(
    parent: Run, scene: Path, truth: Path, tmp_path: Path
) -> None:
    labels = boxes(tmp_path / "buildings.geojson", (64, 64, 96, 96), (160, 192, 192, 240))
    within = boxes(tmp_path / "within.geojson", (32, 32, 160, 224))
    done = refine(
        parent.folder, scene, labels=labels, within=within, truth=truth, overrides=SHORT, out=tmp_path / "run"
    )
    expected = np.full((HEIGHT, WIDTH), 255, np.uint8)
    expected[32:160, 32:224] = 0
    expected[64:96, 64:96] = 1
    np.testing.assert_array_equal(annotated_of(done.run), expected)
    assert done.after is not None
    assert done.after.pooled.pixels == HEIGHT * WIDTH - 128 * 192


def test_truth_as_polygons_knows_the_whole_scene(parent: Run, scene: Path, truth: Path, tmp_path: Path) -> None:
    with rasterio.open(truth) as file:
        squares = [
            (row * 16, column * 16, row * 16 + 16, column * 16 + 16)
            for row, column in np.argwhere(file.read(1)[::16, ::16])
        ]
    polygons = boxes(tmp_path / "truth.gpkg", *squares)
    labels = boxes(tmp_path / "within.gpkg", (0, 0, 64, 128))
    runs = [
        refine(parent.folder, scene, labels=labels, truth=whole, overrides=SHORT, out=tmp_path / "run")
        for whole in (truth, polygons)
    ]
    one, other = ([run.after, *run.before.values()] for run in runs if run.after is not None)
    assert [replace(each, objects=NO_OBJECTS) for each in one] == [replace(each, objects=NO_OBJECTS) for each in other]
    assert "regions of the truth's mask" in one[0].objects.protocol
    assert "the truth's polygons" in other[0].objects.protocol


def test_without_truth_it_is_the_held_out_ground_that_is_compared(parent: Run, scene: Path, tmp_path: Path) -> None:
    labels = boxes(tmp_path / "buildings.gpkg", (64, 64, 96, 96), (160, 192, 192, 240))
    done = refine(parent.folder, scene, labels=labels, overrides=SHORT, out=tmp_path / "run")
    assert (done.before, done.after) == ({}, None)
    assert done.decision is not None
    assert done.decision.blocks > 12
    assert done.comparison == f"H{done.decision.line[1:]}."
    assert (done.run.folder / "annotated.tif").exists()
    report = (done.run.folder / "report.html").read_text(encoding="utf-8")
    assert "F1 held out" in report and "validation F1" not in report
    assert "all building" in report and "all class" not in report


# --- what is kept and what is changed ---


def test_it_keeps_the_parents_colors_or_takes_the_scenes(
    parent: Run, scene: Path, truth: Path, drawn: Picture, simulated: Refinement, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"truth": truth, "fraction": 0.15, "overrides": SHORT}
    kept = refine(parent.folder, scene, normalize="run", out=tmp_path / "run", **options)
    assert kept.run.facts["statistics"] == parent.facts["statistics"]
    assert kept.run.facts["normalize"] == "initial"
    own = Statistics.from_json(simulated.run.facts["statistics"])
    np.testing.assert_allclose(own.mean, drawn.values.mean((1, 2)), rtol=0.05)
    np.testing.assert_allclose(own.std, drawn.values.std((1, 2)), rtol=0.1)


def test_refining_takes_half_the_learning_rate_and_what_is_given_wins_over_its_defaults(parent: Run) -> None:
    usual = recipe_of(parent).optimizer.options.get("learning_rate", 1e-3)
    default = refining_recipe(parent, ())
    assert default.initial == parent.folder.resolve()
    assert dict(default.optimizer.options) == {"learning_rate": usual / 2}
    assert (default.epochs, default.steps_per_epoch, default.threshold) == (5, 30, "calibrated")
    given = ("--optimizer.learning-rate", "0.5", "--epochs", "3", "--threshold", "half", "--data.crop-px", "32")
    changed = refining_recipe(parent, given)
    assert dict(changed.optimizer.options) == {"learning_rate": 0.5}
    assert (changed.epochs, changed.steps_per_epoch, changed.threshold) == (3, 30, "half")
    assert (changed.data.crop_px, changed.initial) == (32, default.initial)


def test_all_annotated_ground_is_learned_from_unless_a_share_is_asked_for(
    parent: Run, scene: Path, truth: Path, tmp_path: Path
) -> None:
    shares = {}
    for name, more in (("default", ()), ("asked", ("--data.validation-share", "0.4"))):
        done = refine(parent.folder, scene, truth=truth, fraction=0.5, overrides=(*SHORT, *more), out=tmp_path / name)
        shares[name] = recipe_of(done.run).data.validation_share
    assert shares == {"default": 0.0, "asked": 0.4}


def test_the_ground_that_the_parent_was_trained_at_is_none_of_refining(parent: Run, tmp_path: Path) -> None:
    text = parent.recipe_text()
    assert "to_ground_m: null" in text
    (tmp_path / "recipe.yaml").write_text(text.replace("to_ground_m: null", "to_ground_m: 0.3"))
    (tmp_path / "model.json").write_text("{}")
    coarse = Run(tmp_path)
    assert recipe_of(coarse).data.to_ground_m == 0.3
    assert refining_recipe(coarse, ()).data.to_ground_m is None
    assert refining_recipe(coarse, ("--data.to-ground-m", "0.25")).data.to_ground_m == 0.25


def test_a_budget_of_the_parents_training_is_none_of_refining(parent: Run, tmp_path: Path) -> None:
    text = parent.recipe_text()
    assert "steps: null" in text
    (tmp_path / "recipe.yaml").write_text(text.replace("steps: null", "steps: 7"))
    (tmp_path / "model.json").write_text("{}")
    budgeted = Run(tmp_path)
    assert recipe_of(budgeted).loop.steps == 7
    assert refining_recipe(budgeted, ()).loop.steps is None
    assert refining_recipe(budgeted, ("--loop.steps", "5")).loop.steps == 5


def test_with_sgd_refining_takes_the_papers_learning_rate(parent: Run, tmp_path: Path) -> None:
    text = parent.recipe_text().replace("optimizer: {name: adamw", "optimizer: {name: sgd")
    (tmp_path / "recipe.yaml").write_text(text)
    (tmp_path / "model.json").write_text("{}")
    assert refining_recipe(Run(tmp_path), ()).optimizer == Choice("sgd", {"learning_rate": 1e-4})


@pytest.mark.parametrize(
    ("ground_m", "learned_m"),
    [(0.1, 0.2), (0.15, 0.2), (0.3, None), (1.0, 0.3)],
    ids=["fine", "less", "same", "coarse"],
)
def test_a_scene_of_finer_pixels_is_learned_from_at_a_finer_ground_than_the_run_was(
    ground_m: float, learned_m: float | None, tmp_path: Path
) -> None:
    place = PLACE | {"transform": Affine(ground_m, 0, 450_000, 0, -ground_m, 30_000)}
    scene = save(tmp_path / "scene.tif", np.zeros((3, 64, 64), np.uint8), **place)
    found = learned_ground_m(open_run("buildings"), scene, ())
    assert found is None if learned_m is None else found == pytest.approx(learned_m, rel=0.01)


def test_settings_reach_the_training(parent: Run, scene: Path, truth: Path, tmp_path: Path) -> None:
    settings = (*SHORT, "--threshold", "half", "--data.validation-share", "0")
    done = refine(parent.folder, scene, truth=truth, fraction=0.1, overrides=settings, out=tmp_path / "run")
    assert done.run.status["steps"] == 2 * 3  # for each half of the annotated ground
    assert done.run.facts["threshold"] == 0.5
    assert not SegmentTask(recipe_of(done.run)).source.validation_blocks()


def test_a_refined_run_can_be_refined(simulated: Refinement, truth: Path, drawn: Picture, tmp_path: Path) -> None:
    brighter = save(tmp_path / "evening.tif", (drawn.values * 0.7).astype(np.uint8), **PLACE)
    done = refine(
        simulated.run.folder, brighter, truth=truth, fraction=0.1, overrides=SHORT, normalize="run",
        out=tmp_path / "run",
    )  # fmt: skip
    assert done.run.facts["statistics"] == simulated.run.facts["statistics"]
    assert done.run.status["refined_on"] == str(brighter.resolve())


def test_a_bundled_model_is_refined_into_a_run_of_ones_own_and_its_folder_stays_as_it_was(
    parent: Run, scene: Path, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "package" / "models" / "town"
    bundled.mkdir(parents=True)
    for name in ("model.json", "model.safetensors", "recipe.yaml"):
        shutil.copy(parent.folder / name, bundled / name)
    monkeypatch.setattr("limner.learning.runs.opening.bundled_models", lambda: {"town": bundled})
    monkeypatch.chdir(tmp_path)

    def contents() -> dict[str, tuple[int, bytes]]:
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(bundled.iterdir())}

    before = contents()
    done = refine("town", scene, truth=truth, fraction=0.1, overrides=SHORT)
    assert contents() == before
    assert done.run.folder == Path("runs/town-refined-001")
    assert done.after is not None


# --- stopped ---


def test_stopped_by_ctrl_c_it_keeps_what_was_annotated_and_goes_on_to_the_same_weights(
    parent: Run, scene: Path, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    options: dict[str, Any] = {"truth": truth, "fraction": 0.15, "overrides": ("--epochs", "2", *SHORT[2:])}
    straight = refine(parent.folder, scene, out=tmp_path / "straight", **options)
    step = SegmentTask.step

    def interrupted(task: SegmentTask, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        if index == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return step(task, batches, index)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentTask, "step", interrupted)
        patch.setattr("limner.segment.refining.refine.advice_on", lambda *_: ["draw more"])
        capsys.readouterr()
        stopped = refine(parent.folder, scene, out=tmp_path / "run", **options)
    assert stopped.stopped is not None
    assert stopped.stopped.exit_code == 130
    assert stopped.run.status["status"] == "interrupted"
    assert stopped.run.status["steps"] == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-2].startswith("stopped; nothing of what was learned is kept yet: ")
    assert said[-2].endswith(
        "is home as it was, until the held-out ground has decided, and the same command goes on from here"
    )
    assert said.index("Careful: draw more") < next(n for n, line in enumerate(said) if ": training; " in line)
    assert said.count("Careful: draw more") == 1
    assert same(stopped.run.weights(), parent.weights())
    rest = evaluate(stopped.run, data=[scene], labels=truth, out=tmp_path / "e.json")
    assert straight.after is not None
    assert rest.pooled.truth_pixels == straight.after.pooled.truth_pixels
    gone_on = refine(parent.folder, scene, out=tmp_path / "run", **options)
    assert same(gone_on.run.weights(), straight.run.weights())
    assert gone_on.after == straight.after
    assert gone_on.run.status["status"] == "finished"
