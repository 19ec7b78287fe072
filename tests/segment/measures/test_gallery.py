"""Pictures of errors: what is drawn is what was wrong, the worst comes first, and little is kept in memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limner.segment.measures.gallery as gallery
from limner.foundation.errors import UserError
from limner.reporting.pictures import ERROR_COLORS, FALSE_POSITIVE, class_colors
from limner.scenes.windows import Pixels, Window
from limner.segment.data.chips import Chip
from limner.segment.labels.drawing import background_of, colors_key, draw_triple
from limner.segment.measures.gallery import AreaErrors, WorstTiles, drawing_errors
from limner.segment.measures.tally import ScoredCell

NAMES = ("background", "building")


def chip(area: str, name: str, height: int = 64, width: int = 64) -> Chip:
    return Chip(area, Path(f"{name}.tif"), None, None, height, width)


def seen(
    chips: Sequence[Chip], number: int, wrong: int, *, window: Window | None = None, cell: Window | None = None
) -> ScoredCell:
    """A cell of background, whose first ``wrong`` pixels are called buildings; gray ground."""
    window = window or Window(0, 0, chips[number].height, chips[number].width)
    cell = cell or window
    classes = np.zeros(cell.height * cell.width, np.uint8)
    classes[:wrong] = 1
    shape = cell.height, cell.width
    pixels = Pixels(np.full((3, *shape), 90, np.uint8), np.ones(shape, bool))
    return ScoredCell(
        chips[number].area, number, window, cell, pixels, np.zeros(shape, np.uint8), classes.reshape(shape)
    )


def reddish(picture: np.ndarray) -> np.ndarray:
    """Which pixels are painted as invented, JPEG's losses allowed for."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return (red > 150) & (green < 90) & (blue < 90)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


# --- each area's errors ---


def test_each_area_has_a_picture_of_its_chips_errors_and_there_is_one_wall(tmp_path: Path) -> None:
    chips = [chip("east", "a"), chip("east", "b"), chip("west", "c")]
    windows = [(number, Window(0, 0, 64, 64)) for number in range(3)]
    with drawing_errors(tmp_path / "new" / "errors", chips, windows, NAMES) as observer:
        assert observer is not None
        for number, wrong in enumerate((64 * 32, 0, 64 * 16)):
            observer(seen(chips, number, wrong))
    folder = tmp_path / "new" / "errors"
    assert sorted(path.name for path in folder.iterdir()) == ["east.jpg", "west.jpg", "worst.jpg"]
    key = 20 * 20 * 1.2  # the swatch of the colors' key
    for name, chips_there, share in (("east", 2, 0.25), ("west", 1, 0.25)):
        painted = reddish(read(folder / f"{name}.jpg")).sum() - key
        side = 64 * 7  # enlarged by whole factors to at most 480
        assert painted == pytest.approx(share * chips_there * side**2, rel=0.05)


def test_without_a_folder_nobody_looks_on() -> None:
    with drawing_errors(None, [], [], NAMES) as observer:
        assert observer is None


def test_a_scene_is_shrunken_and_its_errors_stay_where_they_are(tmp_path: Path) -> None:
    chips = [chip("scene", "scene", 3000, 1500)]
    window = Window(0, 0, 3000, 1500)
    errors = AreaErrors(tmp_path, chips, [(0, window)], NAMES)
    for cell in window.cells(512):
        inside = cell.row >= 1024 and cell.column >= 1024
        errors(seen(chips, 0, cell.height * cell.width if inside else 0, window=window, cell=cell))
    errors.finish()
    picture = read(tmp_path / "scene.jpg")
    assert max(picture.shape) < 1400
    painted = reddish(picture)
    painted[:100] = False  # the key
    rows, columns = np.nonzero(painted)
    top, bottom = rows.min(), rows.max()
    assert (bottom - top) == pytest.approx((3000 - 1024) * 0.4, abs=4)
    assert (columns.max() - columns.min()) == pytest.approx((1500 - 1024) * 0.4, abs=4)
    assert painted.sum() == pytest.approx((3000 - 1024) * (1500 - 1024) * 0.16, rel=0.03)


def test_sheets_are_never_wider_than_2000_pixels_however_many_chips_there_are(tmp_path: Path) -> None:
    for count, side in ((1, 2500), (2, 2500), (40, 300)):
        chips = [chip("area", str(number), side, side) for number in range(count)]
        windows = [(number, Window(0, 0, side, side)) for number in range(count)]
        errors = AreaErrors(tmp_path, chips, windows, NAMES)
        for number in range(count):
            errors(seen(chips, number, 5))
        errors.finish()
        assert 480 < read(tmp_path / "area.jpg").shape[1] <= 2000


def test_of_too_many_chips_those_with_most_errors_are_shown_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "MOST_PICTURES", 2)
    sheets = []
    monkeypatch.setattr(
        gallery, "contact_sheet", lambda pictures, labels, **more: sheets.append((labels, more)) or pictures[0]
    )
    chips = [chip("area", name) for name in "abcd"]
    errors = AreaErrors(tmp_path, chips, [(number, Window(0, 0, 64, 64)) for number in range(4)], NAMES)
    for number, wrong in enumerate((7, 2, 9, 4)):
        errors(seen(chips, number, wrong))
    errors.finish()
    ((labels, more),) = sheets
    assert labels == ["a: F1 0.00", "c: F1 0.00"]
    assert more["title"] == "area: the 2 pictures of 4 with most wrong pixels"


def test_blocks_of_validation_ground_are_pictures_of_their_own_and_say_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = []
    monkeypatch.setattr(gallery, "contact_sheet", lambda pictures, named, **_: labels.extend(named) or pictures[0])
    chips = [chip("area", "scene", 200, 200)]
    blocks = [Window(0, 40, 50, 50), Window(100, 0, 50, 60)]
    errors = AreaErrors(tmp_path, chips, [(0, block) for block in blocks], NAMES)
    for block in blocks:
        errors(seen(chips, 0, 1, window=block))
    errors.finish()
    assert labels == ["scene, row 0, column 40: F1 0.00", "scene, row 100, column 0: F1 0.00"]


def test_an_area_called_worst_does_not_take_the_walls_name(tmp_path: Path) -> None:
    chips = [chip("worst", "a")]
    with drawing_errors(tmp_path, chips, [(0, Window(0, 0, 64, 64))], NAMES) as observer:
        assert observer is not None
        observer(seen(chips, 0, 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["area-worst.jpg", "worst.jpg"]


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_a_file_in_the_folders_place_is_named_and_kept(tmp_path: Path, below: str) -> None:
    (tmp_path / "there").write_text("mine")
    with (
        pytest.raises(UserError, match=r"need a folder, but .*there is a file"),
        drawing_errors(tmp_path / "there" / below, [], [], NAMES),
    ):
        pass
    assert (tmp_path / "there").read_text() == "mine"


# --- the wall of worst tiles ---


def wall_order(worst: WorstTiles) -> list[tuple[str, ...]]:
    """(place, where, share) of the tiles, in the wall's order."""
    return [(tile.place, *tile.facts) for tile in sorted(worst._tiles, reverse=True)]


def test_the_wall_holds_the_tiles_with_most_wrong_pixels_the_worst_first_and_no_more() -> None:
    generator = np.random.default_rng(3)
    chips = [chip("town", str(number)) for number in range(50)]
    wrong = generator.permutation(50) * 10
    worst = WorstTiles(chips, NAMES, most=5)
    for number in range(50):
        worst(seen(chips, number, wrong[number]))
        assert len(worst._tiles) <= 5
    expected = [f"town: {number}" for number in np.argsort(-wrong)[:5]]
    assert [place for place, *_ in wall_order(worst)] == expected
    assert [share for *_, share in wall_order(worst)] == [
        f"{100 * n / 64**2:.0f} % wrong" for n in (490, 480, 470, 460, 450)
    ]
    wall = worst.draw()
    assert wall is not None and wall.shape[1] == 6 * 328 + 8 <= 2000


def test_of_tiles_as_bad_as_each_other_the_first_seen_is_kept() -> None:
    chips = [chip("town", name) for name in "abc"]
    worst = WorstTiles(chips, NAMES, most=2)
    for number in range(3):
        worst(seen(chips, number, 8))
    assert [place for place, *_ in wall_order(worst)] == ["town: a", "town: b"]


def test_a_tile_says_which_picture_where_and_how_much_is_wrong() -> None:
    chips = [chip("scene", "scene", 1024, 1024)]
    worst = WorstTiles(chips, NAMES)
    cell = Window(512, 0, 100, 100)
    worst(seen(chips, 0, 3700, window=Window(0, 0, 1024, 1024), cell=cell))
    assert wall_order(worst) == [("scene", "row 512, column 0", "37 % wrong")]


def test_without_errors_there_is_no_wall_and_an_older_one_goes(tmp_path: Path) -> None:
    chips = [chip("town", "a")]
    worst = WorstTiles(chips, NAMES)
    worst(seen(chips, 0, 0))
    (tmp_path / "worst.jpg").write_bytes(b"of an earlier run")
    assert worst.draw() is None and not worst.write(tmp_path / "worst.jpg")
    assert list(tmp_path.iterdir()) == []


# --- colors ---


def test_of_many_classes_a_wrong_pixel_has_the_color_of_the_class_it_was_called() -> None:
    names = ("water", "land", "road")
    truth = np.array([[0, 1, 2, 2, 255]], np.uint8)
    called = np.array([[0, 2, 2, 1, 0]], np.uint8)
    pixels = Pixels(np.full((3, 1, 5), 100, np.uint8), np.ones((1, 5), bool))
    picture, colored, errors = draw_triple(pixels, truth, called, names)
    colors = class_colors(3).astype(int)
    assert (picture == 100).all()
    assert len(set(errors[0, 0])) == len(set(errors[0, 2])) == 1, "what is right stays gray"
    for place, number in ((1, 2), (3, 1)):
        assert np.abs(errors[0, place] - colors[number]).max() < 40
    assert np.abs(colored[0, 0].astype(int) - (0.5 * 100 + 0.5 * colors[0])).max() <= 1, "class 0 is no background here"
    assert background_of(names) is None
    assert background_of(("Background", "a", "b")) == background_of(NAMES) == 0


def test_the_key_names_every_color_that_is_shown() -> None:
    two = colors_key(NAMES, truth=True)
    assert list(two) == ["truth: building", "found", "invented", "missed", "not labelled (hatched)"]
    assert two["invented"] == ERROR_COLORS[FALSE_POSITIVE]
    assert "truth: building" not in colors_key(NAMES, truth=False)
    eleven = tuple(f"class {number}" for number in range(11))
    assert list(colors_key(eleven, truth=True)) == [*eleven, "right", "not labelled (hatched)"]
