"""A network by what users call it: a run, a network of a room, or a module in a file of their own."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.learning.recipes.reading import read_choice
from limner.learning.recipes.recipe import options_of
from limner.learning.rooms import ROOMS, named
from limner.learning.runs.opening import LAST, is_run, open_run
from limner.learning.train import load

GIVEN = ("channels", "classes")
"""Arguments of networks that are no options."""


@dataclass(frozen=True, eq=False)
class KnownNetwork:
    """A network that takes pictures. title: what to call it. channels: bands of its pictures, None: nobody says.
    predictor: of a run, what `limner.load` gives, which also knows the run's statistics and classes.

    A network that takes lists of pictures and gives objects has a ``reader``, which is shown in its place: the module
    that takes one (B, C, H, W) tensor. ``unit_range`` of a network is true where it takes pixels in 0..1;
    ``tells_classes`` is false where what it gives are no scores of classes.
    """

    network: nn.Module
    title: str
    channels: int | None = None
    predictor: Any = None

    @classmethod
    def of(cls, network: nn.Module, title: str, channels: int | None, predictor: Any = None) -> "KnownNetwork":
        """The network, or its reader."""
        reader = getattr(network, "reader", None)
        if isinstance(reader, nn.Module):
            return cls(reader, f"{title} (what reads the picture)", channels, predictor)
        return cls(network, title, channels, predictor)


def find_network(
    word: str | Path,
    *,
    channels: int = 3,
    classes: int | None = None,
    overrides: Sequence[str] = (),
    sizes_only: bool = False,
) -> KnownNetwork:
    """The network that a word names.

    word: a run (its folder, ``last``, a bundled model), a network of a room (``unet``, or ``segment/unet`` where rooms
    share the name), or ``FILE.py:NAME``, where NAME is an `nn.Module`, or a class or function that gives one without
    arguments; that file is run. channels, classes: of a network of a room; classes None: its own default. overrides:
    its options, as ``["--network.depth", "34"]``. sizes_only: make it on the ``meta`` device, without memory.

    Raises `UserError` for what is not there, a run whose room makes pictures instead of taking them, and options that
    the network does not have.
    """
    text = str(word)
    file, _, name = text.rpartition(":")
    if file.endswith(".py"):
        return KnownNetwork(_from_file(Path(file), name), text)
    if is_run(text):
        return _of_run(text)
    room, name = _place(text)
    entries = named(ROOMS[room].builds)
    choice = read_choice("network", name, entries, GIVEN, overrides)
    accepted = options_of(entries[name])
    given: dict[str, Any] = {"channels": channels} if "channels" in accepted else {}
    if classes is not None:
        given["classes"] = classes
    with torch.device("meta" if sizes_only else "cpu"):
        network = choice.build(entries, **given)
    shown = " ".join(f"{key} {str(value).lower()}" for key, value in choice.options.items())
    return KnownNetwork.of(network, f"{name} {shown}".strip(), channels)


def _of_run(text: str) -> KnownNetwork:
    run = open_run(text)
    predictor, title = load(run.folder), str(run.folder) if text == LAST else text
    network = getattr(predictor, "network", None)
    if not isinstance(network, nn.Module):
        raise UserError(f"{text}: a run that makes pictures; needed: one whose network takes them, such as a map's")
    return KnownNetwork.of(network, title, getattr(predictor, "channels", None), predictor)


def _place(text: str) -> tuple[str, str]:
    """The room and the name that a word means."""
    rooms = {name: named(room.builds) for name, room in ROOMS.items() if room.builds}
    room, _, name = text.rpartition("/")
    having = [each for each, entries in rooms.items() if name in entries and room in ("", each)]
    if not having:
        known = [name for entries in rooms.values() for name in entries]
        raise UserError(
            f"no run and no network '{text}'; {did_you_mean(name, known)}; your own: FILE.py:NAME; "
            "see 'limner networks'"
        )
    if len(having) > 1:
        places = " or ".join(f"{each}/{name}" for each in having)
        raise UserError(f"several rooms have a network '{name}'; say which: {places}")
    return having[0], name


def _from_file(path: Path, name: str) -> nn.Module:
    """What a user's file calls ``name``."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; needed: FILE.py:NAME of a module, or a function that gives one")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # what stands beside it can be imported, as when it is run
    try:
        spec.loader.exec_module(module)
        found: Any = getattr(module, name, None)
        if found is None:
            raise UserError(f"{path} has no '{name}'; {did_you_mean(name, _candidates(module))}")
        network = found() if isinstance(found, type) or not isinstance(found, nn.Module) else found
    except UserError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{path}:{name}: {reason}") from error
    finally:
        sys.path.remove(str(path.parent))
    if not isinstance(network, nn.Module):
        raise UserError(f"{path}:{name} is {type(network).__name__}; needed: an nn.Module, or what gives one")
    return network


def _candidates(module: Any) -> list[str]:
    kinds: tuple[Any, ...] = (nn.Module, type, Callable)
    return [name for name, value in vars(module).items() if not name.startswith("_") and isinstance(value, kinds)]
