"""What is drawn over a picture becomes files that the verbs take, on the picture's own ground."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio import Affine

pytest.importorskip("starlette")

from limner.foundation.errors import UserError
from limner.studio.folder import Folder
from limner.studio.views.drawings import RING_PX, Drawings

SQUARE = [[0.25, 0.25], [0.5, 0.25], [0.5, 0.5], [0.25, 0.5]]
WEST, NORTH, GROUND_M, WIDTH, HEIGHT = 333_000.0, 3_060_000.0, 0.5, 200, 100


@pytest.fixture
def drawings(tmp_path: Path) -> Drawings:
    """A folder with a scene that has a place, and a photo without one that EXIF turns."""
    profile = {"driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": 3, "dtype": "uint8"}
    place = Affine(GROUND_M, 0, WEST, 0, -GROUND_M, NORTH)
    with rasterio.open(tmp_path / "scene.tif", "w", **profile, crs="EPSG:32645", transform=place) as file:
        file.write(np.full((3, HEIGHT, WIDTH), 90, np.uint8))
    photo = Image.new("RGB", (300, 200), "teal")
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "photo.jpg", exif=exif)
    return Drawings(Folder.at(tmp_path))


def drawn(over: str, *shapes: Any, name: str = "objects") -> dict[str, Any]:
    return {"over": over, "name": name, "shapes": list(shapes)}


def test_outlines_lie_where_they_were_drawn_in_the_scenes_reference_system(drawings: Drawings) -> None:
    triangle = [[0.6, 0.6], [0.8, 0.6], [0.6, 1.0]]
    path = drawings.write_drawn(drawn("scene.tif", SQUARE, triangle))
    assert path == "studio/uploads/scene-objects.gpkg"
    meta, _, shapes, _ = pyogrio.raw.read(drawings.folder.root / path)
    assert meta["crs"] == "EPSG:32645" and len(shapes) == 2
    square, corner = shapely.from_wkb(shapes)
    assert square.bounds == pytest.approx((WEST + 25, NORTH - 25, WEST + 50, NORTH - 12.5))
    assert corner.area == pytest.approx(0.5 * 20 * 20)
    assert drawings.write_drawn(drawn("scene.tif", SQUARE, name="ground")) == "studio/uploads/scene-ground.gpkg"


def test_an_outline_that_crosses_itself_becomes_its_parts(drawings: Drawings) -> None:
    bow = [[0.0, 0.0], [0.5, 0.5], [0.5, 0.0], [0.0, 0.5]]
    path = drawings.write_drawn(drawn("scene.tif", bow))
    shapes = shapely.from_wkb(pyogrio.raw.read(drawings.folder.root / path)[2])
    assert len(shapes) == 2 and shapely.is_valid(shapes).all()
    assert shapely.area(shapes).sum() == pytest.approx(50 * 25 / 2)


def test_a_picture_without_a_place_gets_a_mask_with_a_ring_of_background(drawings: Drawings) -> None:
    path = drawings.write_drawn(drawn("photo.jpg", SQUARE))
    mask = np.asarray(Image.open(drawings.folder.root / path))
    assert path.endswith("photo-objects.png") and mask.shape == (300, 200)  # upright, as it was drawn on
    assert (mask[75:150, 50:100] == 1).all() and (mask == 1).sum() == 75 * 50
    assert mask[75 - RING_PX // 2, 75] == 0 and mask[75 - RING_PX - 2, 75] == 255
    with pytest.raises(UserError, match="no place on the earth"):
        drawings.write_drawn(drawn("photo.jpg", SQUARE, name="ground"))


def test_a_painted_mask_has_its_pictures_size_and_only_black_and_white(drawings: Drawings) -> None:
    small = np.zeros((30, 20), np.uint8)
    small[:15] = 200
    small[15, :] = 90  # the soft edge of a brush
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, "PNG")
    path = drawings.write_painted("photo.jpg", buffer.getvalue())
    mask = np.asarray(Image.open(drawings.folder.root / path))
    assert mask.shape == (300, 200) and set(np.unique(mask)) == {0, 255}
    assert (mask[:150] == 255).all() and (mask[150:] == 0).all()


def png(gray: int, side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (side, side), gray).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([], "no drawing"),
        ({"over": "scene.tif"}, "no drawing"),
        (drawn("scene.tif", SQUARE, name="../up"), "no drawing"),
        ({**drawn("scene.tif", SQUARE), "over": 7}, "no drawing"),
        (drawn("../scene.tif", SQUARE), "outside"),
        (drawn("none.tif", SQUARE), "no such file"),
        (drawn("scene.tif"), "enclose nothing"),
        (drawn("scene.tif", [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]), "enclose nothing"),
        (drawn("scene.tif", SQUARE[:2]), "three corners"),
        (drawn("scene.tif", [[0.1, 0.1], [0.2, 7], [0.3, 0.3]]), "three corners"),
        (drawn("scene.tif", [[0.1, 0.1], [0.2, float("nan")], [0.3, 0.3]]), "three corners"),
        (drawn("scene.tif", [[0.1, 0.1], [True, 0.2], [0.3, 0.3]]), "three corners"),
        (drawn("scene.tif", "square"), "three corners"),
        (drawn("scene.tif", [SQUARE[0]] * 50_001), "at most 50000"),
    ],
)
def test_what_is_no_drawing_is_refused_and_leaves_nothing(drawings: Drawings, given: Any, line: str) -> None:
    with pytest.raises(UserError, match=line):
        drawings.write_drawn(given)
    assert not list(drawings.folder.root.glob("studio/uploads/*"))


@pytest.mark.parametrize(
    ("over", "body", "line"),
    [
        ("photo.jpg", b"", "no mask"),
        ("photo.jpg", b"\x89PNG\r\n\x1a\n cut", "no mask"),
        ("photo.jpg", b"GIF89a", "no mask"),
        ("photo.jpg", png(0), "nothing is painted"),
        ("photo.jpg", png(255, 2100), "too large"),
        ("../photo.jpg", png(255), "outside"),
    ],
)
def test_what_is_no_mask_is_refused_and_leaves_nothing(drawings: Drawings, over: str, body: bytes, line: str) -> None:
    with pytest.raises(UserError, match=line):
        drawings.write_painted(over, body)
    assert not list(drawings.folder.root.glob("studio/uploads/*"))
