"""Areas by names or by ground: what shows the same place is never on both sides of a split."""

from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from drawing import NORTH, PIXEL_M, WEST, draw_mask, draw_picture, write_raster
from limner.foundation.errors import UserError
from limner.scenes.overlaps import Ground
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.blocks import hold_out
from limner.segment.labels.reading import Reading

PLACES = [(3, 1), (6, 5)]  # (column, row) of map tiles of zoom 3


def zooms(folder: Path) -> Path:
    """Two places as map tiles of zoom 3, each again as its four tiles of zoom 4 and its sixteen of zoom 5."""
    for column, row in PLACES:
        for zoom in (3, 4, 5):
            parts = 2 ** (zoom - 3)
            for x in range(parts):
                for y in range(parts):
                    name = f"z{zoom}_{column * parts + x}_{row * parts + y}.png"
                    write_raster(folder / "images" / name, draw_picture(draw_mask(64, 64), seed=x + 7 * y))
                    write_raster(folder / "masks" / name, draw_mask(64, 64))
    return folder


def test_map_tiles_of_one_place_at_several_zooms_are_one_area(tmp_path):
    data = find_data([zooms(tmp_path / "town")], Reading(group="ground"))
    assert {area.name: len(area.chips) for area in data.areas} == {"z3_3_1": 21, "z3_6_5": 21}
    for area in data.areas:
        places = {
            (int(x) >> int(z) - 3, int(y) >> int(z) - 3)
            for z, x, y in (c.image.stem[1:].split("_") for c in area.chips)
        }
        assert len(places) == 1


@pytest.mark.parametrize("seed", range(4))
def test_what_is_held_out_is_learned_from_at_no_zoom_and_no_place_is_held_out_whole(tmp_path, seed):
    data = find_data([zooms(tmp_path / "town")], Reading(group="ground"))
    split = hold_out(data, 0.2, 64, seed)
    ground = Ground(data.chips)
    for number, blocks in enumerate(split.validation):
        for block in blocks:
            assert not split.training_ground(number, block).any()
            for other, window in ground.other_chips_on(number, block):
                assert not split.training_ground(other, window).any()
    for share in split.shares:
        assert share.validation_px > 0
        assert share.training_px > 0.5 * 21 * 64 * 64


def test_areas_by_the_first_group_of_an_expression_or_all_of_its_match(tmp_path):
    for name in ("night_1", "night_2", "day_1"):
        write_raster(tmp_path / f"town/images/{name}.png", draw_picture(draw_mask(64, 64)))
        write_raster(tmp_path / f"town/masks/{name}.png", draw_mask(64, 64))
    for rule, expected in (("^([^_]+)_", {"night": 2, "day": 1}), (r"\d", {"1": 2, "2": 1})):
        data = find_data([tmp_path / "town"], Reading(group=rule))
        assert {area.name: len(area.chips) for area in data.areas} == expected
    only = find_data([tmp_path / "town"], Reading(group="^([^_]+)_", areas=("n*",)))
    assert [area.name for area in only.areas] == ["night"]
    rest = find_data([tmp_path / "town"], Reading(group="^([^_]+)_", leave_out=("night",)))
    assert [area.name for area in rest.areas] == ["day"]


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(group="("), r"--group \(: not a regular expression"),
        (Reading(group="^x"), r"--group \^x: says no area for a\.png"),
        (Reading(group="ground"), r"--group ground: .*a\.png has no georeference"),
        (Reading(areas=("north",)), r"--areas north: no area is called so; known: town"),
        (Reading(leave_out=("north",)), r"--leave-out north: no area is called so; known: town"),
        (Reading(leave_out=("t*",)), r"no area is left of town"),
        (Reading(to_ground_m=0.5), r"a\.png: does not say how many meters a pixel covers"),
    ],
)
def test_wishes_that_the_pictures_cannot_fulfil_are_refused(tmp_path, reading, message):
    write_raster(tmp_path / "town/images/a.png", draw_picture(draw_mask(64, 64)))
    write_raster(tmp_path / "town/masks/a.png", draw_mask(64, 64))
    with pytest.raises(UserError, match=message):
        find_data([tmp_path / "town"], reading)


def test_georeferenced_chips_side_by_side_are_learned_from_as_one_picture(tmp_path):
    whole = draw_picture(draw_mask(64, 192))
    mask = np.random.default_rng(0).integers(0, 2, (64, 192)).astype(np.uint8) * 255
    for number in range(3):
        columns = slice(64 * number, 64 * number + 64)
        write_raster(tmp_path / f"town/images/{number}.tif", whole[:, :, columns], transform=_at(64 * number))
        write_raster(tmp_path / f"town/masks/{number}.png", mask[:, columns])
    data = find_data([tmp_path / "town"], Reading(mosaic=True))
    (chip,) = data.chips
    assert (chip.height, chip.width) == (64, 192)
    pixels, labels = data.reader().read_with_pixels(chip, Window(0, 50, 64, 100))
    np.testing.assert_array_equal(pixels.values, whole[:, :, 50:150])
    np.testing.assert_array_equal(labels, mask[:, 50:150] // 255)


def _at(column: int) -> Affine:
    return Affine(PIXEL_M, 0, WEST + column * PIXEL_M, 0, -PIXEL_M, NORTH)


def test_pictures_that_do_not_say_their_ground_stay_as_they_are_beside_those_that_do(tmp_path):
    mask = draw_mask(64, 64)
    for name in ("known.tif", "plain.png"):
        write_raster(tmp_path / "town/images" / name, draw_picture(mask))
        write_raster(tmp_path / "town/masks" / name, mask)
    data = find_data([tmp_path / "town"], Reading(to_ground_m=2 * PIXEL_M))
    assert {chip.name: chip.height for chip in data.chips} == {"known.tif": 32, "plain.png": 64}
    (caution,) = data.cautions
    assert caution.startswith("1 of 2 pictures do not say how many meters a pixel covers and are not brought to ")
    assert caution.endswith("(the first: plain.png)") and find_data([tmp_path / "town"]).cautions == ()
