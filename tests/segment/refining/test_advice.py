"""What annotated ground lacks is said, with what to draw next."""

from limner.segment.refining.advice import AnnotatedSummary, advice_on

NAMES = ("background", "building")


def summary(background: int, building: int, rows: tuple[int, int], columns: tuple[int, int]) -> AnnotatedSummary:
    return AnnotatedSummary((background, building), rows, columns, 2000, 2000)


def test_enough_ground_of_both_kinds_in_several_places_lacks_nothing() -> None:
    assert advice_on(summary(300_000, 100_000, (100, 1900), (0, 1500)), NAMES, 256) == []


def test_little_ground_is_told_with_how_much_is_needed() -> None:
    (line,) = advice_on(summary(30_000, 10_000, (100, 1900), (0, 1500)), NAMES, 256)
    assert line.startswith("little is annotated: 40,000 pixels, 1.0% of the scene; draw more, 65,536 pixels")
    assert advice_on(summary(50_000, 20_000, (100, 1900), (0, 1500)), NAMES, 256) == []


def test_ground_of_one_kind_says_which_other_to_draw() -> None:
    (line,) = advice_on(summary(400_000, 1000, (100, 1900), (0, 1500)), NAMES, 256)
    assert line == "building is 0.2% of the annotated ground; draw where there is building, all of it"
    (line,) = advice_on(summary(0, 400_000, (100, 1900), (0, 1500)), NAMES, 256)
    assert line.startswith("background is 0.0% of the annotated ground; draw the outline")


def test_ground_in_one_corner_says_where_to_draw_some() -> None:
    (line,) = advice_on(summary(300_000, 100_000, (0, 700), (1300, 2000)), NAMES, 256)
    assert "upper right part of the scene; draw some in the lower left" in line
    assert advice_on(summary(300_000, 100_000, (0, 700), (0, 1500)), NAMES, 256) == []


def test_in_a_small_scene_one_corner_is_no_fault() -> None:
    small = AnnotatedSummary((300_000, 100_000), (0, 300), (0, 300), 900, 900)
    assert advice_on(small, NAMES, 256) == []
