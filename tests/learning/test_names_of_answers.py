"""Drawn answers of pictures from several folders lie in one, each under a name of its own."""

from pathlib import Path

from limner.learning.runs.answers import names_of_answers


def test_names_of_answers_are_all_different_on_any_file_system() -> None:
    names = names_of_answers(
        [Path(each) for each in ("a/1.jpg", "b/1.png", "1-2.png", "c/1.png", "Car.jpg", "car.jpg")], ".png"
    )
    assert len({name.casefold() for name in names}) == 6 and all(name.endswith(".png") for name in names)
