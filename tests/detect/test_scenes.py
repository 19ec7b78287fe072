"""Scenes of any size: each object once and whole, its place kept; polygons over scenes as what is learned from."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import torch
from rasterio.transform import from_origin
from scipy import ndimage
from torch import Tensor, nn

from limner.cli import main
from limner.detect.data.found import find_objects
from limner.detect.data.options import ObjectReading
from limner.detect.data.pictures import Sizing
from limner.detect.networks.rcnn import Found
from limner.detect.predicting import detect_scene as module
from limner.detect.predicting.looking import Tiling
from limner.detect.predicting.merging import Merger, SceneObject
from limner.detect.predicting.options import DetectOptions, TileOptions
from limner.detect.predicting.predictor import ObjectDetector
from limner.foundation.errors import UserError
from limner.scenes.windows import Window

CommandLine = Callable[..., tuple[int, str, str]]
WHERE, CRS = from_origin(500_000, 4_000_000, 0.5, 0.5), "EPSG:32645"
RED, GROUND = (230, 40, 20), 90
BOXES = (
    (10, 12, 40, 50),
    (90, 20, 130, 44),
    (120, 90, 150, 140),
    (30, 150, 64, 180),
    (200, 30, 230, 80),
    (5, 100, 96, 118),
)
"""Of what is red in the drawn scene, x0, y0, x1, y1 in pixels; the last is wider than what tiles share."""
TRUE = [shapely.box(*box) for box in BOXES]
SMALL = (
    "--epochs", "1", "--batch", "2", "--data.short-px", "64", "--data.longest-px", "64", "--data.group", "none",
    "--loop.precision", "fp32", "--network.width", "8", "--network.hidden", "8", "--network.proposals", "16",
    "--network.regions", "8", "--network.pretrained", "false", "--network.frozen-stages", "0",
)  # fmt: skip


def write_scene(path: Path, size: tuple[int, int] = (200, 260), *, crs: str | None = CRS, dtype: str = "uint8") -> Path:
    pixels = np.random.default_rng(0).integers(GROUND - 20, GROUND + 20, (3, *size)).astype(dtype)
    for x0, y0, x1, y1 in BOXES:
        pixels[:, y0:y1, x0:x1] = np.array(RED, dtype)[:, None, None]
    place = {} if crs is None else {"crs": crs, "transform": WHERE}
    profile = {"driver": "GTiff", "height": size[0], "width": size[1], "count": 3, "dtype": dtype, **place}
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels)
    return path


def write_polygons(path: Path, names: tuple[str, ...] | None = None) -> Path:
    shapes = np.array([shapely.transform(shapely.box(*box), on_ground) for box in BOXES], object)
    fields, columns = ([], []) if names is None else ([np.array(names, object)], ["kind"])
    pyogrio.raw.write(path, shapely.to_wkb(shapes), fields, columns, geometry_type="Polygon", crs=CRS, driver="GPKG")
    return path


def on_ground(points: np.ndarray) -> np.ndarray:
    return np.column_stack([WHERE.c + WHERE.a * points[:, 0], WHERE.f + WHERE.e * points[:, 1]])


def in_pixels(points: np.ndarray) -> np.ndarray:
    return np.column_stack([(points[:, 0] - WHERE.c) / WHERE.a, (points[:, 1] - WHERE.f) / WHERE.e])


class FindsRed(nn.Module):
    """Every connected red region is an object; its masks are full, as its objects are boxes."""

    def __init__(self, outlines: bool) -> None:
        super().__init__()
        self.outlines = outlines

    def forward(self, images: list[Tensor]) -> list[Found]:
        answers = []
        for image in images:
            regions, _ = ndimage.label((image[0] - image[2] > 0.4).numpy())
            boxes = [
                [columns.start, rows.start, columns.stop, rows.stop] for rows, columns in ndimage.find_objects(regions)
            ]
            count = len(boxes)
            scores = torch.linspace(0.9, 0.6, count)
            masks = torch.ones(count, 1, 28, 28) if self.outlines else None
            answers.append(
                Found(torch.tensor(boxes).float().view(-1, 4), torch.zeros(count, dtype=torch.int64), scores, masks)
            )
        return answers


def finder(outlines: bool, short_px: int = 80, **facts: float) -> ObjectDetector:
    return ObjectDetector(FindsRed(outlines), ("red",), Sizing(short_px, short_px), 0.5, torch.device("cpu"), **facts)


@pytest.mark.parametrize("outlines", [False, True], ids=["boxes", "outlines"])
@pytest.mark.parametrize(("seen_px", "tile_px", "overlap_px"), [(80, 80, 50), (80, 160, 40), (400, 400, 0)])
def test_every_object_is_found_once_and_whole_whatever_the_tiles(
    outlines: bool, seen_px: int, tile_px: int, overlap_px: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = write_scene(tmp_path / "scene.tif")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(module, "load_detector", lambda run, device: finder(outlines, seen_px))
    monkeypatch.setattr(module, "open_run", lambda run, task: type("OpenedRun", (), {"folder": folder})())
    out = tmp_path / "objects.gpkg"
    done = module.detect_scene(folder, scene, out, DetectOptions(), TileOptions(tile_px, overlap_px))
    assert done.counts == {"red": len(BOXES)} and not done.skipped
    meta, _, shapes, (classes, names, areas, scores) = pyogrio.raw.read(out)
    assert list(meta["fields"]) == ["class", "class_name", "area_m2", "score"]
    assert rasterio.crs.CRS.from_user_input(meta["crs"]) == rasterio.crs.CRS.from_string(CRS)
    assert set(names) == {"red"} and set(classes) == {0} and ((scores >= 0.5) & (scores <= 1)).all()
    found = [shapely.transform(shape, in_pixels) for shape in shapely.from_wkb(shapes)]
    for box in BOXES:
        true = shapely.box(*box)
        shares = [each.intersection(true).area / each.union(true).area for each in found]
        assert max(shares) > 0.85, (box, sorted(shares)[-2:])
    assert areas.sum() == pytest.approx(sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in BOXES) / 4, rel=0.1)
    before = out.read_bytes()
    again = module.detect_scene(folder, scene, out, DetectOptions(), TileOptions(tile_px, overlap_px))
    assert again == dataclasses.replace(done, skipped=True) and out.read_bytes() == before
    with pytest.raises(UserError, match=r"made from something else .*min_score"):
        module.detect_scene(folder, scene, out, DetectOptions(min_score=0.7), TileOptions(tile_px, overlap_px))


def test_tiles_show_as_much_ground_as_the_training_did(tmp_path: Path) -> None:
    with module.open_raster(write_scene(tmp_path / "scene.tif")) as raster:  # half a meter a pixel
        for facts, tile_px in (({"scale": 0.5}, 160), ({"scale": 0.5, "ground_m": 0.25}, 80), ({"scale": 2.0}, 40)):
            assert module.choose_tiling(finder(False, **facts), raster, TileOptions()).tile_px == tile_px
        ground = raster.ground_m
        assert ground == pytest.approx(0.5, rel=0.01)


def test_what_rows_of_tiles_give_one_by_one_is_what_all_of_them_give_at_once() -> None:
    rng = np.random.default_rng(1)
    tiling = Tiling(100, 40, 100)
    truths = [shapely.box(x, y, x + w, y + h) for x, y, w, h in rng.uniform((0, 0, 8, 8), (380, 380, 90, 90), (60, 4))]
    rows = []
    for top in tiling.origins(500):
        row = []
        for left in tiling.origins(500):
            window = Window(top, left, 100, 100)
            ground = shapely.box(left, top, left + 100, top + 100)
            for number, truth in enumerate(truths):
                part = truth.intersection(ground)
                if part.area > 9:
                    row.append(SceneObject(number % 3, float(rng.random()), part, window, not ground.contains(truth)))
        rows.append(row)
    tops = [*tiling.origins(500)[1:], float("inf")]
    streaming, whole = Merger(), Merger()
    by_rows = []
    for number, (row, below) in enumerate(zip(rows, tops, strict=True)):
        by_rows += streaming.add(row, below)
        assert len(streaming.waiting) <= sum(map(len, rows[max(0, number - 1) : number + 1]))  # not of the whole scene
    at_once = whole.add([each for row in rows for each in row], float("inf"))
    assert not streaming.waiting
    assert sorted(each.shape.wkt for each in by_rows) == sorted(each.shape.wkt for each in at_once)
    assert len(truths) * 0.6 < len(by_rows) < sum(map(len, rows)) * 0.6


def test_objects_of_other_classes_and_of_one_tile_are_left_apart() -> None:
    left, right = Window(0, 0, 100, 100), Window(0, 50, 100, 100)
    box = shapely.box(60, 10, 90, 40)
    apart = [SceneObject(0, 0.9, box, left), SceneObject(1, 0.8, box, right)]
    assert Merger().add(apart, float("inf")) == apart
    beside = [SceneObject(0, 0.9, box, left), SceneObject(0, 0.8, shapely.box(61, 10, 91, 40), left)]
    assert Merger().add(beside, float("inf")) == beside
    twice = [SceneObject(0, 0.7, box, left), SceneObject(0, 0.8, box, right)]
    assert Merger().add(twice, float("inf")) == twice[1:]
    cut = [
        SceneObject(0, 0.99, shapely.box(60, 10, 100, 40), left, True),
        SceneObject(0, 0.6, shapely.box(60, 10, 130, 40), right),
    ]
    assert Merger().add(cut, float("inf")) == cut[1:]


def test_polygons_over_a_scene_become_objects_of_chips_that_share_no_ground(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif")
    kinds = ("a", "b", "a", "b", "a", "b")
    labels = write_polygons(tmp_path / "roofs.gpkg", kinds)
    found = find_objects([scene], ObjectReading(labels=labels, chip_px=128))
    assert found.class_names == ("roofs",) and found.outlined
    assert [each.name for each in found.pictures] == ["scene@0,0", "scene@0,128", "scene@128,0", "scene@128,128"]
    drawn = np.zeros((200, 260), int)
    with rasterio.open(scene) as file:
        red = file.read(1) > 200
    for each in found.pictures:
        row, column = map(int, each.name.split("@")[1].split(","))
        pixels = np.asarray(each.opener(1))
        assert pixels.shape == (*each.size[::-1], 3) and each.ground_m == pytest.approx(0.5, rel=0.01)
        for box, mask, ignored in zip(each.boxes.astype(int).tolist(), each.masks, each.ignored.tolist(), strict=True):
            x0, y0, x1, y1 = box
            drawn[row + y0 : row + y1, column + x0 : column + x1] += mask
            assert (pixels[y0:y1, x0:x1, 0][mask] > 200).all()
            here = shapely.box(column + x0, row + y0, column + x1, row + y1)
            whole = max((true for true in TRUE if true.intersects(here)), key=lambda true: true.intersection(here).area)
            assert ignored == (mask.sum() < 0.3 * whole.area)
    assert np.array_equal(drawn[:, :256], red[:, :256]) and drawn.max() == 1
    named = find_objects([scene], ObjectReading(labels=labels, label_field="kind", objects=("b",), chip_px=128))
    assert named.class_names == ("b",) and named.counts().sum() < found.counts().sum()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene, polygons over it, and a ``run`` that learned from them for a few steps."""
    folder = tmp_path_factory.mktemp("made")
    write_scene(folder / "scene.tif")
    write_polygons(folder / "roofs.gpkg")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.chdir(folder)
        data = ["--data", "scene.tif", "--labels", "roofs.gpkg", "--chip-px", "64"]
        main(["train", "detect/mask-rcnn-light", *data, "--out", "run", *SMALL])
    assert left.value.code == 0
    return folder


@pytest.fixture
def learned(here: Path, made: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(made, here, dirs_exist_ok=True))


def test_a_scene_and_its_polygons_go_to_a_run_and_back_to_a_file_of_polygons(
    learned: Path, limner: CommandLine
) -> None:
    facts = json.loads((learned / "run/model.json").read_text())
    assert facts["scale"] == 1.0 and facts["ground_m"] == pytest.approx(0.5, rel=0.01)
    code, out, error = limner("check", "scene.tif", "--room", "detect", "--labels", "roofs.gpkg", "--chip-px", "64")
    assert code == 0 and "read as scenes with polygons" in out and "--labels roofs.gpkg --chip-px 64" in out, error
    code, out, error = limner("detect", "run", "scene.tif", "--out", "found.gpkg", "--min-score", "0", "--json")
    told = json.loads(out)
    assert code == 0 and told["file"] == "found.gpkg" and not told["was_there"], error
    assert pyogrio.read_info("found.gpkg")["features"] == told["objects"]["roofs"] > 0
    code, out, error = limner("detect", "run", "scene.tif", "--out", "found.gpkg", "--min-score", "0")
    assert code == 0 and out == f"found.gpkg  {told['objects']['roofs']} roofs\n" and "before" in error
    scores = np.sort(pyogrio.raw.read("found.gpkg", columns=["score"], read_geometry=False)[3][0])
    surest = f"{scores[-min(20, len(scores))] - 1e-3:.4f}"  # of noise, all that a network fresh from two steps finds
    code, out, error = limner("detect", "run", "scene.tif", "--out", "found.geojson", "--min-score", surest)
    assert code == 0 and json.loads(Path("found.geojson").read_text())["features"], error
    code, out, error = limner("score", "found.gpkg", "roofs.gpkg")
    assert code == 0, error


BAD_CALLS = {
    "detect run scene.tif --out objects.shp --tile-px 64": "--tile-px, --overlap-px and --bands are for scenes",
    "detect run scene.tif other.tif --out objects.gpkg": "is for one scene, and 2 are given",
    "detect run gone.tif --out objects.gpkg": "gone.tif: no such file",
    "detect run scene.tif --out objects.gpkg --tile-px 8": "--tile-px is 8; needed: 32",
    "detect run scene.tif --out objects.gpkg --tile-px 64 --overlap-px 64": "--overlap-px is 64; needed: 0 to 63",
    "detect run scene.tif --out objects.gpkg --bands 1,2": "--bands 1,2 has 2",
    "detect run scene.tif --out objects.gpkg --bands red": "--bands got 'red'",
    "detect run deep.tif --out objects.gpkg": "deep.tif: has pixels of uint16",
    "detect run text.tif --out objects.gpkg": "text.tif",
    "detect run scene.tif --out taken.gpkg": "taken.gpkg: is there already",
    "train detect/mask-rcnn-light --data scene.tif --chip-px 64": "give them with --labels",
    "train detect/mask-rcnn-light --data scene.tif --labels roofs.gpkg --chip-px 8": "--chip-px is 8",
    "train detect/mask-rcnn-light --data nowhere.tif --labels roofs.gpkg": "nowhere.tif: has no georeference",
    "train detect/mask-rcnn-light --data deep.tif --labels roofs.gpkg": "deep.tif: has pixels of uint16",
    "train detect/mask-rcnn-light --data scene.tif --labels roofs.gpkg --label-field kind": "has no field 'kind'",
    "train detect/mask-rcnn-light --data scene.tif --labels roofs.gpkg --objects roof": "has no 'roof'",
    "train detect/mask-rcnn-light --data scene.tif --labels gone.gpkg": "gone.gpkg: no such file",
    "train detect/mask-rcnn-light --data empty --labels roofs.gpkg": "empty: holds no scene",
    "train detect/mask-rcnn-light --data far.tif --labels roofs.gpkg": "none of its polygons lies on",
    "train detect/mask-rcnn-light --data scene.tif --labels roofs.gpkg --regions 1": "leave one of them out",
}


def test_bad_calls_with_scenes_are_one_line_and_leave_nothing(learned: Path, limner: CommandLine) -> None:
    write_scene(learned / "other.tif")
    write_scene(learned / "deep.tif", dtype="uint16")
    write_scene(learned / "nowhere.tif", crs=None)
    write_scene(learned / "far.tif", crs="EPSG:32646")
    (learned / "text.tif").write_text("no picture")
    (learned / "taken.gpkg").write_bytes(b"somebody else's")
    (learned / "empty").mkdir()
    before = sorted(learned.rglob("*"))
    for words, says in BAD_CALLS.items():
        code, out, error = limner(*words.split())
        assert (code, out) == (2, "") and says in error and error.count("\n") == 1, (words, error)
    assert sorted(learned.rglob("*")) == before
