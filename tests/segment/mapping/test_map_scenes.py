"""Scenes are opened once and handed on: to what looks at them, measures, maps, draws and checks."""

from collections import Counter
from pathlib import Path

import pyogrio
import pytest
import rasterio

from drawing import draw_scene
from limner.foundation.errors import UserError
from limner.scenes import rasters
from limner.segment.mapping import map_scenes as verb
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.mapping.options import MapOptions
from limner.segment.predicting.predictor import SegmentPredictor

SMALL = {"tile_px": 96, "overlap_px": 32, "polygons": "gpkg", "check_seams": True}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was opened as a picture."""
    counts: Counter[str] = Counter()
    open_dataset = rasters.open_dataset

    def counted(path: Path, *arguments: object) -> object:
        counts[Path(path).name] += 1
        return open_dataset(path, *arguments)

    monkeypatch.setattr(rasters, "open_dataset", counted)
    return counts


@pytest.mark.parametrize("colors", [{}, {"normalize": "scene"}, {"harmonize": "mkl"}])
def test_a_scene_is_opened_once(trained: Path, here: Path, opened: Counter[str], colors: dict[str, str]) -> None:
    scene = draw_scene(here / "s.tif")
    (made,) = map_scenes(trained / "run", [scene], "maps", **colors, **SMALL)
    assert made.seams is not None and made.preview.exists()
    assert opened["s.tif"] == 1
    (again,) = map_scenes(trained / "run", [scene], "maps", **colors, **SMALL)
    assert again.skipped and opened["s.tif"] == 2


def test_of_many_scenes_only_so_many_stay_open(
    trained: Path, here: Path, opened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "KEPT_OPEN", 2)
    scenes = [draw_scene(here / f"{name}.tif") for name in "abcd"]
    made = map_scenes(trained / "run", scenes, "maps", polygons="none", tile_px=96, overlap_px=32)
    assert [each.classes.name for each in made] == [f"{name}_classes.tif" for name in "abcd"]
    assert [opened[f"{name}.tif"] for name in "abcd"] == [1, 1, 2, 2]


def test_a_picture_that_is_predicted_whole_is_opened_once(trained: Path, here: Path, opened: Counter[str]) -> None:
    import limner

    predictor = limner.load(trained / "run")
    assert isinstance(predictor, SegmentPredictor)
    predictor.predict(draw_scene(here / "s.tif"), normalize="scene")
    assert opened["s.tif"] == 1


def test_degrees_that_are_none_are_told_first_and_areas_are_pixels(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = draw_scene(here / "s.tif")
    with rasterio.open(scene, "r+") as file:
        file.crs, file.transform = "EPSG:4326", rasterio.Affine(0.5, 0, 9_519_926, 0, -0.5, 3_202_940)
    (made,) = map_scenes(trained / "run", [scene], "maps", tile_px=96, overlap_px=32)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("Careful: s.tif: says EPSG:4326, which is in degrees, but lies at x 9519926, y 3202940")
    assert made.cautions[0] in first
    assert made.polygons is not None
    assert {"area_px"} == {name for name in pyogrio.read_info(made.polygons)["fields"] if name.startswith("area")}


def test_options_by_wrong_names_or_values_are_one_line(trained: Path, here: Path) -> None:
    scene = draw_scene(here / "s.tif")
    with pytest.raises(UserError, match=r"^--tile is no option of limner segment; did you mean '--tile-px'\?$"):
        map_scenes(trained / "run", scene, tile=96)
    with pytest.raises(UserError, match=r"^batch is 0; needed: 1 tile or more$"):
        MapOptions(batch=0)
    assert not (here / "maps").exists()
