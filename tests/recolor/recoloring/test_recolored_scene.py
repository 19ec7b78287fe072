"""Scenes written in other colors stay the scenes they were: grid, type, nodata, tiles, compression, names."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from drawing import draw_mask, draw_picture, draw_scene, write_raster
from limner.foundation.errors import UserError
from limner.learning.runs.opening import is_run
from limner.recolor.recoloring.scenes import harmonize_scene
from limner.scenes.rasters import open_raster

GROWTH_MB = 220


def values_of(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A scene of other colors, and of fewer pixels."""
    picture = draw_picture(draw_mask(64, 96), seed=3).astype(float)
    mixed = np.stack([0.3 * picture[0] + 20, 0.5 * picture[1] + 40, 0.4 * picture[0] + 0.2 * picture[2]])
    return write_raster(tmp_path_factory.mktemp("other") / "other.tif", mixed.astype(np.uint8))


def test_a_scene_takes_the_mean_and_covariance_of_another(other, tmp_path):
    made = harmonize_scene(draw_scene(tmp_path / "scene.tif"), other, tmp_path / "out.tif")
    found, wanted = values_of(made.path).reshape(3, -1), values_of(other).reshape(3, -1)
    np.testing.assert_allclose(found.mean(1), wanted.mean(1), atol=0.3)
    np.testing.assert_allclose(np.cov(found), np.cov(wanted), rtol=0.02, atol=0.5)
    assert (made.matched, made.skipped) == ("other", False)


LAYOUTS = {
    "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 32, "compress": "deflate"},
    "bands apart": {"tiled": True, "blockxsize": 64, "blockysize": 64, "interleave": "band", "compress": "lzw"},
    "strips": {"tiled": False, "blockysize": 7, "compress": "zstd"},
    "not compressed": {"tiled": False},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_form_of_the_file_is_kept(tmp_path, layout, dtype):
    picture = draw_picture(draw_mask(150, 130), bands=4, dtype=dtype)
    scene = write_raster(tmp_path / "scene.tif", picture, **LAYOUTS[layout])
    like = write_raster(tmp_path / "like.tif", (draw_picture(draw_mask(64, 64), 4, 5) * 0.5).astype(dtype))
    with rasterio.open(scene, "r+") as dataset:
        dataset.descriptions = ("blue", "green", "red", "infrared")
        dataset.update_tags(CAMERA="seven")
        dataset.update_tags(2, WAVELENGTH="560", STATISTICS_MEAN="1")
        dataset.scales = (0.1,) * 4
        dataset.build_overviews([2, 4])
    made = harmonize_scene(scene, like, tmp_path / "out.tif")
    with rasterio.open(scene) as before, rasterio.open(made.path) as after:
        assert after.profile == before.profile
        assert (after.descriptions, after.scales, after.overviews(3)) == (before.descriptions, before.scales, [2, 4])
        assert after.tags()["CAMERA"] == "seven"
        assert after.tags(2) == {"WAVELENGTH": "560"}
        assert after.colorinterp == before.colorinterp
        assert after.read(1).mean() == pytest.approx(values_of(like)[0].mean(), abs=0.3)


@pytest.mark.parametrize("nodata", [0, 255, 97])
def test_data_never_becomes_nodata_and_nodata_stays(other, tmp_path, nodata):
    picture = draw_picture(draw_mask(90, 80))
    picture[picture == nodata] += 1
    picture[:, 30:50, 10:40] = nodata
    scene = write_raster(tmp_path / "scene.tif", picture, nodata=nodata)
    made = harmonize_scene(scene, write_raster(tmp_path / "like.tif", wide()), tmp_path / "out.tif")
    empty = np.zeros((90, 80), bool)
    empty[30:50, 10:40] = True
    with open_raster(made.path) as raster:
        np.testing.assert_array_equal(raster.read().valid, ~empty)
    found = values_of(made.path)
    assert (found[:, empty] == nodata).all() and not (found[:, ~empty] == nodata).any()
    assert nodata == 97 or np.abs(found[:, ~empty].astype(int) - nodata).min() == 1  # the ends of the type were reached


def wide() -> np.ndarray:
    """A picture that uses all of 8 bits."""
    return np.random.default_rng(0).choice([0, 255], (3, 64, 64)).astype(np.uint8)


def test_alpha_stays_as_it_is_and_hides_what_it_hid(other, tmp_path):
    alpha = np.where(np.arange(80) < 30, 0, 255).astype(np.uint8)[None].repeat(90, 0)
    picture = draw_picture(draw_mask(90, 80))
    picture[:, alpha == 0] = 250  # must not count
    scene = write_raster(tmp_path / "scene.tif", np.concatenate([picture, alpha[None]]), photometric="rgb", alpha="yes")
    made = harmonize_scene(scene, other, tmp_path / "out.tif")
    with rasterio.open(made.path) as dataset:
        assert dataset.colorinterp[3] is ColorInterp.alpha
        found = dataset.read()
    np.testing.assert_array_equal(found[3], alpha)
    np.testing.assert_allclose(found[:3, alpha > 0].mean(1), values_of(other).reshape(3, -1).mean(1), atol=0.5)


def test_a_mask_inside_the_file_stays(other, tmp_path):
    valid = draw_mask(90, 80) == 0
    scene = tmp_path / "scene.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write_raster(scene, draw_picture(draw_mask(90, 80)))
        with rasterio.open(scene, "r+") as dataset:
            dataset.write_mask(valid)
    made = harmonize_scene(scene, other, tmp_path / "out.tif")
    with open_raster(made.path) as raster:
        np.testing.assert_array_equal(raster.read().valid, valid)


def test_floats_without_data_are_nan(tmp_path):
    picture = draw_picture(draw_mask(40, 50), dtype="float32")
    picture[:, 5, 7] = np.nan
    scene = write_raster(tmp_path / "scene.tif", picture)
    made = harmonize_scene(scene, write_raster(tmp_path / "like.tif", picture[:, 10:] * 3 - 500), tmp_path / "out.tif")
    found = values_of(made.path)
    assert np.isnan(found[:, 5, 7]).all() and np.isnan(found).sum() == 3
    assert found.dtype == np.float32 and np.nanmin(found) < 0


def test_a_jpeg_compressed_scene_stays_one_unless_it_has_a_nodata_value(other, tmp_path):
    options = {"compress": "jpeg", "photometric": "ycbcr", "tiled": True, "blockxsize": 128, "blockysize": 128}
    scene = write_raster(tmp_path / "scene.tif", draw_picture(draw_mask(256, 256)), **options)
    with rasterio.open(harmonize_scene(scene, other, tmp_path / "out.tif").path) as dataset:
        assert (dataset.profile["compress"], dataset.profile["photometric"]) == ("jpeg", "ycbcr")
    with rasterio.open(scene, "r+") as dataset:
        dataset.nodata = 0
    with rasterio.open(harmonize_scene(scene, other, tmp_path / "other.tif").path) as dataset:
        assert dataset.profile["compress"] == "deflate"


def test_a_png_becomes_a_geotiff(other, tmp_path):
    scene = write_raster(tmp_path / "photo.png", draw_picture(draw_mask(50, 40)))
    made = harmonize_scene(scene, other, tmp_path / "out.tif")
    with rasterio.open(made.path) as dataset:
        assert (dataset.shape, dataset.profile["compress"]) == ((50, 40), "deflate")
        assert dataset.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


def test_chosen_bands_are_written_in_the_order_of_the_others(tmp_path):
    scene = write_raster(tmp_path / "scene.tif", draw_picture(draw_mask(64, 64), bands=4))
    with rasterio.open(scene, "r+") as dataset:
        dataset.descriptions = ("blue", "green", "red", "infrared")
    levels = np.array([9, 90, 200], np.uint8)[:, None, None]
    like = write_raster(tmp_path / "like.tif", levels + wide()[:, :32, :32] // 9)
    made = harmonize_scene(scene, like, tmp_path / "out.tif", bands="3,2,1")
    with rasterio.open(made.path) as dataset:
        assert dataset.descriptions == ("red", "green", "blue")
        np.testing.assert_allclose(
            dataset.read().reshape(3, -1).mean(1), values_of(like).reshape(3, -1).mean(1), atol=0.5
        )


def test_a_run_lends_the_colors_of_its_training_areas(trained, tmp_path):
    made = harmonize_scene(draw_scene(tmp_path / "scene.tif"), trained / "run", tmp_path / "out.tif", to="nearest")
    assert made.matched == "town"
    assert is_run(trained / "run") and is_run("buildings") and not is_run(made.path)


def test_the_same_call_again_finds_the_file_and_another_is_refused(other, tmp_path):
    scene, out = draw_scene(tmp_path / "scene.tif"), tmp_path / "out.tif"
    made = harmonize_scene(scene, other, out)
    before = out.stat().st_mtime_ns
    again = harmonize_scene(scene, other, out)
    assert (again.skipped, again.matched, out.stat().st_mtime_ns) == (True, made.matched, before)
    with pytest.raises(
        UserError,
        match=r"out.tif: is there already, made from something else .method mkl, now idt.; choose another --out or",
    ):
        harmonize_scene(scene, other, out, method="idt")
    assert not harmonize_scene(scene, other, out, method="idt", overwrite=True).skipped
    (tmp_path / "notes.tif").write_text("mine")
    with pytest.raises(UserError, match=r"notes.tif: is there already"):
        harmonize_scene(scene, other, tmp_path / "notes.tif")


def test_nothing_half_written_stays_when_it_fails(other, tmp_path, monkeypatch):
    scene = draw_scene(tmp_path / "scene.tif")
    monkeypatch.setattr("limner.recolor.recoloring.scenes._write_part", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        harmonize_scene(scene, other, tmp_path / "out.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda here: (here / "none.tif", here / "three.tif", here / "out.tif"), r"none.tif: no such file"),
        (
            lambda here: (here / "three.tif", here / "none.tif", here / "out.tif"),
            r"none.tif: neither a run nor a scene",
        ),
        (
            lambda here: (here / "three.tif", here / "four.tif", here / "out.tif"),
            r"three.tif: has 3 bands, .*four.tif has 4",
        ),
        (
            lambda here: (here / "three.tif", here / "wide.tif", here / "out.tif"),
            r"holds uint8, too small .* -ot UInt16",
        ),
        (lambda here: (here / "three.tif", here / "blank.tif", here / "out.tif"), r"blank.tif: no pixel holds data"),
        (lambda here: (here / "blank.tif", here / "three.tif", here / "out.tif"), r"blank.tif: no pixel holds data"),
        (lambda here: (here / "three.tif", here / "three.tif", here / "three.tif"), r"three.tif: is the scene itself"),
        (
            lambda here: (here / "three.tif", here / "three.tif", here / "out.png"),
            r"out.png: scenes are written as GeoTIFF",
        ),
        (lambda here: (here / "text.tif", here / "three.tif", here / "out.tif"), r"text.tif: not a picture"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path, call, line):
    picture = draw_picture(draw_mask(32, 32), bands=4)
    write_raster(tmp_path / "three.tif", picture[:3])
    write_raster(tmp_path / "four.tif", picture)
    write_raster(tmp_path / "wide.tif", picture[:3].astype(np.uint16))
    write_raster(tmp_path / "blank.tif", picture[:3] * 0, nodata=0)
    (tmp_path / "text.tif").write_text("no picture")
    with pytest.raises(UserError, match=line) as caught:
        harmonize_scene(*call(tmp_path))
    assert "\n" not in str(caught.value)


def test_memory_does_not_grow_with_the_scene(tmp_path):
    """A fresh process harmonizes 6000 x 6000 x 4 of 16 bits, 288 MB of pixels, in less than they take."""
    scene, like = tmp_path / "scene.tif", tmp_path / "like.tif"
    write_raster(like, (draw_picture(draw_mask(64, 64), 4, dtype="uint16") * 7).astype(np.uint16))
    block = draw_picture(draw_mask(512, 512), 4, dtype="uint16")
    place = {"dtype": "uint16", "nodata": 0, "photometric": "minisblack", "count": 4, "height": 6000, "width": 6000}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "sparse_ok": True}
    with rasterio.open(scene, "w", driver="GTiff", **place, **tiles) as file:
        for row, column in ((0, 0), (4096, 2048), (5120, 5120)):
            file.write(block, window=rasterio.windows.Window(column, row, 512, 512))
    program = f"""
        import resource
        import torch
        from limner.recolor.recoloring.scenes import harmonize_scene
        torch.set_num_threads(1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        harmonize_scene({str(scene)!r}, {str(like)!r}, {str(tmp_path / "out.tif")!r})
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    little = {**os.environ, "GDAL_CACHEMAX": "16"}  # MB
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=little)
    assert float(done.stdout) < GROWTH_MB
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.read(2, window=rasterio.windows.Window(2048, 4096, 512, 512)).mean() == pytest.approx(
            values_of(like)[1].mean(), rel=0.01
        )
        assert not file.read(1, window=rasterio.windows.Window(3000, 3000, 512, 512)).any()
