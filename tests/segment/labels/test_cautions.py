"""Masks whose files may not mean what they say are told of first, and numbers that nobody drew are refused."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from limner.foundation.errors import UserError
from limner.segment.data.areas import find_data
from limner.segment.data.check import check
from limner.segment.labels.cautions import mask_cautions
from limner.segment.labels.forms import LabelForm, decide_form
from limner.segment.labels.masks import mask_content
from limner.segment.labels.reading import Reading

PLACE = {"crs": "EPSG:32636", "transform": rasterio.Affine(0.5, 0, 450_000, 0, -0.5, 30_000)}


def write(path: Path, values: np.ndarray, **options) -> Path:
    values = values[None] if values.ndim == 2 else values
    count, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, **PLACE, **options
    ) as file:
        file.write(values)
    return path


def roofs(value: int = 1, dtype: str = "uint8") -> np.ndarray:
    mask = np.zeros((60, 80), dtype)
    mask[10:30, 20:50] = value
    return mask


@pytest.mark.parametrize(("value", "names"), [(1, ("background", "object")), (255, ("background", "object"))])
def test_a_class_that_is_tagged_as_nodata_is_told(tmp_path, value, names):
    path = write(tmp_path / "m.tif", roofs(value), nodata=0)
    contents = {path: mask_content(path)}
    (line,) = mask_cautions(contents, decide_form(contents, names))
    assert line.startswith(f"{path}: 0 (background) is tagged as nodata, so 87.5% of the pixels count as not labelled")
    assert "gdal_edit.py -unsetnodata" in line


def test_nodata_that_means_nothing_and_a_tag_that_no_pixel_has_are_no_news(tmp_path):
    ignored = write(tmp_path / "a.tif", roofs(), nodata=255)
    unused = write(tmp_path / "b.tif", roofs() + 1, nodata=0)
    ignored_by_name = write(tmp_path / "c.tif", roofs() * 2 + (roofs() == 0), nodata=2)
    contents = {path: mask_content(path) for path in (ignored, unused)}
    assert mask_cautions(contents, LabelForm.of_numbers(("background", "a", "b"))) == ()
    form = LabelForm(("background", "object"), ((0, 0), (1, 1), (2, 255)))
    assert mask_cautions({ignored_by_name: mask_content(ignored_by_name)}, form) == ()


def test_check_and_training_data_begin_with_it(tmp_path):
    scene = write(tmp_path / "scene.tif", np.random.default_rng(0).integers(1, 255, (3, 60, 80), dtype=np.uint8))
    mask = write(tmp_path / "m.tif", roofs(dtype="int32"), nodata=0)
    report = check([scene], Reading(labels=mask))
    assert report.to_text().splitlines()[0].startswith(f"Careful: {mask}: 0 (background) is tagged as nodata")
    assert report.to_json()["cautions"] == find_data([scene], Reading(labels=mask)).cautions
    plain = write(tmp_path / "plain.tif", roofs(dtype="int32"))
    assert not check([scene], Reading(labels=plain)).to_text().startswith("Careful")


def test_class_numbers_in_a_lossy_file_are_refused(tmp_path):
    mask = np.zeros((128, 128), np.uint8)
    for number, column in enumerate(range(3, 120, 13)):
        mask[20:100, column : column + 7] = number + 1
    with pytest.raises(UserError, match=r"m\.tif: class numbers saved with lossy compression \(JPEG\)"):
        mask_content(write(tmp_path / "m.tif", mask, compress="jpeg"))
    with pytest.raises(UserError, match=r"lossy compression \(LERC\)"):
        mask_content(write(tmp_path / "l.tif", mask, compress="lerc", MAX_Z_ERROR=1.5))
    assert mask_content(write(tmp_path / "w.tif", mask, compress="deflate")).numbers == frozenset(range(10))


def test_two_classes_in_a_lossy_file_are_read_and_told(tmp_path):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "m.jpg")
    content = mask_content(tmp_path / "m.jpg")
    (line,) = mask_cautions({tmp_path / "m.jpg": content}, LabelForm.of_binary())
    assert "saved with lossy compression (JPEG)" in line
