"""Maps computed by OpenVINO: the map that torch makes, checked on the scene's own tiles, told in its record."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from torch import Tensor

from drawn import PLACE, TinyNetwork, draw_picture, save
from limner.nn.engines.openvino import OpenVinoNetwork
from limner.scenes.statistics import Statistics
from limner.segment.predicting.engines import OpenVino, sample_tiles
from limner.segment.predicting.ensemble import Ensemble
from limner.segment.predicting.predictor import SegmentPredictor
from limner.segment.predicting.turns import turned
from mapped import map_scene

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="needs OpenVINO: pip install 'limner[openvino]'")

SMALL = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}
FP32 = OpenVino("fp32")


def predictor(seed: int = 0) -> SegmentPredictor:
    torch.manual_seed(seed)
    return SegmentPredictor(
        network=TinyNetwork().eval(), channels=3, class_names=("background", "building"),
        statistics=Statistics((90.0, 105.0, 70.0), (60.0, 20.0, 20.0)), threshold=0.5, ground_m=None,
        normalize="run", device=torch.device("cpu"), precision="32-true", digest=f"tiny {seed}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = draw_picture(200, 330).values
    values[:, :40, :50] = 0
    return save(tmp_path_factory.mktemp("scene") / "town.tif", values, nodata=0, **PLACE)


def classes(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_the_map_is_torchs_and_its_record_tells_by_what_it_was_computed(scene: Path, tmp_path: Path) -> None:
    said: list[str] = []
    ours = map_scene(
        predictor(), scene, tmp_path / "ours", engine=FP32, progress=lambda line, *_: said.append(line), **SMALL
    )
    plain = map_scene(predictor(), scene, tmp_path / "plain", **SMALL)
    assert (classes(ours.classes) == classes(plain.classes)).mean() > 0.999
    assert 0.01 < ours.shares["building"] < 0.99  # or any two maps would be alike
    (line,) = [each for each in said if each.startswith("OpenVINO")]
    assert line.endswith("computes in float32: 100.00% of the classes of 4 tiles are torch's in float32")
    assert json.loads(ours.files.record.read_text())["computed"] == [line]
    assert list(ours.computed) == [line]
    assert "computed" not in json.loads(plain.files.record.read_text())


def test_a_finished_map_is_the_same_work_by_any_engine(scene: Path, tmp_path: Path) -> None:
    map_scene(predictor(), scene, tmp_path, **SMALL)
    assert map_scene(predictor(), scene, tmp_path, engine=FP32, **SMALL).skipped


def test_several_networks_each_looking_at_turned_pictures_are_computed_so_too(scene: Path, tmp_path: Path) -> None:
    together = Ensemble((turned(predictor(0)), turned(predictor(1))))
    ours = map_scene(together, scene, tmp_path / "ours", engine=FP32, **SMALL)
    plain = map_scene(together, scene, tmp_path / "plain", **SMALL)
    assert len(ours.computed) == 2
    assert (classes(ours.classes) == classes(plain.classes)).mean() > 0.999


def test_a_computation_that_answers_otherwise_is_left_for_torch(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = OpenVinoNetwork.forward

    def upside_down(self: OpenVinoNetwork, image: Tensor) -> Tensor:
        answer = right(self, image)
        assert isinstance(answer, Tensor)
        return -answer

    monkeypatch.setattr(OpenVinoNetwork, "forward", upside_down)
    ours = map_scene(predictor(), scene, tmp_path / "ours", engine=FP32, **SMALL)
    plain = map_scene(predictor(), scene, tmp_path / "plain", **SMALL)
    assert ours.computed[0].startswith("OpenVINO is not used: of the classes of 4 tiles 0.00% in float32 are torch's")
    assert np.array_equal(classes(ours.classes), classes(plain.classes))


def test_the_tiles_it_is_checked_on_hold_data(scene: Path) -> None:
    from limner.scenes.rasters import open_raster

    with open_raster(scene) as raster:
        assert len(sample_tiles(raster, 96)) == 4
        some: list[Any] = sample_tiles(raster, 32)
    assert len(some) == 4
    assert all(tile.valid.any() for tile in some)
