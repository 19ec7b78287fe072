"""`classes.yaml` says what colors, numbers and texts mean; masks of any of these become the same classes."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from drawing import write_raster
from limner.foundation.errors import UserError
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data, survey
from limner.segment.labels.class_file import read_class_file
from limner.segment.labels.forms import LabelForm, decide_form
from limner.segment.labels.reading import Reading

ROOF, LAND, GAP, BLACK = (60, 16, 152), (132, 41, 246), (155, 155, 155), (0, 0, 0)
CLASSES = """
classes:
  roof: "#3C1098"
  land: ["#8429F6", 7]
ignore: ["#9b9b9b", "#000000"]
"""
TRUTH = np.array([[0, 1, 255], [1, 1, 255]], np.uint8)
COLORS = np.array([[ROOF, LAND, GAP], [LAND, LAND, BLACK]], np.uint8)


def class_file(folder: Path, text: str = CLASSES) -> Path:
    path = folder / "classes.yaml"
    path.write_text(text)
    return path


def colored(path: Path, values: np.ndarray = COLORS) -> Path:
    return write_raster(path, np.moveaxis(values, -1, 0))


def with_palette(path: Path) -> Path:
    """The same picture as a palette whose numbers mean nothing."""
    numbers = np.array([[9, 4, 2], [4, 4, 0]], np.uint8)
    with rasterio.open(path, "w", driver="PNG", count=1, height=2, width=3, dtype="uint8") as file:
        file.write(numbers, 1)
        file.write_colormap(1, {0: BLACK, 2: GAP, 4: LAND, 9: ROOF})
    return path


def area_of(folder: Path, *masks: Path) -> Path:
    for number, mask in enumerate(masks):
        write_raster(folder / f"images/{number}.png", np.full((3, 2, 3), 90 + number, np.uint8))
        mask.rename(folder / "masks" / f"{number}{mask.suffix}")
    return folder


def test_color_pictures_and_palettes_of_one_data_set_are_read_by_their_colors(tmp_path):
    (tmp_path / "town/masks").mkdir(parents=True)
    area = area_of(tmp_path / "town", colored(tmp_path / "a.png"), with_palette(tmp_path / "b.png"))
    class_file(area)
    data = find_data([area])
    assert data.class_names == ("roof", "land")
    for chip in data.chips:
        np.testing.assert_array_equal(data.reader().read(chip, Window(0, 0, 2, 3)), TRUTH)


def test_numbers_and_colors_may_mean_the_same_class(tmp_path):
    form = read_class_file(class_file(tmp_path))
    mask = np.array([[7, 255]], np.uint8)
    assert form.classes_of(mask, mask < 300, Path("m.png"), as_colors=False).tolist() == [[1, 255]]
    assert dict(form.colors) == {0x3C1098: 0, 0x8429F6: 1, 0x9B9B9B: 255, 0: 255}


def test_a_list_of_names_means_class_numbers_in_its_order(tmp_path):
    form = read_class_file(class_file(tmp_path, "classes: [sky, tree, car]\nignore: 3\n"))
    assert form.class_names == ("sky", "tree", "car")
    assert dict(form.numbers) == {0: 0, 1: 1, 2: 2, 3: 255, 255: 255}


def test_a_class_file_lies_in_the_data_beside_it_or_where_classes_says(tmp_path):
    (tmp_path / "town/masks").mkdir(parents=True)
    area = area_of(tmp_path / "town", colored(tmp_path / "a.png"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    given = class_file(elsewhere, CLASSES.replace("roof", "house"))
    assert find_data([area], Reading(classes=(str(given),))).class_names == ("house", "land")
    class_file(tmp_path)
    assert find_data([area]).class_names == ("roof", "land")
    assert find_data([area], Reading(classes=(str(given),))).class_names == ("house", "land")


def test_without_a_class_file_colors_are_refused_and_a_draft_is_given(tmp_path):
    (tmp_path / "town/masks").mkdir(parents=True)
    area = area_of(tmp_path / "town", colored(tmp_path / "a.png"))
    found = survey([area], Reading())
    assert found.data is None
    (problem,) = found.problems
    assert problem.endswith(
        "a mask that is a color picture of 4 colors; say what they mean in a classes.yaml ('limner check' drafts one)"
    )
    drafted = read_class_file(class_file(tmp_path, found.draft))
    assert dict(drafted.colors)[0x8429F6] == 0  # the commonest first
    assert set(dict(drafted.colors)) == {0x3C1098, 0x8429F6, 0x9B9B9B, 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: {a: 1", r"classes.yaml:1: not YAML"),
        ("- a\n- b\n", r"classes.yaml:1: needed are 'classes:'"),
        ("names: [a, b]\n", r"classes.yaml:1: 'names' is neither 'classes' nor 'ignore'"),
        ("ignore: 3\n", r"classes.yaml:1: no 'classes:'"),
        ("classes: roof\n", r"classes.yaml:1: 'classes' needs a list of names"),
        ("classes: [roof]\n", r"classes.yaml:1: 1 classes \(roof\); needed are 2 or more"),
        ("classes: [roof, roof]\n", r"needed are 2 or more with different names"),
        ("classes:\n  roof: #3C1098\n  land: 2\n", r"classes.yaml:2: class roof has no meaning; colors need quotes"),
        ('classes:\n  roof: "#3C10"\n  land: 2\n', r"classes.yaml:2: '#3C10' is no color"),
        ("classes:\n  roof: 1\n  land: 300\n", r"classes.yaml:3: 300 is no value of a mask"),
        ("classes:\n  roof: 1\n  land: [2, 1]\n", r"classes.yaml:3: '1' means two things; keep one"),
        ("classes:\n  roof: {a: 1}\n  land: 2\n", r"classes.yaml:2: needed is a name, a color or a number"),
    ],
)
def test_a_mistake_in_a_class_file_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read_class_file(class_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_color_that_means_nothing_is_named_with_its_share(tmp_path):
    (tmp_path / "town/masks").mkdir(parents=True)
    strange = COLORS.copy()
    strange[1] = (1, 2, 3)
    area = area_of(tmp_path / "town", colored(tmp_path / "a.png", strange))
    class_file(area)
    with pytest.raises(UserError, match=r"0\.png: the color #010203 \(50\.0% of its pixels\) means no class"):
        find_data([area])


# --- forms -----------------------------------------------------------------------------------------------------------

SIX = LabelForm.of_numbers(("roof", "land", "road"))


def test_one_class_against_the_others():
    form = SIX.against("road")
    assert form.class_names == ("background", "road")
    assert dict(form.numbers) == {0: 0, 1: 0, 2: 1, 255: 255}
    with pytest.raises(UserError, match=r"--target raod: no class is called so; did you mean 'road'\?"):
        SIX.against("raod")


def test_the_object_of_binary_masks_is_called_as_the_target_says():
    form = decide_form({}).against("roof")
    assert (form.class_names, form.binary) == (("background", "roof"), True)
    with pytest.raises(UserError, match="3 classes without names; name them with --classes"):
        LabelForm.of_numbers(("class 0", "class 1", "class 2"), named=False).against("roof")


def test_labels_are_brought_to_a_networks_classes_by_their_names():
    assert SIX.for_classes(SIX.class_names) == SIX
    assert dict(SIX.for_classes(("background", "land")).numbers) == {0: 0, 1: 1, 2: 0, 255: 255}
    assert dict(SIX.for_classes(("road", "land", "roof", "water")).numbers) == {0: 2, 1: 1, 2: 0, 255: 255}
    with pytest.raises(UserError, match="the labels know the classes roof, land, road; needed are background, water"):
        SIX.for_classes(("background", "water"))
    with pytest.raises(UserError, match="needed are land, water"):
        SIX.for_classes(("land", "water"))  # nothing says what a roof is here


def town_of(folder: Path, labels: list[list[int]]) -> Path:
    (folder / "town/masks").mkdir(parents=True)
    return area_of(folder / "town", write_raster(folder / "mask.png", np.array(labels, np.uint8)))


@pytest.mark.parametrize("labels", [[[0, 255, 0], [0, 0, 0]], [[255, 255, 255], [0, 0, 255]]])
def test_masks_of_0_and_255_are_not_taken_for_the_first_of_a_networks_many_classes(tmp_path, labels):
    town = town_of(tmp_path, labels)
    names = ("roof", "land", "water")
    with pytest.raises(
        UserError, match=r"0\.png: holds 0 and 255, but the network's classes are roof, land, water; say"
    ):
        find_data([town], wanted=names)
    numbers = find_data([town], Reading(classes=names), wanted=names)
    assert numbers.form == LabelForm.of_numbers(names)
    class_file(tmp_path, "classes: {roof: 255, land: []}\nignore: 0")
    explained = find_data([town], wanted=names)
    window = Window(0, 0, 2, 3)
    assert explained.reader().read(explained.chips[0], window).tolist() == np.where(labels, 0, 255).tolist()


def test_masks_of_0_and_255_are_class_numbers_to_a_network_that_learned_such_without_names(tmp_path):
    town = town_of(tmp_path, [[0, 255, 0], [0, 0, 0]])
    assert not find_data([town], wanted=("class 0", "class 1", "class 2")).form.binary


@pytest.mark.parametrize("chips", [([0, 255],), ([0, 0], [255, 255])])
def test_masks_of_0_and_255_need_a_word_on_255_in_a_file_of_two_classes(tmp_path, chips):
    """Be they in one mask, or alone in each of small chips."""
    for number, values in enumerate(chips):
        write_raster(tmp_path / f"town/images/{number}.png", np.full((3, 1, 2), 90 + number, np.uint8))
        write_raster(tmp_path / f"town/masks/{number}.png", np.array([values], np.uint8))
    for text in ("classes: [background, building]", "classes: {background: 0, building: 1}"):
        class_file(tmp_path / "town", text)
        with pytest.raises(UserError, match=r"0\.png: holds 0 and 255, .*'building: 255', or 'ignore: 255'") as caught:
            find_data([tmp_path / "town"])
        assert "\n" not in str(caught.value)

    def read() -> list[list[int]]:
        data = find_data([tmp_path / "town"])
        return [data.reader().read(chip, Window(0, 0, 1, 2))[0].tolist() for chip in data.chips]

    class_file(tmp_path / "town", "classes: {background: 0, building: 255}")
    assert read() == [[int(value == 255) for value in values] for values in chips]
    class_file(tmp_path / "town", "classes: {background: 0, building: 1}\nignore: 255")
    assert read() == [list(values) for values in chips]
