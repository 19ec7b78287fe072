"""The figures of the networks' pages are drawn from the networks as they are."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from limner.segment.networks import NETWORKS

TOP = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[Any, str]]:
    """Each network's figure and its SVG text, made now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOP / "tools")
        tool = import_module("draw_networks")
        return {figure.name: (figure, tool.draw(figure)) for figure in tool.figures()}


def test_every_network_has_a_figure(drawn: dict[str, tuple[Any, str]]) -> None:
    assert sorted(drawn) == sorted(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_stored_figure_shows_the_network_as_it_is(name: str, drawn: dict[str, tuple[Any, str]]) -> None:
    stored = TOP / "docs" / "pictures" / f"network-{name}.svg"
    assert stored.read_text(encoding="utf-8") == drawn[name][1], "draw it again: python tools/draw_networks.py"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_page_names_the_shape_of_every_stage_that_is_drawn(name: str, drawn: dict[str, tuple[Any, str]]) -> None:
    text = (TOP / "docs" / "networks" / f"{name}.md").read_text(encoding="utf-8")
    figure = drawn[name][0]
    stages = [*figure.encoder, *(join.stage for join in figure.joins)]
    missing = [stage for stage in stages if " x ".join(map(str, stage.shape)) not in text]
    assert missing == []
    assert all(from_below == from_skip for _, from_below, from_skip in figure.joins)  # balanced


@pytest.mark.parametrize("name", NETWORKS)
def test_no_box_of_a_figure_overlaps_another_or_leaves_the_card(name: str, drawn: dict[str, tuple[Any, str]]) -> None:
    svg = drawn[name][1]
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    boxes = [
        tuple(map(int, found)) for found in re.findall(r'x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" rx="8"', svg)
    ]
    assert len(boxes) >= 11
    for number, (x, y, wide, high) in enumerate(boxes):
        assert x + wide < width
        assert y + high < height
        for left, top, other_wide, other_high in boxes[:number]:
            assert x >= left + other_wide or left >= x + wide or y >= top + other_high or top >= y + high
