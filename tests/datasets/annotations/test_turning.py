"""Labels of pictures that their EXIF turns: the object is what is cut out, whichever pixels the labels count."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.datasets.annotations.instances import (
    Instance,
    LabeledPicture,
    Labels,
    OtherSizeError,
    check_size,
    instance_of,
)
from limner.datasets.annotations.turning import read_upright
from limner.foundation.orientation import turned
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import CutOuts, cut_out

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
BLUE = (20, 40, 220)
X0, Y0, X1, Y1 = 8, 4, 28, 19
"""Of the blue object, in stored pixels: in no mirror image at its own place."""


def stored(width: int, height: int) -> np.ndarray:
    values = np.full((height, width, 3), 200, np.uint8)
    values[Y0:Y1, X0:X1] = BLUE
    return values


def save_turned(path: Path, values: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, exif=exif)


def cut(source: Path, **options: bool) -> CutOuts:
    chosen = CutOutOptions(no_filter=True, workers=1, min_width=1, min_height=1, **options)  # type: ignore[arg-type]
    return cut_out(source, "car", source.parent / f"out-{source.stem}", chosen)


def is_the_object(made: CutOuts, orientation: int) -> bool:
    (path,) = made.files
    pixels = np.asarray(Image.open(path))
    expected = (Y1 - Y0, X1 - X0) if orientation < 5 else (X1 - X0, Y1 - Y0)
    return pixels.shape[:2] == expected and bool((pixels == BLUE).all())


def write_form(form: str, folder: Path, size: tuple[int, int], box: tuple[int, int, int, int]) -> Path:
    """Labels of a size and a box, in a form; the picture is called a.png or a.tif."""
    picture = next(folder.rglob("a.*")).name
    (width, height), (x0, y0, x1, y1) = size, box
    if form == "coco":
        outline = [x0, y0, x1, y0, x1, y1, x0, y1]
        content = {
            "images": [{"id": 1, "file_name": f"images/{picture}", "width": width, "height": height}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [outline]}],
            "categories": [{"id": 1, "name": "car"}],
        }
        (folder / "a.json").write_text(json.dumps(content))
    elif form == "yolo":
        (folder / "labels").mkdir()
        shares = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        (folder / "labels/a.txt").write_text("0 " + " ".join(map(str, shares)))
        (folder / "classes.txt").write_text("car\n")
    elif form == "boxes":
        (folder / "a.csv").write_text(f"path,x0,y0,x1,y1\n{picture},{x0},{y0},{x1},{y1}\n")
    else:
        mask = np.zeros((height, width), np.uint8)
        mask[y0:y1, x0:x1] = 1
        (folder / "masks").mkdir()
        Image.fromarray(mask).save(folder / "masks/a.png")
    return folder


@pytest.mark.parametrize("form", ["coco", "yolo", "boxes", "masks"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(60, 40), (50, 50)])
def test_labels_of_stored_pixels_cut_out_their_object(
    tmp_path: Path, form: str, orientation: int, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    save_turned(tmp_path / "set/images/a.png", stored(*size), orientation)
    made = cut(write_form(form, tmp_path / "set", size, (X0, Y0, X1, Y1)))
    assert is_the_object(made, orientation)
    warned = f"turned by its EXIF (orientation {orientation}): its labels are taken to count the pixels as stored"
    assert (warned in capsys.readouterr().err) == (orientation > 1)


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_other_formats_are_turned_alike(tmp_path: Path, suffix: str, orientation: int) -> None:
    save_turned(tmp_path / f"set/images/a.{suffix}", stored(64, 40), orientation)
    made = cut(write_form("coco", tmp_path / "set", (64, 40), (X0, Y0, X1, Y1)))
    pixels = np.asarray(Image.open(made.files[0])).astype(int)
    assert np.abs(pixels - BLUE).mean() < 20  # JPEG rounds; a wrong place is gray: 100 and more


@pytest.mark.parametrize("form", ["coco", "masks"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_whose_size_is_the_upright_pictures_count_its_pixels(
    tmp_path: Path, form: str, orientation: int
) -> None:
    save_turned(tmp_path / "set/images/a.png", stored(60, 40), orientation)
    blue = (turned(stored(60, 40), orientation) == BLUE).all(2)
    rows, columns = np.flatnonzero(blue.any(1)), np.flatnonzero(blue.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    assert is_the_object(cut(write_form(form, tmp_path / "set", (40, 60), box)), orientation)


@pytest.mark.parametrize("form", ["coco", "yolo", "boxes", "masks"])
def test_upright_labels_are_taken_as_such_when_asked(tmp_path: Path, form: str) -> None:
    save_turned(tmp_path / "set/images/a.png", stored(60, 40), 3)
    made = cut(write_form(form, tmp_path / "set", (60, 40), (60 - X1, 40 - Y1, 60 - X0, 40 - Y0)), upright_labels=True)
    assert is_the_object(made, 3)


def test_labels_of_neither_size_are_unreadable() -> None:
    def read(width: int, height: int) -> Labels:
        check_size(Path("a.json"), (61, 40), width, height)
        return Labels([])

    with pytest.raises(OtherSizeError, match="labels of 61 x 40 px"):
        read_upright(LabeledPicture(Path("a.png"), "a.png", "", (), read), (40, 60), 6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_lies_in_the_turned_picture_where_its_pixels_are(orientation: int) -> None:
    mask = np.random.default_rng(orientation).random((33, 47)) < 0.01
    instance = instance_of("1", "car", mask)
    assert isinstance(instance, Instance)
    upright = turned(mask, orientation)
    picture = LabeledPicture(Path("a.png"), "a.png", "", (), lambda width, height: Labels([instance]))
    (found,) = read_upright(picture, upright.shape[::-1], orientation).instances
    drawn = np.zeros_like(upright)
    drawn[found.box.window] = found.mask
    np.testing.assert_array_equal(drawn, upright)
