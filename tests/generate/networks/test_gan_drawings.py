"""The figures of the adversarial networks are drawn from the networks as they are, and their page has their numbers."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from limner.generate.networks import DISCRIMINATORS, GENERATORS
from limner.generate.networks.listing import list_networks
from limner.learning.networks.listing import NetworkSizes

TOP = Path(__file__).parents[3]
PAGE = (TOP / "docs" / "generate" / "networks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOP / "tools")
        yield import_module("draw_gan_networks")


@pytest.mark.parametrize("name", GENERATORS)
def test_the_stored_figure_of_a_pair_shows_it_as_it_is(name: str, tool: Any) -> None:
    stored = TOP / "docs" / "pictures" / f"gan-{name}.svg"
    assert stored.read_text(encoding="utf-8") == tool.draw(tool.pair(name)), "python tools/draw_gan_networks.py"
    assert f"](../pictures/gan-{name}.svg)" in PAGE


@pytest.mark.parametrize("name", GENERATORS)
def test_a_drawn_pair_goes_from_latent_to_picture_and_from_picture_to_logit(name: str, tool: Any) -> None:
    figure = tool.pair(name)
    made, judged = ([step.shape for step in row] for row in (figure.generator, figure.discriminator))
    assert len(made[0]) == 1
    assert made[-1] == judged[0] == (3, 64, 64)
    assert judged[-1] == ()
    assert [shape[-1] for shape in made[1:]] == sorted(shape[-1] for shape in made[1:])
    assert [shape[-1] for shape in judged[:-1]] == sorted((shape[-1] for shape in judged[:-1]), reverse=True)


def test_the_page_has_the_parameters_and_receptive_fields_that_the_code_gives() -> None:
    rows = {(row.name, row.options): row for row in list_networks(NetworkSizes())}
    for name in GENERATORS:
        for size_px in (32, 64, 128, 256):
            generator, discriminator = (rows[name, f"{kind} {size_px} px"] for kind in ("generator", "discriminator"))
            expected = (
                f"| `{name}` | {size_px} | {generator.parameters:,} | {discriminator.parameters:,} | "
                f"{discriminator.receptive_field_px} |"
            )
            assert expected in PAGE


def test_the_page_has_every_option_with_its_default() -> None:
    table = re.findall(r"^\| `([\w-]+)` (generator|discriminator) \| (.*?) \|$", PAGE, re.MULTILINE)
    expected = []
    for kind, entries in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS)):
        for name, entry in entries.items():
            options = list(inspect.signature(entry).parameters.values())[3:]
            shown = [f"`{one.name}` {str(one.default).lower()}" for one in options]
            expected.append((name, kind, ", ".join(shown)))
    assert sorted(table) == sorted(expected)
