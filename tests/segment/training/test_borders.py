"""Networks that learn where the insides of objects are tell roofs apart that touch; others are as they were."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
import torch
from torch.nn import functional

from drawn import PLACE, TinyNetwork, draw_picture, recipe_for, save
from limner.foundation.errors import UserError
from limner.learning.train import Training, train_recipe
from limner.segment.labels.reading import Reading
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.networks import NETWORKS
from limner.segment.predicting.predictor import load_predictor
from limner.segment.training.borders import BORDERS, distance, fit_outputs, interior
from limner.segment.training.task import SegmentTask

EDGE = 24  # of a roof, in pixels
WALL = 2


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def draw_rows(folder: Path, seed: int = 0, rows: int = 5, columns: int = 8) -> tuple[Path, Path]:
    """A scene of roofs wall to wall, every wall a bit darker, in blocks with streets between; and their polygons."""
    draw = np.random.default_rng(seed)
    height, width = rows * (EDGE + 12) + 12, columns * EDGE + 24
    values = np.full((3, height, width), 60.0)
    roofs = []
    to_ground = PLACE["transform"]
    for row in range(rows):
        first = 12 + row * (EDGE + 12)
        for column in range(columns):
            start = 12 + column * EDGE
            values[:, first : first + EDGE, start : start + EDGE] = 130
            values[:, first + WALL : first + EDGE - WALL, start + WALL : start + EDGE - WALL] = 180
            corners = to_ground @ (start, first + EDGE), to_ground @ (start + EDGE, first)
            roofs.append(shapely.box(*corners[0], *corners[1]))
    values += draw.normal(0, 4, values.shape)
    scene = save(folder / "scene.tif", values.clip(1, 255).astype(np.uint8), **PLACE)
    path = folder / "roofs.gpkg"
    wkb = np.array([shapely.to_wkb(roof) for roof in roofs])
    pyogrio.raw.write(path, wkb, [], [], geometry_type="Polygon", crs=PLACE["crs"])
    return scene, path


def trained(folder: Path, *settings: str) -> Training:
    scene, roofs = draw_rows(folder)
    usual = ("--epochs", "8", "--steps-per-epoch", "10", "--data.target", "none", "--data.ring-px", "200")
    recipe = recipe_for(folder, [scene], *usual, "--data.validation-share", "0", *settings)
    recipe = SegmentTask.with_data(recipe, [scene], Reading(labels=roofs))
    return train_recipe(recipe, "rows", out=folder / "run")


def polygons_of(run: Path, scene: Path, out: Path) -> np.ndarray:
    (made,) = map_scenes(run, [scene], out, tile_px=64, overlap_px=32)
    return shapely.from_wkb(pyogrio.raw.read(made.polygons)[2])


@pytest.mark.parametrize("borders", [("distance", "--borders.reach-px", "3"), ("interior",)])
def test_roofs_wall_to_wall_come_apart_where_borders_were_learned(tmp_path: Path, borders: tuple[str, ...]) -> None:
    """The network sees 3 pixels far, so that it can learn distances up to that."""
    run = trained(tmp_path / "with", "--borders", *borders, "--optimizer.learning-rate", "0.03").run
    scene = tmp_path / "with" / "scene.tif"
    apart = polygons_of(run.folder, scene, tmp_path / "maps")
    assert len(apart) == 40 and shapely.is_valid(apart).all()
    assert np.median(shapely.area(apart)) == pytest.approx((EDGE / 2) ** 2, rel=0.1)
    assert list((tmp_path / "maps").glob(".*")) == [] and not list((tmp_path / "maps").glob("*insides*"))


def test_a_network_without_borders_has_nothing_but_its_classes(tmp_path: Path) -> None:
    run = trained(tmp_path / "without").run
    assert run.facts["borders"] is None and not load_predictor(run, "cpu").learned_borders
    assert run.weights()["network.head.weight"].shape[0] == 2
    assert len(polygons_of(run.folder, tmp_path / "without" / "scene.tif", tmp_path / "maps")) < 40


def test_the_classes_of_a_network_with_borders_are_probabilities(tmp_path: Path) -> None:
    predictor = load_predictor(trained(tmp_path, "--borders", "distance", "--epochs", "1").run, "cpu")
    pixels = np.random.default_rng(0).integers(1, 255, (2, 3, 40, 50)).astype(np.uint8)
    valid = np.ones((2, 40, 50), bool)
    planes = predictor.answers(pixels, valid)
    assert planes.shape == (2, 3, 40, 50) and planes.min() >= 0 and planes.max() <= 1
    assert np.allclose(planes[:, :2].sum(1), 1, atol=1e-5)
    assert np.array_equal(predictor.probabilities(pixels, valid), planes[:, :2])
    coarser = predictor.at_ground(0.25)
    assert coarser.scale == pytest.approx(0.5, abs=0.1)
    planes = coarser.answers(pixels, valid)
    assert planes.shape == (2, 3, 40, 50) and planes.max() <= 1
    assert np.allclose(planes[:, :2].sum(1), 1, atol=1e-5)


def test_targets_rise_from_an_objects_border() -> None:
    depth = torch.tensor([0, 1, 3, 4, 6, 12], dtype=torch.uint8)
    assert distance(reach_px=6).target(depth).tolist() == pytest.approx([0, 1 / 6, 0.5, 2 / 3, 1, 1])
    assert interior(border_px=3).target(depth).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_loss_is_the_mean_over_labelled_pixels_and_parts_add_up() -> None:
    draw = torch.Generator().manual_seed(0)
    logit = torch.randn(4, 5, 6, generator=draw)
    mask = torch.randint(0, 2, (4, 5, 6), generator=draw)
    mask[0, :3] = 255
    depth = torch.randint(0, 13, (4, 5, 6), generator=draw).to(torch.uint8)
    borders = distance(weight=2.0)
    known = mask != 255
    expected = 2 * functional.binary_cross_entropy_with_logits(logit[known], borders.target(depth)[known])
    assert borders.loss(logit, mask, depth).item() == pytest.approx(expected.item(), rel=1e-5)
    halves = [borders.loss(logit[part], mask[part], depth[part], known.sum()) for part in (slice(2), slice(2, 4))]
    assert sum(halves).item() == pytest.approx(expected.item(), rel=1e-5)
    assert borders.loss(logit, torch.full_like(mask, 255), depth) == 0


def test_a_run_without_borders_goes_on_learning_them(tmp_path: Path) -> None:
    parent = trained(tmp_path / "parent").run
    scene, roofs = tmp_path / "parent" / "scene.tif", tmp_path / "parent" / "roofs.gpkg"
    recipe = recipe_for(
        tmp_path, [scene], "--borders", "distance", "--data.target", "none", "--initial", str(parent.folder)
    )
    task = SegmentTask(SegmentTask.with_data(recipe, [scene], Reading(labels=roofs)))
    head = task.networks["network"].head.weight
    assert head.shape[0] == 3 and torch.equal(head[:2], parent.weights()["network.head.weight"])


def test_outputs_are_fitted_only_where_one_is_missing() -> None:
    own = {"head": torch.ones(3, 4), "bias": torch.ones(3), "other": torch.ones(5, 4)}
    fitted = fit_outputs({"head": torch.zeros(2, 4), "bias": torch.zeros(2), "other": torch.zeros(3, 4)}, own)
    assert fitted["head"].tolist() == [[0] * 4, [0] * 4, [1] * 4] and fitted["bias"].tolist() == [0, 0, 1]
    assert fitted["other"].shape == (3, 4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("--borders", "nearly"), "unknown borders 'nearly'"),
        (("--borders", "distance", "--borders.reach-px", "0"), "reach_px 0; it must be from 1 to 120 px"),
        (("--borders", "interior", "--borders.weight", "0"), "weight 0.0; it must be a number above 0"),
    ],
)
def test_what_borders_cannot_be_is_refused(tmp_path: Path, settings: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        recipe_for(tmp_path, [tmp_path], *settings)
    assert set(BORDERS) == {"none", "interior", "distance"}


def test_crops_carry_their_depths_through_turns(tmp_path: Path) -> None:
    """Wherever a crop has an object, it has a depth, and elsewhere none."""
    picture = draw_picture(128, 128)
    for kind, values in (("images", picture.values), ("masks", picture.mask)):
        save(tmp_path / "town" / kind / "0.tif", values)
    task = SegmentTask(recipe_for(tmp_path, [tmp_path / "town"], "--borders", "distance"))
    image, mask, depth = task.batch(task.stages()[0], 0)
    assert depth.dtype == torch.uint8 and depth.shape == mask.shape and image.shape[0] == len(mask)
    known = mask != 255
    assert torch.equal((depth > 0)[known], (mask == 1)[known]) and depth.max() > 4
