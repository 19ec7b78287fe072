"""Every way in which limner writes a file, small: for tests of what becomes of it when the disk is full."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
import torch
from rasterio import Affine

from limner.datasets.pictures.gif_writing import write_gif
from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.foundation.files.writing import replacing, write_json
from limner.generate.cutouts.rows import Row, write_manifest
from limner.generate.making.options import GenerateOptions
from limner.generate.making.sample import _write_png
from limner.generate.media.clips.writing import write_clips
from limner.generate.media.music.networks.forms import MusicShape
from limner.generate.media.music.writing import write_music
from limner.generate.media.voxels.writing import write_solids
from limner.learning.loop.checkpoint import write_checkpoint
from limner.learning.runs.answers import write_answers
from limner.learning.runs.metrics import MetricsWriter
from limner.learning.runs.run import Run
from limner.photos.photos import Photo, write_photo
from limner.photos.tags import Tags
from limner.recolor.recoloring.looks.cube import write_cube
from limner.recolor.recoloring.scenes import harmonize_scene
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report, draw_curves
from limner.scenes.rasters import open_raster
from limner.scenes.windows import Window
from limner.scenes.writing import build_overviews, create_raster
from limner.segment.footprints.polygons import PolygonFile, write_polygons
from limner.translate.degrading.options import DegradeOptions
from limner.translate.degrading.verb import degrade_pictures
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.scenes import translate_scene
from limner.video.frame_folders import write_folder
from limner.video.video_writing import write_video

SIDE = 192


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """uint8 that no format can make much smaller."""
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)


def draw_inputs(folder: Path) -> None:
    """What some of the writers read: a scene of noise, one to take colors from, a map of squares, and a photo."""
    place = {"crs": "EPSG:32636", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)}
    shape = {"driver": "GTiff", "height": 512, "width": 512, "dtype": "uint8", **place}
    for number, name in enumerate(("scene.tif", "like.tif")):
        with rasterio.open(folder / name, "w", count=3, tiled=True, compress="deflate", **shape) as file:
            file.write(noise(3, 512, 512, seed=number))
            file.build_overviews([2])
    write_picture(folder / "photo.png", noise(SIDE, SIDE, 3))
    squares = (np.indices((512, 512)) // 16 % 2).prod(0)  # apart: corners that touch are simplified in one piece
    with rasterio.open(folder / "classes.tif", "w", count=1, nodata=255, **shape) as file:
        file.write(squares.astype("uint8"), 1)
    with rasterio.open(folder / "probability.tif", "w", count=1, **{**shape, "dtype": "float32"}) as file:
        file.write(np.full((1, 512, 512), 0.75, "float32"))


def _raster(inputs: Path, path: Path) -> None:
    with open_raster(inputs / "scene.tif") as scene, replacing(path) as temporary:
        with create_raster(temporary, scene, "uint8", nodata=255) as file:
            for row in range(0, 512, 256):
                file.write(noise(1, 256, 512, seed=row), window=Window(row, 0, 256, 512).rasterio)
        build_overviews(temporary)


def _polygons(inputs: Path, path: Path) -> None:
    with replacing(path) as temporary:
        write_polygons(
            temporary, inputs / "classes.tif", inputs / "probability.tif", {1: 1}, ("ground", "roof"), layer="roofs"
        )


class _Negative:
    """A translator that makes negatives, a row of tiles at a time."""

    scale, outputs = 1, 3

    def check(self, channels: int, mask: object) -> None:
        """Takes any picture."""

    def size_notes(self, height: int, width: int) -> tuple[str, ...]:
        """Keeps every size."""
        return ()

    def tiles(self, read: Any, height: int, width: int, tile_px: int) -> Iterator[tuple[Window, torch.Tensor]]:
        """Each window with what it becomes, in [-1, 1]."""
        for row in range(0, height, tile_px):
            window = Window(row, 0, min(tile_px, height - row), width)
            yield window, -read(window)


def _translated(inputs: Path, path: Path) -> None:
    with replacing(path) as temporary:
        translate_scene(_Negative(), inputs / "scene.tif", temporary, TranslateOptions())  # type: ignore[arg-type]


def _answers(inputs: Path, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.mkdir()
        write_picture(temporary / "0.jpg", noise(SIDE, SIDE, 3))
        write_answers(temporary, "answers.csv", "path,class\n" + "0.jpg,roof\n" * 900, "answers.json", [9] * 9000)


def _pairs(inputs: Path, path: Path) -> None:
    degrade_pictures(inputs / "photo.png", DegradeOptions(noise=20), out=path)


def _objects(inputs: Path, path: Path) -> None:
    """A detector's polygons, which come row by row."""
    with open_raster(inputs / "scene.tif") as scene, replacing(path) as temporary:
        writer = PolygonFile(temporary, "objects", scene.transform, scene.crs, (512, 512))
        for row in range(0, 512, 32):
            squares = shapely.box(np.arange(0, 512, 8), row, np.arange(4, 516, 8), row + 4)
            writer.append(squares, {"class": np.ones(64, np.int32)}, {"score": np.full(64, 0.5)})
        writer.finish()


def _photo(bits: int) -> Callable[[Path, Path], None]:
    def write(inputs: Path, path: Path) -> None:
        picture = torch.from_numpy(noise(3, SIDE, SIDE)) / 255
        write_photo(path, picture, Photo(path, picture, bits=bits, tags=Tags(exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0")))

    return write


def _frames(count: int) -> list[torch.Tensor]:
    return [torch.from_numpy(noise(3, 96, 96, seed=number)) / 255 for number in range(count)]


def _report(inputs: Path, path: Path) -> None:
    report = Report("A run", "of noise")
    report.section("Much").text("words " * 5000)
    report.write(path)


def _metrics(inputs: Path, path: Path) -> None:
    writer = MetricsWriter(path)
    for number in range(900):
        writer.record("all", number, {"loss": number / 7})
        writer.flush()


def _curves(inputs: Path, path: Path) -> None:
    draw_curves(
        [{"step": str(number), "stage": "all", "train/loss": str(1 / (1 + number))} for number in range(9)], path
    )


def _walk(inputs: Path, path: Path) -> None:
    with replacing(path) as temporary:
        write_gif(temporary, noise(4, 96, 96, 3), 0.04)


class _Music:
    """A maker of phrases that sound in every step."""

    shape = MusicShape(1, 4, 16, 50, 70)

    def generate(self, n: int, **options: Any) -> torch.Tensor:
        """(n, 1, 64) int64."""
        return torch.randint(50, 71, (n, 1, 64), generator=torch.Generator().manual_seed(0))


class _Solids:
    """A maker of solids of noise."""

    filled_above = 0.5

    def generate(self, n: int, **options: Any) -> torch.Tensor:
        """(n, 16, 16, 16) in 0..1."""
        return torch.rand(n, 16, 16, 16, generator=torch.Generator().manual_seed(0))

    def pictures(self, solids: torch.Tensor) -> torch.Tensor:
        """(n, 3, 16, 16) uint8."""
        return (solids[:, :3] * 255).byte()


class _Clips:
    """A maker of clips of noise."""

    from_stills, size_px, folder = False, 32, None

    def generate(self, n: int, **options: Any) -> torch.Tensor:
        """(n, 4, 3, 32, 32) in 0..1."""
        return torch.rand(n, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def pictures(self, clips: torch.Tensor) -> np.ndarray:
        """(32, 32, 3) uint8."""
        return noise(32, 32, 3)


def _made(write: Callable[..., object], maker: object) -> Callable[[Path, Path], object]:
    return lambda inputs, path: write(maker, GenerateOptions(n=1), path, {"model": "0"}, False)


WRITERS: dict[str, Callable[[Path, Path], object]] = {
    "picture.jpg": lambda inputs, path: write_picture(path, noise(SIDE, SIDE, 3)),
    "picture.png": lambda inputs, path: write_picture(path, noise(SIDE, SIDE, 3)),
    "generated.png": lambda inputs, path: _write_png(path, noise(SIDE, SIDE, 3)),
    "walk.gif": _walk,
    "music": _made(write_music, _Music()),
    "solids": _made(write_solids, _Solids()),
    "clips": _made(write_clips, _Clips()),
    "photo8.jpg": _photo(8),
    "photo8.bmp": _photo(8),
    "photo8.webp": _photo(8),
    "photo8.png": _photo(8),
    "photo16.png": _photo(16),
    "photo8.tif": _photo(8),
    "photo32.tif": _photo(32),
    "map.tif": _raster,
    "recolored.tif": lambda inputs, path: harmonize_scene(inputs / "scene.tif", inputs / "like.tif", path),
    "translated.tif": _translated,
    "pairs": _pairs,
    "answers": _answers,
    "roofs.gpkg": _polygons,
    "objects.gpkg": _objects,
    "world": lambda inputs, path: draw_world(WorldOptions(pictures=6, clips=2, voxels=1, views=1), out=path),
    "roofs.geojson": _polygons,
    "clip.mp4": lambda inputs, path: write_video(path, _frames(20), Fraction(25)),
    "clip.mkv": lambda inputs, path: write_video(path, _frames(20), Fraction(25)),
    "frames": lambda inputs, path: write_folder(path, _frames(4)),
    "state.pt": lambda inputs, path: write_checkpoint(
        path.parent, {"position": {}, "task": {"weights": torch.from_numpy(noise(SIDE, SIDE))}}
    ),
    "model.safetensors": lambda inputs, path: Run(path.parent).save_model({"a.b": torch.rand(99, 99)}, {"task": "x"}),
    "metrics.csv": _metrics,
    "curves.png": _curves,
    "report.html": _report,
    "look.cube": lambda inputs, path: write_cube(path, lambda colors: 1 - colors, 9),
    "record.json": lambda inputs, path: write_json(path, {"numbers": list(range(9999))}),
    "manifest.csv": lambda inputs, path: write_manifest(
        path, [Row("a.png", "train", str(number), "car") for number in range(999)]
    ),
}
"""Name of what is written -> its writer, called with the folder of `draw_inputs` and the path."""

APPENDED = ("metrics.csv",)
"""Written row by row as work goes on: the rows that were written stay, whole."""
