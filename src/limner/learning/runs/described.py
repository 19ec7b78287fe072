"""Networks as a run's files describe them, which anybody may have written: looked at before memory is taken.

A line in ``model.json`` can ask for a network of any size. So it is first built on torch's meta device, where tensors
have shapes and no contents, and held against the head of the file of its weights.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.nearest import did_you_mean
from limner.learning.recipes.recipe import Choice, options_of
from limner.learning.runs.weights import DAMAGED
from limner.nn.initialize import WithoutDraws, shapes_only

Network = TypeVar("Network", bound=nn.Module)
LARGEST_OPTION = 1 << 20
"""No width, depth or number of channels is larger."""


def described_choice(
    value: Mapping[str, Any],
    entries: Mapping[str, Callable[..., Any]],
    given: Sequence[str],
    source: Path,
    name: str,
) -> Choice:
    """What a run's file says of something that was chosen by its name, such as its network.

    value: what `limner.learning.recipes.recipe.to_plain` wrote. given: as of `choice` there. name: where it stands
    in ``source``. Raises `UserError` for a name or an option that is unknown, and for a value of another kind.
    """
    chosen = as_record(value.get("name"), str, str(source), DAMAGED, f"{name}.name")
    if chosen not in entries:
        raise UserError(
            f"{source}: {name} is a {chosen}, which limner does not have; {did_you_mean(chosen, entries)}; "
            "one of your own must be put into the room's table first"
        )
    known = options_of(entries[chosen], given)
    options = {}
    for option, found in value.items():
        if option == "name":
            continue
        if option not in known:
            raise UserError(f"{source}: {name} {chosen} has no option '{option}'; {did_you_mean(option, known)}")
        place = f"{name}.{option}"
        options[option] = as_record(found, known[option].annotation, str(source), DAMAGED, place)
        if isinstance(options[option], int) and abs(options[option]) > LARGEST_OPTION:
            raise UserError(f"{source}: {place} is {found}; needed: at most {LARGEST_OPTION}; {DAMAGED}")
    return Choice(chosen, options)


def check_fits(build: Callable[[], nn.Module], shapes: Mapping[str, Sequence[int]], folder: Path) -> None:
    """Raise `UserError` unless the network that ``build`` gives has tensors of just these names and ``shapes``.

    It is built without memory for its tensors. folder: the run's, for the message.
    """
    try:
        with torch.random.fork_rng(devices=[]), shapes_only():
            network = build()
    except UserError as error:
        raise UserError(f"{folder}: model.json describes no network that can be ({error}); {DAMAGED}") from None
    except (RuntimeError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError) as error:
        words = str(error).splitlines()[0][:120]
        raise UserError(f"{folder}: model.json describes no network that can be ({words}); {DAMAGED}") from None
    needed = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(needed.keys() | shapes.keys()):
        asked, there = needed.get(name), tuple(shapes[name]) if name in shapes else None
        if asked != there:
            raise UserError(
                f"{folder}: model.safetensors does not fit model.json: {name} is {_shape(there)}, by model.json "
                f"{_shape(asked)}; {DAMAGED}"
            )


def build_fitting(build: Callable[[], Network], shapes: Mapping[str, Sequence[int]], folder: Path) -> Network:
    """The network that ``build`` gives, with weights still to be loaded: nothing is drawn for them, which takes longer
    than loading them. Raises `UserError` as `check_fits` does."""
    check_fits(build, shapes, folder)
    with torch.random.fork_rng(devices=[]), WithoutDraws():
        return build()


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else " x ".join(map(str, shape)) or "a number"
