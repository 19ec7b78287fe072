"""Recipes: types, errors with file and line, overrides, and writing back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.errors import UserError
from limner.learning.library import bundled_recipes, load_recipe
from limner.learning.recipes.reading import parse_overrides, read_recipe
from limner.learning.recipes.recipe import Choice, choice, setting, write_recipe


def small(width: int = 8, leaky: bool = False) -> str:
    return f"small {width} {leaky}"


def deep(depth: int = 18, channels: int = 3) -> str:
    return f"deep {depth} {channels}"


ENTRIES = {"small": small, "deep": deep}


@dataclass(frozen=True)
class Inner:
    rate: float = setting(0.1, "learning rate", minimum=0, maximum=1)
    name: str = setting("x", "any text")
    factors: tuple[float, float] = setting((1.0, 2.0), "two numbers")


@dataclass(frozen=True)
class Toy:
    task: Literal["toy"] = setting("toy", "the task")
    seed: int = setting(0, "seed", minimum=0)
    mode: Literal["fast", "slow"] = setting("fast", "how")
    most: int | None = setting(None, "a limit")
    flag: bool = setting(False, "a flag")
    paths: tuple[Path, ...] = setting((), "paths")
    network: Choice = choice("small", "a network", lambda: ENTRIES, ("channels",))
    inner: Inner = setting(Inner, "a section")


def read(text: str, *overrides: str) -> Toy:
    return read_recipe(text, "toy.yaml", lambda task: Toy if task == "toy" else None, overrides)


def test_a_number_in_exponent_notation_is_a_number_where_a_number_is_wanted_and_text_where_text_is() -> None:
    toy = read("task: toy\ninner: {rate: 1e-4, name: 1e-4}")
    assert toy.inner.rate == 1e-4
    assert toy.inner.name == "1e-4"


def test_defaults_fill_what_the_file_leaves_out() -> None:
    assert read("task: toy") == Toy()


def test_a_choice_takes_the_options_of_what_it_names_and_builds_it() -> None:
    toy = read("task: toy\nnetwork: {name: deep, depth: 34}")
    assert toy.network == Choice("deep", {"depth": 34})
    assert toy.network.build(ENTRIES, channels=4) == "deep 34 4"


def test_a_choice_may_be_just_a_name() -> None:
    assert read("task: toy\nnetwork: deep").network == Choice("deep")


def test_overrides_come_last_and_keep_the_name_when_only_an_option_is_given() -> None:
    toy = read(
        "task: toy\nnetwork: deep\nseed: 3", "--network.depth", "50", "--seed=7", "--flag", "--inner.rate", "0.5"
    )
    assert (toy.network, toy.seed, toy.flag, toy.inner.rate) == (Choice("deep", {"depth": 50}), 7, True, 0.5)


def test_another_name_on_the_command_line_drops_the_old_ones_options() -> None:
    toy = read("task: toy\nnetwork: {name: deep, depth: 50}", "--network.name", "small", "--network.width", "4")
    assert toy.network == Choice("small", {"width": 4})


def test_none_empties_an_optional_setting() -> None:
    assert read("task: toy\nmost: 3").most == 3
    assert read("task: toy\nmost: 3", "--most", "none").most is None


def test_a_list_may_be_written_with_commas_on_the_command_line() -> None:
    assert read("task: toy", "--paths", "a,b").paths == (Path("a"), Path("b"))
    assert read("task: toy", "--inner.factors", "0.5,2").inner.factors == (0.5, 2.0)


def test_sections_may_be_written_in_brackets_on_the_command_line() -> None:
    assert read("task: toy", "--inner", "{rate: 0.5, name: here}").inner == Inner(rate=0.5, name="here")
    assert read("task: toy", "--network", "{name: deep, depth: 34}").network == Choice("deep", {"depth": 34})
    with pytest.raises(UserError, match=r"^--inner: unknown setting 'inner.rat'; did you mean 'rate'\?$"):
        read("task: toy", "--inner", "{rat: 0.5}")
    with pytest.raises(UserError, match=r"^--inner:1: not YAML"):
        read("task: toy", "--inner", "{rate")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: toy\nsede: 1", "toy.yaml:2: unknown setting 'sede'; did you mean 'seed'?"),
        ("task: toy\ninner:\n  rat: 1", "toy.yaml:3: unknown setting 'inner.rat'; did you mean 'rate'?"),
        ("task: toy\nseed: many", "toy.yaml:2: seed is 'many'; it must be a whole number"),
        ("task: toy\nseed: 1.5", "toy.yaml:2: seed is '1.5'; it must be a whole number"),
        ("task: toy\nseed: -1", "toy.yaml:2: seed is -1; it must be at least 0"),
        ("task: toy\ninner: {rate: 2}", "toy.yaml:2: inner.rate is 2.0; it must be between 0 and 1"),
        ("task: toy\ninner: {rate: nan}", "toy.yaml:2: inner.rate is not a number"),
        ("task: toy\nflag: maybe", "toy.yaml:2: flag is 'maybe'; it must be true or false"),
        ("task: toy\nmode: fsat", "toy.yaml:2: mode is 'fsat'; did you mean 'fast'?"),
        ("task: toy\nseed: [1]", "toy.yaml:2: seed needs one value, got a list or a section"),
        ("task: toy\ninner: 3", "toy.yaml:2: 'inner' needs 'key: value' lines below it, got '3'"),
        ("task: toy\ninner: {factors: [1]}", "toy.yaml:2: inner.factors needs 2 values, got 1"),
        ("task: toy\nnetwork: smal", "toy.yaml:2: unknown network 'smal'; did you mean 'small'?"),
        ("task: toy\nnetwork: {depth: 3}", "toy.yaml:2: network needs 'name:', one of small, deep"),
        (
            "task: toy\nnetwork: {name: deep, channels: 3}",
            "toy.yaml:2: unknown option 'channels' of network deep; known: depth",
        ),
        ("task: toy\nnetwork: {name: deep, depth: x}", "toy.yaml:2: network.depth is 'x'; it must be a whole number"),
        ("task: toy\nseed: 1\nseed: 2", "toy.yaml:3: 'seed' is given twice; keep one"),
        ("seed: 1", "toy.yaml:1: no 'task:'; a recipe's first line names its task, such as 'task: segment'"),
        ("task: tyo", "toy.yaml:1: unknown task 'tyo'; see 'limner recipes'"),
        ("just text", "toy.yaml:1: a recipe is 'key: value' lines; the first is 'task: ...'"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_advice(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text)
    assert str(caught.value) == message


def test_broken_yaml_names_the_line() -> None:
    with pytest.raises(UserError, match=r"toy\.yaml:2: not YAML"):
        read("task: toy\nseed: [1")


def test_a_wrong_override_names_the_option_not_the_file() -> None:
    with pytest.raises(UserError) as caught:
        read("task: toy", "--inner.rate", "fast")
    assert str(caught.value) == "--inner.rate: inner.rate is 'fast'; it must be a number"


def test_a_stray_word_among_overrides_is_refused() -> None:
    with pytest.raises(UserError, match="'loose': expected a setting such as"):
        parse_overrides(["loose"])


@given(
    seed=st.integers(0, 10**9),
    rate=st.floats(0, 1),
    name=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20),
    most=st.none() | st.integers(-5, 5),
    paths=st.lists(st.sampled_from(["a", "b c", "d: e", "f, g", "#h"]), max_size=3),
)
def test_what_is_written_reads_back_the_same(
    seed: int, rate: float, name: str, most: int | None, paths: list[str]
) -> None:
    toy = Toy(seed=seed, most=most, paths=tuple(map(Path, paths)), inner=Inner(rate=rate, name=name))
    assert read(write_recipe(toy)) == toy


@pytest.mark.parametrize("name", list(bundled_recipes()))
def test_every_bundled_recipe_reads_and_survives_writing(name: str) -> None:
    recipe = load_recipe(name)
    assert read_recipe(write_recipe(recipe), "again.yaml", lambda _: type(recipe)) == recipe


def test_an_unknown_recipe_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no recipe 'segment/moden' .*did you mean 'segment/modern'"):
        load_recipe("segment/moden")


# --- former names ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Renamed:
    task: Literal["toy"] = setting("toy", "the task")
    pace: Literal["fast", "slow"] = setting("fast", "how", formerly="mode")
    network: Choice = choice("small", "a network", lambda: ENTRIES, ("channels",), formerly={"breadth": "width"})


def read_renamed(text: str, *overrides: str) -> Renamed:
    return read_recipe(text, "toy.yaml", lambda _: Renamed, overrides)


def test_a_recipe_of_an_earlier_version_is_read_by_the_names_of_its_time_and_written_by_those_of_now() -> None:
    found = read_renamed("task: toy\nmode: slow\nnetwork: {name: small, breadth: 4}")
    assert found == Renamed(pace="slow", network=Choice("small", {"width": 4}))
    assert "mode" not in write_recipe(found)
    assert read_renamed(write_recipe(found)) == found


@pytest.mark.parametrize("names", [("mode", "pace"), ("pace", "mode")])
def test_the_command_line_has_the_last_word_whichever_name_it_uses(names: tuple[str, str]) -> None:
    assert read_renamed(f"task: toy\n{names[0]}: slow", f"--{names[1]}", "fast").pace == "fast"


@pytest.mark.parametrize("names", [("breadth", "width"), ("width", "breadth")])
def test_the_command_line_has_the_last_word_on_options_too(names: tuple[str, str]) -> None:
    text = f"task: toy\nnetwork: {{name: small, {names[0]}: 4}}"
    assert read_renamed(text, f"--network.{names[1]}", "5").network.options == {"width": 5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mode: slow\npace: fast", r"toy.yaml:3: 'pace' is given twice, once by its former name; keep one"),
        (
            "network: {name: small, width: 3, breadth: 4}",
            r"toy.yaml:2: option 'width' of network is given twice, once by its former name",
        ),
    ],
)
def test_a_file_that_uses_both_names_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_renamed(f"task: toy\n{text}")
