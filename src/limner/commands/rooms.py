"""The shared verbs as one room has them: with its options, which follow from the run, recipe or room that the words
name.

`limner evaluate RUN --help` shows what the run's room takes, and `limner evaluate RUN` takes nothing else.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

from cyclopts import App, Parameter

from limner.commands.app import make_app
from limner.foundation.command_line import METHOD
from limner.foundation.errors import UserError
from limner.learning.options import option_names
from limner.learning.rooms import SharedVerb, room_called, rooms_with, verb_of

CHECKED = next(iter(rooms_with("check")))
"""The room that reads data where none is named."""
HELP = ("--help", "-h")
RoomOptions = Annotated[Any, Parameter(parse=False)]
"""Of a command's parameter ``options``: nothing, until `in_room` puts a room's dataclass there."""
Command = Callable[..., None]


def in_room(command: Command, options_type: type | None) -> Command:
    """A command that takes a room's options, flat, as its ``options``."""
    if options_type is None:
        return command

    @wraps(command)
    def with_options(*arguments: Any, **given: Any) -> None:
        command(*arguments, **{"options": options_type(), **given})

    kind: Any = options_type
    own = hasattr(options_type, "__cyclopts__")  # it says itself which group it belongs to
    annotation = Annotated[kind, Parameter(name="*") if own else Parameter(name="*", group=METHOD)]
    signature = inspect.signature(command)
    parameters = [
        each.replace(annotation=annotation, default=options_type()) if each.name == "options" else each
        for each in signature.parameters.values()
    ]
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {**get_type_hints(command, include_extras=True), "options": annotation}
    return with_options


def app_of_room(verb: SharedVerb, command: Command, room: str, **more: Any) -> App:
    """The application with one verb, as a room has it."""
    app = make_app()
    app.command(in_room(command, verb_of(room, verb).options_type()), name=verb, **more)
    return app


def room_in(verb: SharedVerb, tokens: Sequence[str]) -> str | None:
    """The room that a shared verb's words name, or None where there are none. Raises `UserError` where they name what
    is not there."""
    if verb == "check":
        return _given(tokens, "--room") or CHECKED
    words = list(words_in(tokens, flags(verb)))
    if not words:
        return None
    return _ROOM_OF[verb](words)


def words_in(tokens: Sequence[str], flag_names: set[str]) -> Iterator[str]:
    """The tokens that are no options and no values of options.

    >>> list(words_in(["--json", "run", "--out", "x.json", "other"], {"--json"}))
    ['run', 'other']
    """
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if token == "--":
            yield from waiting
            return
        if not token.startswith("-") or token == "-":
            yield token
        elif "=" not in token and token not in flag_names and waiting and not waiting[0].startswith("--"):
            waiting.pop(0)


def flags(verb: SharedVerb) -> set[str]:
    """The options of a verb that take no value, of all rooms."""
    found = {*HELP, "--json", "--download", "--overwrite", "--dry-run"}
    for room in rooms_with(verb):
        options_type = verb_of(room, verb).options_type()
        found |= {option_names(options_type)[name] for name in _booleans(options_type)}
    return found


def rooms_that_have(verb: SharedVerb, option: str) -> list[str]:
    """The rooms in which a verb has an option; none for a verb of one room."""
    if verb not in get_args(SharedVerb):
        return []
    types = {room: verb_of(room, verb).options_type() for room in rooms_with(verb)}
    return [room for room, options_type in types.items() if option in option_names(options_type).values()]


def refuse_foreign(verb: SharedVerb, settings: Sequence[str], own: Collection[str]) -> None:
    """Raise `UserError` for a setting of a recipe that is none, but an option of the verb in another room.

    own: the names of the recipe's settings.
    """
    for token in settings:
        option = token.partition("=")[0]
        mine = not option.startswith("--") or option[2:].replace("-", "_") in own
        if not mine and (having := rooms_that_have(verb, option)):
            raise UserError(f"{option} is not for this recipe; rooms that have it: {', '.join(having)}")


def _booleans(options_type: type | None) -> Iterator[str]:
    if options_type is None:
        return
    for name, annotation in get_type_hints(options_type).items():
        if annotation is bool or bool in get_args(annotation):
            yield name
        elif hasattr(annotation, "__dataclass_fields__"):
            yield from _booleans(annotation)


def _given(tokens: Sequence[str], option: str) -> str | None:
    for place, token in enumerate(tokens):
        if token == option and place + 1 < len(tokens):
            return tokens[place + 1]
        if token.startswith(f"{option}="):
            return token.partition("=")[2]
    return None


def _room_of_recipe(words: Sequence[str]) -> str | None:
    from limner.learning.library import task_of_recipe
    from limner.learning.rooms import room_of_task

    return room_of_task(task_of_recipe(words[0]))


def _room_of_run(words: Sequence[str]) -> str | None:
    from limner.learning.rooms import room_of_task
    from limner.learning.runs.opening import open_run

    return room_of_task(open_run(words[0]).task)


def _room_of_words(words: Sequence[str]) -> str | None:
    from limner.learning.runs.evaluations import read_word
    from limner.learning.verbs import room_of

    return room_of([read_word(word) for word in words])


def _room_called(words: Sequence[str]) -> str | None:
    room_called(words[0])
    return words[0]


_ROOM_OF: dict[str, Callable[[Sequence[str]], str | None]] = {
    "train": _room_of_recipe,
    "evaluate": _room_of_run,
    "compare": _room_of_words,
    "networks": _room_called,
}
