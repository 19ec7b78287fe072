"""Words that a shell completes: verbs, every room's options, recipes, runs, rooms.

`limner --install-completion` writes a script for the shell at hand; where it cannot know, as for the names of runs, the
script asks limner.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from cyclopts import App

from limner.commands.app import make_app
from limner.commands.rooms import Command, in_room
from limner.learning.rooms import SharedVerb, rooms_with, verb_of

INSTALL, COMPLETE = "--install-completion", "__complete"
"""What a user calls once, and what the script that it installs calls."""


def app_with_all_options(app: App, shared: Mapping[SharedVerb, Command]) -> App:
    """The application where a shared verb has the options of all rooms: a shell cannot know which room is meant."""
    complete = make_app()
    name: Any
    for name in app:
        if name in shared:
            complete.command(in_room(shared[name], _union(name)), name=name)
        elif not name.startswith("-"):
            complete.command(app[name], name=name)
    add_install_command(complete)
    return complete


def add_install_command(app: App) -> None:
    """Let an application write the script that completes it."""
    app.register_install_completion_command(
        INSTALL, help="Let this shell complete verbs, options, recipes and runs; call it once."
    )


def _union(verb: SharedVerb) -> type:
    """A dataclass of the options of all rooms, the first of those of one name."""
    found: dict[str, tuple[str, Any, Any]] = {}
    for room in rooms_with(verb):
        for name, annotation, default in _flat(verb_of(room, verb).options_type()):
            found.setdefault(name, (name, annotation, dataclasses.field(default=default)))
    made = dataclasses.make_dataclass("AllOptions", list(found.values()), frozen=True)
    made.__module__ = __name__  # or it is taken for one of Python's own types
    return made


def _flat(options_type: type | None) -> Iterator[tuple[str, Any, Any]]:
    if options_type is None:
        return
    hints = get_type_hints(options_type, include_extras=True)
    for field in dataclasses.fields(options_type):
        kind = hints[field.name]
        inner = get_args(kind)[0] if get_args(kind) else kind
        if dataclasses.is_dataclass(inner) and isinstance(inner, type):
            yield from _flat(inner)
        else:
            yield field.name, kind, field.default
