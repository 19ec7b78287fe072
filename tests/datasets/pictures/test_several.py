"""Files that hold several pictures: how many, and that every reader tells that it takes the first."""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from drawn_pictures import draw_shape, save_boxes
from limner.classify.data.examples import load_examples
from limner.classify.data.sources import find_pictures
from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.read import read_pictures
from limner.datasets.pictures.several import count_pictures, tell_several
from limner.detect.data.found import find_objects
from limner.fidelity.described import describe_folder
from quick_features import mean_colors

CommandLine = Callable[..., tuple[int, str, str]]
FRAMES = [Image.fromarray(draw_shape("disk", number)) for number in range(3)]


def save_all(path: Path, count: int = 3, **options: object) -> Path:
    first, *rest = (frame.copy() for frame in FRAMES[:count])  # Pillow keeps an encoder's settings in what it saves
    first.save(path, save_all=True, append_images=rest, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "name", ["animated.png", "animated.webp", "animated.gif", "pages.tif", "stereo.mpo"], ids=lambda name: name[-4:]
)
def test_frames_pages_and_pictures_behind_the_first_are_counted_and_the_first_is_read(
    name: str, tmp_path: Path
) -> None:
    path = save_all(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    assert count_pictures(path) == 3
    if name.endswith(("png", "webp", "tif")):
        np.testing.assert_array_equal(np.asarray(decode(path, "rgb")), draw_shape("disk", 0))


def tiff_kinds(path: Path) -> Iterator[int]:
    """What each page of a TIFF says of its kind (tag 254), by its directory alone."""
    content = path.read_bytes()
    place = struct.unpack_from("<I", content, 4)[0]
    while place:
        count = struct.unpack_from("<H", content, place)[0]
        tags = (struct.unpack_from("<HHII", content, place + 2 + 12 * number) for number in range(count))
        yield {tag: value for tag, _, _, value in tags}.get(254, 0)
        place = struct.unpack_from("<I", content, place + 2 + 12 * count)[0]


@pytest.mark.parametrize("name", ["one.png", "one.jpg", "one.tif", "one.webp", "one.bmp"])
def test_a_file_of_one_picture_holds_one(name: str, tmp_path: Path) -> None:
    FRAMES[0].copy().save(tmp_path / name)
    assert count_pictures(tmp_path / name) == 1


def test_overviews_and_masks_of_a_map_are_no_pictures_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", height=256, width=256, count=3, dtype="uint8") as file,
    ):
        file.write(np.full((3, 256, 256), 9, np.uint8))
        file.write_mask(np.eye(256, dtype=bool))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    assert len(list(tiff_kinds(path))) == 6  # two overviews, and the mask of each of the three
    assert count_pictures(path) == 1


def test_what_cannot_be_read_counts_as_one_and_pages_before_a_damage_count(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert count_pictures(tmp_path / "a.png") == count_pictures(tmp_path / "missing.png") == 1
    path = save_all(tmp_path / "pages.tif")
    path.write_bytes(path.read_bytes()[:-40])  # into the last page
    assert count_pictures(path) in (2, 3)


def test_nothing_is_said_of_single_pictures_and_one_line_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_boxes(tmp_path / "boxes", 3)
    singles = sorted((tmp_path / "boxes").iterdir())
    tell_several(singles)
    assert capsys.readouterr().err == ""
    two = [save_all(tmp_path / "b.tif", 2), save_all(tmp_path / "c.png", 3)]
    tell_several([*singles, *two])
    assert re.fullmatch(
        r"Careful: 2 files hold several pictures .*b\.tif: 2.*the first is used;.*\n", capsys.readouterr().err
    )
    tell_several(two[1:])
    assert capsys.readouterr().err == f"Careful: {two[1]}: holds 3 pictures (frames or pages); the first is used\n"


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if "1 file holds several pictures" in line]


def test_every_reader_of_data_tells_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kinds"
    for kind in ("disk", "box"):
        save_boxes(folder / kind, 9, first=9 * (kind == "box"))
    save_all(folder / "disk" / "zz.tif")
    read_pictures([folder], size_px=32)
    assert len(told(capsys)) == 1
    load_examples(find_pictures([folder]), size_px=32, colors="rgb")
    assert len(told(capsys)) == 1
    describe_folder(folder, mean_colors(), cached=False)
    assert len(told(capsys)) == 1


def boxes(folder: Path) -> Path:
    """Two pictures with a box each, of which one has pages."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    FRAMES[1].save(folder / "images/a.png")
    save_all(folder / "images/b.tif")
    for name in "ab":
        (folder / f"labels/{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "data.yaml").write_text("names: [ball]\n")
    return folder


def test_detect_tells_it_where_data_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    find_objects([boxes(tmp_path / "balls")])
    assert len(told(capsys)) == 1


def test_cutouts_tell_it_and_their_summary_keeps_it(here: Path, limner: CommandLine) -> None:
    boxes(here / "balls")
    code, _, said = limner("cutouts", "balls", "--object", "ball", "--no-filter", "--out", "cut")
    assert code == 0
    assert "1 picture: holds more pictures behind the first (frames or pages); they are left out" in said
    assert "behind the first" in (here / "cut/summary.json").read_text()
