"""Cut-outs of real pictures, where $LIMNER_DATA has them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.datasets.pictures.read import read_pictures
from limner.generate.cutouts.options import GREEN, CutOutOptions
from limner.generate.cutouts.verb import CutOuts, cut_out

DATA = Path(os.environ.get("LIMNER_DATA", ""))
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools


def cut(name: str, out: Path, objects: tuple[str, ...] = ("car",), **given: object) -> CutOuts:
    if "LIMNER_DATA" not in os.environ or not (DATA / name).is_dir():
        pytest.skip(f"needs {name} in $LIMNER_DATA")
    options: dict[str, object] = {"no_filter": True, "workers": 1, **given}
    return cut_out(DATA / name, objects, out, CutOutOptions(**options))  # type: ignore[arg-type]


def test_coco128_has_28_cars_of_which_5_are_large_enough(tmp_path: Path) -> None:
    made = cut("coco128-seg", tmp_path / "out")
    assert (made.form, len(made.rows), len(made.files), made.rejected) == ("YOLO", 28, 5, {"small": 23})


def test_coco128_has_780_instances_of_which_none_is_lost(tmp_path: Path) -> None:
    names = (DATA / "coco128-seg/classes.txt").read_text().split("\n") if "LIMNER_DATA" in os.environ else ["car"]
    made = cut("coco128-seg", tmp_path / "out", tuple(name for name in names if name), min_width=1, min_height=1)
    assert len(made.rows) == len(made.files) == 780


def test_tiny_coco_has_13_cars(tmp_path: Path) -> None:
    made = cut("tiny-coco", tmp_path / "out")
    assert (made.form, len(made.rows), len(made.files)) == ("COCO", 13, 9)
    for row in made.rows:
        assert row.area_px is not None and row.x0 is not None and row.x1 is not None
        assert 0 < row.area_px <= (row.x1 - row.x0) * (row.y1 - row.y0)  # type: ignore[operator]


def test_camvid_has_140_regions_of_cars_of_400_px_and_they_can_be_learned_from(tmp_path: Path) -> None:
    made = cut("camvid-sample", tmp_path / "out", regions="8", min_width=1, min_height=1, min_area=400)
    assert (made.form, len(made.files)) == ("pictures and masks", 140)
    for path in made.files[:5]:
        assert (np.asarray(Image.open(path)) == GREEN).all(axis=2).any()
    learned = read_pictures([tmp_path / "out/car"], size_px=32)
    assert len(learned) == 140 and learned.fit == "pad"
