"""Mapping: the whole scene's answer, georeference and nodata kept, bounded memory, nothing left half-done."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import tracemalloc
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from PIL import Image
from rasterio.features import rasterize

from changing import change_byte
from limner.foundation.errors import UserError
from limner.scenes.statistics import Statistics
from limner.segment.mapping.answers import AnswerOptions
from mapped import map_scene

UTM = {"crs": "EPSG:32645", "transform": rasterio.Affine(0.5, 0, 350_000, 0, -0.5, 3_060_000)}
TRAINED_ON = Statistics((100.0,) * 3, (50.0,) * 3)
SMALL = {"tile_px": 96, "overlap_px": 32, "margin_px": 8, "batch": 3}


@dataclass
class Blur:
    """A predictor that sees 3x3: class 1 where the first band, smoothed, is above its mean."""

    channels: int = 3
    class_names: tuple[str, ...] = ("background", "building")
    stride: int = 32
    threshold: float = 0.5
    statistics: Statistics = TRAINED_ON
    digest: str = "blur"
    bands: tuple[str, ...] | None = None
    scale: float = 1.0
    batches: list[int] = field(default_factory=list)

    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics) -> np.ndarray:
        assert pixels.shape[2] % self.stride == pixels.shape[3] % self.stride == 0
        self.batches.append(len(pixels))
        first = (pixels[:, 0].astype(np.float32) - statistics.mean[0]) / statistics.std[0]
        image = torch.from_numpy(np.where(valid, first, 0).astype(np.float32))[:, None]
        smooth = torch.nn.functional.conv2d(image, torch.full((1, 1, 3, 3), 1 / 9), padding=1)
        classes = [smooth * (2 * number - len(self.class_names) + 1) for number in range(len(self.class_names))]
        return torch.cat(classes, 1).softmax(1).numpy()


def save(path: Path, values: np.ndarray, **options: object) -> Path:
    bands, height, width = values.shape
    place = {"crs": None, **options}
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=values.dtype, **place
    ) as dataset:
        dataset.write(values)
    return path


def field_scene(height: int = 200, width: int = 330, bands: int = 3) -> np.ndarray:
    """Bright blocks of 40 x 40 pixels on dark ground, uint8 with noise."""
    generator = np.random.default_rng(0)
    rows, columns = np.indices((height, width)) // 40
    bright = (rows * 3 + columns * 5) % 7 < 3
    return (np.where(bright, 150, 50) + generator.normal(0, 5, (bands, height, width))).astype(np.uint8)


def whole_pass(predictor: Blur, values: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """The predictor's answer to the whole scene at once, padded as mapping pads it."""
    height, width = values.shape[1:]
    padded = np.zeros((1, len(values), -(-height // 32) * 32, -(-width // 32) * 32), values.dtype)
    padded[0, :, :height, :width] = values
    known = np.zeros((1, *padded.shape[2:]), bool)
    known[0, :height, :width] = True if valid is None else valid
    return predictor.probabilities(padded, known, predictor.statistics)[0, :, :height, :width]


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.mark.parametrize("size", [(200, 330), (33, 47), (1, 300), (300, 1), (96, 96), (321, 64)])
def test_the_map_is_the_answer_of_one_pass_over_the_whole_scene(tmp_path, size):
    values = field_scene(*size)
    predictor = Blur()
    result = map_scene(predictor, save(tmp_path / "s.tif", values), tmp_path / "out", probabilities=True, **SMALL)
    whole = whole_pass(predictor, values)[1]
    probability = read(result.probability)
    assert probability.shape == (1, *size)
    np.testing.assert_allclose(probability[0], whole, atol=1e-5)
    classes = read(result.classes)[0]
    certain = np.abs(whole - 0.5) > 1e-5
    np.testing.assert_array_equal(classes[certain], (whole >= 0.5)[certain])
    assert result.pixels == {"background": (classes == 0).sum(), "building": (classes == 1).sum()}
    assert max(predictor.batches) <= 3 or size[0] * size[1] <= 96 * 96


def test_many_classes_get_a_band_each_and_the_likeliest_wins(tmp_path):
    values = field_scene()
    predictor = Blur(class_names=("water", "field", "town"))
    result = map_scene(predictor, save(tmp_path / "s.tif", values, **UTM), tmp_path, probabilities=True, **SMALL)
    whole = whole_pass(predictor, values)
    np.testing.assert_allclose(read(result.probability), whole, atol=1e-5)
    with rasterio.open(result.probability) as dataset:
        assert dataset.descriptions == ("water", "field", "town")
    assert (read(result.classes)[0] == whole.argmax(0)).mean() > 0.999
    kept = geopandas.read_file(result.polygons)
    assert result.polygons.name == "s_polygons.gpkg"
    assert set(kept["class_name"]) == {"water", "town"}
    unkept = geopandas.read_file(map_scene(predictor, tmp_path / "s.tif", tmp_path / "b", **SMALL).files.polygons)
    np.testing.assert_allclose(kept["mean_probability"], unkept["mean_probability"], atol=1e-6)


def test_a_threshold_decides_and_equal_answers_never_flicker_around_it(tmp_path):
    class Undecided(Blur):
        def probabilities(self, pixels, valid, statistics):
            return np.full((len(pixels), 2, *pixels.shape[2:]), self.threshold, np.float32)

    scene = save(tmp_path / "s.tif", field_scene())
    for threshold in (0.5, 0.3, 0.7):
        result = map_scene(Undecided(threshold=threshold), scene, tmp_path / str(threshold), **SMALL)
        assert result.pixels == {"background": 0, "building": 200 * 330}


def test_a_constant_scene_maps_to_a_constant(tmp_path):
    scene = save(tmp_path / "s.tif", np.full((3, 250, 170), 180, np.uint8))
    result = map_scene(Blur(), scene, tmp_path, probabilities=True, **SMALL)
    assert result.pixels == {"background": 0, "building": 250 * 170}
    middle = read(result.probability)[0, 1:-1, 1:-1]
    rows, columns = slice(0, 222), slice(0, 158)  # the padding at the bottom and right is the mean, not the constant
    assert np.ptp(middle[rows, columns]) < 1e-6


def test_georeference_colors_names_and_overviews_are_kept_for_other_programs(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene(700, 600), **UTM)
    result = map_scene(Blur(), scene, tmp_path / "out", probabilities=True, tile_px=256, overlap_px=64)
    for path in (result.classes, result.probability):
        with rasterio.open(path) as dataset:
            assert dataset.crs == UTM["crs"]
            assert dataset.transform == UTM["transform"]
            assert dataset.block_shapes[0] == (256, 256)
            assert dataset.compression.name == "deflate"
            assert dataset.overviews(1) == [2, 4]
    with rasterio.open(result.classes) as dataset:
        assert dataset.nodata == 255
        assert dataset.dtypes == ("uint8",)
        assert dataset.colorinterp[0].name == "palette"
        assert dataset.colormap(1)[0] != dataset.colormap(1)[1]
        assert dataset.tags()["CLASS_1"] == "building"
    assert "<Category>building</Category>" in result.files.class_names.read_text()
    with rasterio.open(result.probability) as dataset:
        assert np.isnan(dataset.nodata)


def test_nodata_stays_nodata_and_is_the_mean_to_the_network(tmp_path):
    values = field_scene()
    values[:, values.max(axis=0) == 0] = 1
    values[:, 50:90, 100:200] = 0
    values[:, :, 310:] = 0
    valid = values.any(axis=0)
    predictor = Blur()
    result = map_scene(predictor, save(tmp_path / "s.tif", values, nodata=0), tmp_path, probabilities=True, **SMALL)
    classes, probability = read(result.classes)[0], read(result.probability)[0]
    np.testing.assert_array_equal(classes == 255, ~valid)
    np.testing.assert_array_equal(np.isnan(probability), ~valid)
    np.testing.assert_allclose(probability[valid], whole_pass(predictor, values, valid)[1][valid], atol=1e-5)
    assert result.nodata_px == (~valid).sum()


def test_tiles_without_data_never_reach_the_network(tmp_path):
    values = np.zeros((3, 480, 480), np.uint8)
    values[:, :20, :20] = 90
    predictor = Blur()
    result = map_scene(predictor, save(tmp_path / "s.tif", values, nodata=0), tmp_path, **SMALL)
    assert predictor.batches == [1]
    assert sum(result.pixels.values()) == 400


def test_the_scenes_own_statistics_undo_a_change_of_its_colors(tmp_path):
    values = field_scene().astype(np.uint16)
    predictor = Blur()
    plain = save(tmp_path / "plain.tif", values)
    other = save(tmp_path / "other.tif", values * 7 + 300)
    maps = [map_scene(predictor, scene, tmp_path, normalize="scene", **SMALL) for scene in (plain, other)]
    np.testing.assert_array_equal(*[read(result.classes) for result in maps])
    np.testing.assert_allclose(maps[1].statistics.mean, values.mean(axis=(1, 2)) * 7 + 300, rtol=1e-9)
    spoiled = map_scene(predictor, other, tmp_path / "run", normalize="run", **SMALL)
    assert spoiled.statistics == predictor.statistics
    assert spoiled.pixels["background"] == 0


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_pictures_without_georeference_give_polygons_in_columns_and_rows(tmp_path, suffix):
    values = np.full((3, 150, 260), 40, np.uint8)
    values[:, 20:60, 100:220] = 200
    Image.fromarray(np.moveaxis(values, 0, -1)).save(tmp_path / f"s.{suffix}", quality=95)
    result = map_scene(Blur(), tmp_path / f"s.{suffix}", tmp_path / "out", polygons="geojson", **SMALL)
    (shape,) = geopandas.read_file(result.polygons).geometry
    np.testing.assert_allclose(shape.bounds, (100, 20, 220, 60), atol=1)
    with rasterio.open(result.classes) as dataset:
        assert dataset.crs is None
        assert dataset.transform.is_identity


@pytest.mark.parametrize("kind", ["gpkg", "geojson"])
def test_a_shape_that_crosses_tiles_is_one_polygon_where_the_mask_is(tmp_path, kind):
    values = np.full((3, 400, 500), 40, np.uint8)
    values[:, 30:370, 50:120] = 200
    values[:, 300:370, 50:450] = 200
    scene = save(tmp_path / "s.tif", values, **UTM)
    result = map_scene(Blur(), scene, tmp_path, polygons=kind, **SMALL)
    frame = geopandas.read_file(result.polygons)
    assert result.polygon_count == len(frame) == 1
    assert result.polygons.name == f"s_building.{kind}"
    burned = rasterize(frame.to_crs(UTM["crs"]).geometry, (400, 500), transform=UTM["transform"]) > 0
    mask = read(result.classes)[0] == 1
    assert (burned & mask).sum() / (burned | mask).sum() > 0.97
    assert frame["area_m2"][0] == pytest.approx(mask.sum() / 4, rel=0.01)


def test_no_polygons_are_drawn_when_none_are_wanted(tmp_path):
    result = map_scene(Blur(), save(tmp_path / "s.tif", field_scene()), tmp_path / "out", polygons="none", **SMALL)
    assert result.polygon_count is None
    assert names(tmp_path / "out") == {
        "s_classes.tif",
        "s_classes.tif.aux.xml",
        "s_classes.qml",
        "s_preview.png",
        "s_map.json",
    }


def test_the_preview_shows_classes_over_the_scene_and_nodata_as_transparent(tmp_path):
    values = np.full((3, 300, 2100), 40, np.uint8)
    values[:, :, 700:1400] = 200
    values[:, :, 1400:] = 0
    scene = save(tmp_path / "s.tif", values, nodata=0)
    result = map_scene(Blur(), scene, tmp_path, tile_px=256, overlap_px=64, polygons="none")
    preview = np.asarray(Image.open(result.preview))
    assert preview.shape == (146, 1024, 4)
    np.testing.assert_array_equal(preview[70, 100], (40, 40, 40, 255))
    assert preview[70, 500, 0] > preview[70, 500, 2] + 50
    assert preview[70, 900, 3] == 0


def test_the_record_says_what_was_made_from_what(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene(), **UTM)
    result = map_scene(Blur(), scene, tmp_path, **SMALL)
    record = json.loads(result.files.record.read_text())
    assert record["scene"] == "s.tif"
    assert record["request"]["tile_px"] == 96
    assert record["request"]["model"] == "blur"
    assert record["shares"]["building"] == pytest.approx(result.shares["building"], abs=1e-6)
    assert record["statistics"] == {"mean": [100.0] * 3, "deviation": [50.0] * 3}
    assert record["versions"]["gdal"] == rasterio.__gdal_version__
    assert set(record["files"].values()) <= names(tmp_path) | {None}


def test_the_same_call_again_is_skipped_and_another_one_refused(tmp_path):
    scene, out = save(tmp_path / "s.tif", field_scene()), tmp_path / "out"
    first = map_scene(Blur(), scene, out, **SMALL)
    predictor = Blur()
    again = map_scene(predictor, scene, out, **{**SMALL, "batch": 1})
    assert again.skipped
    assert not predictor.batches
    assert (again.pixels, again.files, again.statistics) == (first.pixels, first.files, first.statistics)
    for other, words in [
        ({"tile_px": 128}, "tile_px 96, now 128"),
        ({"polygons": "geojson"}, "polygons gpkg, now geojson"),
    ]:
        with pytest.raises(UserError, match=f"{words}.*--overwrite"):
            map_scene(Blur(), scene, out, **{**SMALL, **other})
    with pytest.raises(UserError, match="another model"):
        map_scene(Blur(digest="other"), scene, out, **SMALL)
    os.utime(scene, (1, 1))
    assert map_scene(Blur(), scene, out, **SMALL).skipped
    change_byte(scene)
    with pytest.raises(UserError, match="another scene file"):
        map_scene(Blur(), scene, out, **SMALL)


def test_a_map_of_a_virtual_raster_is_stale_when_a_file_behind_it_changes(tmp_path):
    (tmp_path / "tiles").mkdir()
    source, out = save(tmp_path / "tiles/s.tif", field_scene()), tmp_path / "out"
    with rasterio.open(source) as file:
        height, width = file.shape
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><SimpleSource><SourceFilename relativeToVRT="1">tiles/s.tif'
        f"</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band in (1, 2, 3)
    )
    scene = tmp_path / "scene.vrt"
    scene.write_text(f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{bands}</VRTDataset>')
    first = map_scene(Blur(), scene, out, **SMALL)
    assert map_scene(Blur(), scene, out, **SMALL).skipped
    with rasterio.open(source, "r+") as file:
        file.write(255 - file.read())
    with pytest.raises(UserError, match="another scene file"):
        map_scene(Blur(), scene, out, **SMALL)
    assert map_scene(Blur(), scene, out, overwrite=True, **SMALL).pixels != first.pixels
    (tmp_path / "tiles/s.tfw").write_text("1\n0\n0\n-1\n5\n5\n")
    with pytest.raises(UserError, match="another scene file"):
        map_scene(Blur(), scene, out, **SMALL)


def test_overwriting_leaves_only_the_new_maps_files(tmp_path):
    scene, out = save(tmp_path / "s.tif", field_scene()), tmp_path / "out"
    map_scene(Blur(), scene, out, probabilities=True, **SMALL)
    (out / "mine.txt").write_text("mine")
    result = map_scene(Blur(), scene, out, polygons="geojson", overwrite=True, **SMALL)
    assert names(out) == {path.name for path in result.files.paths()} | {"mine.txt"}


@pytest.mark.parametrize("file", ["classes", "probability", "entropy", "polygons", "preview", "class_names"])
def test_a_map_that_somebody_changed_is_not_the_map_that_was_made(tmp_path, file):
    scene = save(tmp_path / "s.tif", field_scene(), **UTM)
    options = {**SMALL, "probabilities": True, "answers": AnswerOptions(entropy=True)}
    first = map_scene(Blur(), scene, tmp_path / "out", **options)
    path = getattr(first.files, file)
    if file == "polygons":
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"DELETE FROM '{path.stem}' WHERE fid = 1")
    else:
        change_byte(path)
    changed = path.read_bytes()
    with pytest.raises(UserError, match=rf"{path.name}: was changed since .*--overwrite"):
        map_scene(Blur(), scene, tmp_path / "out", **options)
    assert path.read_bytes() == changed
    assert not map_scene(Blur(), scene, tmp_path / "out", overwrite=True, **options).skipped
    assert map_scene(Blur(), scene, tmp_path / "out", **options).skipped


def test_a_map_that_somebody_only_looked_at_is_the_map_that_was_made(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene(), **UTM)
    first = map_scene(Blur(), scene, tmp_path / "out", **SMALL)
    before = first.polygons.read_bytes()
    with closing(sqlite3.connect(first.polygons)) as database:  # as QGIS opens a GeoPackage
        for mode in ("wal", "delete"):
            database.execute(f"PRAGMA journal_mode={mode}")
            database.execute("SELECT * FROM gpkg_contents").fetchall()
    assert first.polygons.read_bytes() != before
    statistics = '<Metadata><MDI key="STATISTICS_MEAN">0.1</MDI></Metadata></PAMRasterBand>'
    noted = first.files.class_names.read_text().replace("</PAMRasterBand>", statistics)
    first.files.class_names.write_text(noted)
    first.files.style.write_text("<qgis>a style of mine</qgis>")
    assert map_scene(Blur(), scene, tmp_path / "out", **SMALL).skipped


def test_a_record_that_does_not_say_what_its_map_holds_is_enough(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene())
    first = map_scene(Blur(), scene, tmp_path, **SMALL)
    record = json.loads(first.files.record.read_text())
    del record["holds"]
    first.files.record.write_text(json.dumps(record))  # as limner wrote them before
    change_byte(first.preview)
    assert map_scene(Blur(), scene, tmp_path, **SMALL).skipped


def test_a_missing_output_is_made_again(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene())
    first = map_scene(Blur(), scene, tmp_path, **SMALL)
    first.files.preview.unlink()
    assert not map_scene(Blur(), scene, tmp_path, **SMALL).skipped
    assert first.files.preview.exists()


@pytest.mark.kills
def test_a_mapping_killed_midway_leaves_nothing_under_a_good_name_and_repeats_to_the_same_map(tmp_path):
    scene, out = save(tmp_path / "s.tif", field_scene(600, 300), **UTM), tmp_path / "out"
    program = textwrap.dedent(f"""
        import os, signal, sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[2] / "helpers")!r}]
        from test_map import SMALL, Blur, map_scene

        def kill(message, done, total):
            if message == "mapping" and done == 5:
                os.kill(os.getpid(), signal.SIGKILL)

        map_scene(Blur(), {str(scene)!r}, {str(out)!r}, progress=kill, **SMALL)
    """)
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert names(out)
    assert all(name.startswith(".s_") for name in names(out))
    result = map_scene(Blur(), scene, out, **SMALL)
    assert names(out) == {path.name for path in result.files.paths()}  # what the killed one left is gone
    never_killed = map_scene(Blur(), scene, tmp_path / "other", **SMALL)
    for path, other in zip(result.files.paths(), never_killed.files.paths(), strict=True):
        if path.suffix in (".tif", ".png", ".xml"):
            assert path.read_bytes() == other.read_bytes()
    frames = [geopandas.read_file(item.files.polygons) for item in (result, never_killed)]
    assert frames[0].equals(frames[1])


def test_files_without_a_record_are_of_a_mapping_killed_while_it_renamed_and_are_made_again(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene())
    first = map_scene(Blur(), scene, tmp_path, **SMALL)
    content = first.classes.read_bytes()
    first.files.record.unlink()
    first.classes.write_bytes(b"of another map")
    assert not map_scene(Blur(), scene, tmp_path, **SMALL).skipped
    assert first.classes.read_bytes() == content


def test_an_error_in_the_network_leaves_nothing_behind(tmp_path):
    class Broken(Blur):
        def probabilities(self, pixels, valid, statistics):
            if len(self.batches) == 4:
                raise ZeroDivisionError
            return super().probabilities(pixels, valid, statistics)

    with pytest.raises(ZeroDivisionError):
        map_scene(Broken(), save(tmp_path / "s.tif", field_scene()), tmp_path / "out", **SMALL)
    assert names(tmp_path / "out") == set()


def test_a_scene_cut_short_is_refused_and_leaves_nothing_behind(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (3, 400, 400), dtype=np.uint8)
    scene = save(tmp_path / "s.tif", noise)
    scene.write_bytes(scene.read_bytes()[:200_000])
    with pytest.raises(UserError, match=r"s\.tif"):
        map_scene(Blur(), scene, tmp_path / "out", **SMALL)
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == set()


@pytest.mark.parametrize("normalize", ["run", "scene"])
def test_a_scene_without_data_is_refused_and_leaves_nothing_behind(tmp_path, normalize):
    scene = save(tmp_path / "s.tif", np.zeros((3, 200, 200), np.uint8), nodata=0)
    with pytest.raises(UserError, match=r"no data in|no pixel holds data"):
        map_scene(Blur(), scene, tmp_path / "out", normalize=normalize, **SMALL)
    assert names(tmp_path / "out") == set()


@pytest.mark.parametrize(
    ("bands", "words"),
    [(1, "has 1 band, the network was trained on 3"), (4, r"on 3; choose those that .*, such as --bands 1,2,3")],
)
def test_another_number_of_bands_is_refused_with_advice(tmp_path, bands, words):
    scene = save(tmp_path / "s.tif", field_scene(bands=bands), photometric="minisblack")
    with pytest.raises(UserError, match=words):
        map_scene(Blur(), scene, tmp_path / "out", **SMALL)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tile_px": 100}, "multiple of 32, such as 96 or 128"),
        ({"tile_px": 96, "overlap_px": 96}, "overlap smaller than the tile"),
        ({"overlap_px": 64, "margin_px": 40}, "margin_px is 40; needed: 0 to 32"),
        ({"batch": 0}, "batch is 0"),
        ({"normalize": "none"}, "one of run, scene"),
        ({"polygons": "shp"}, "one of gpkg, geojson, none"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(tmp_path, options, words):
    scene = save(tmp_path / "s.tif", field_scene())
    with pytest.raises(UserError, match=words):
        map_scene(Blur(), scene, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_output_below_a_regular_file_is_refused(tmp_path):
    scene = save(tmp_path / "s.tif", field_scene())
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="it is a file, not a folder"):
        map_scene(Blur(), scene, tmp_path / "file" / "out", **SMALL)


class Hungry(Blur):
    """Runs out of CUDA memory above a number of tiles."""

    limit = 1

    def probabilities(self, pixels, valid, statistics):
        if len(pixels) > self.limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return super().probabilities(pixels, valid, statistics)


def test_the_batch_is_halved_when_cuda_memory_runs_out_and_the_map_is_the_same(tmp_path, capsys):
    scene = save(tmp_path / "s.tif", field_scene())
    said = []
    options = {**SMALL, "batch": 4}
    result = map_scene(
        Hungry(), scene, tmp_path / "a", progress=lambda message, done, total: said.append(message), **options
    )
    words = [message for message in said if message.startswith("CUDA")]
    assert [word.split(": ")[1] for word in words] == ["going on with 2", "going on with 1"]
    plain = map_scene(Blur(), scene, tmp_path / "b", **options)
    np.testing.assert_array_equal(read(result.classes), read(plain.classes))
    map_scene(Hungry(), scene, tmp_path / "c", **options)
    printed = capsys.readouterr()
    assert "CUDA memory ran out on 4 tiles at once: going on with 2" in printed.err
    assert printed.out == ""


def test_a_single_tile_that_does_not_fit_into_cuda_memory_is_told_with_advice(tmp_path):
    predictor = Hungry()
    predictor.limit = 0
    with pytest.raises(UserError, match=r"smaller --tile-px, or --device cpu"):
        map_scene(predictor, save(tmp_path / "s.tif", field_scene()), tmp_path / "out", **SMALL)
    assert names(tmp_path / "out") == set()


def test_a_scene_ten_times_as_tall_needs_no_more_memory(tmp_path):
    peaks = []
    map_scene(Blur(), save(tmp_path / "s.tif", field_scene()), tmp_path / "warm", **SMALL)  # imports are done
    for height in (400, 4000):
        scene = save(tmp_path / f"{height}.tif", np.tile(field_scene(400, 200), (1, height // 400, 1)), tiled=True)
        tracemalloc.start()
        map_scene(Blur(), scene, tmp_path / "out", polygons="none", **SMALL)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.15 + 100_000


@pytest.mark.parametrize("classes", [2, 3])
def test_a_wide_scene_mapped_strip_by_strip_gives_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int
) -> None:
    values = field_scene(300, 1700)
    values[:, 100:200, 500:900] = 0
    scene = save(tmp_path / "wide.tif", values, nodata=0, **UTM)
    names = ("background", "building", "road")[:classes]
    options = {**SMALL, "probabilities": True, "answers": AnswerOptions(entropy=True)}
    whole = map_scene(Blur(class_names=names), scene, tmp_path / "whole", **options)
    monkeypatch.setattr("limner.segment.mapping.streaming.STRIP_PX", 600)
    blur = Blur(class_names=names)
    said: list[tuple[int, int]] = []
    parts = map_scene(
        blur, scene, tmp_path / "parts", progress=lambda _, done, total: said.append((done, total)), **options
    )
    assert max(total for _, total in said) == 3 * 5  # strips and rows of tiles
    for name in ("classes", "probability", "entropy"):
        with rasterio.open(getattr(whole, name)) as one, rasterio.open(getattr(parts, name)) as other:
            assert np.array_equal(one.read(), other.read(), equal_nan=True), name
    assert (parts.pixels, parts.nodata_px, parts.polygon_count) == (whole.pixels, whole.nodata_px, whole.polygon_count)
