"""The options that a verb takes in one room: a frozen dataclass, on the command line and as keywords in Python.

A field that is itself a dataclass stands for its fields: how labels are read is a part of what several verbs take.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from limner.foundation.command_line import INPUT, split_names
from limner.foundation.errors import UserError
from limner.foundation.files.writing import must_exist
from limner.foundation.nearest import did_you_mean


def option_names(options_type: type | None) -> dict[str, str]:
    """Each option by its name in Python, and how the command line spells it.

    >>> from limner.segment.scoring.options import CompareOptions
    >>> option_names(CompareOptions)
    {'gains': '--gains', 'columns': '--columns', 'class_name': '--class'}
    """
    found: dict[str, str] = {}
    for field, part, annotation in _fields(options_type):
        if part is not None:
            found |= option_names(part)
        else:
            own = next((each.name for each in get_args(annotation)[1:] if getattr(each, "name", None)), ())
            found[field.name] = own[0] if own else spelled(field.name)
    return found


def make_options(options_type: type | None, given: Mapping[str, Any], what: str) -> Any:
    """An instance of ``options_type`` with what is given, or None where there is no such type.

    what: takes these options, in words for messages. Raises `UserError` for a name that is none of its options.
    """
    known = option_names(options_type)
    for name in given:
        if name not in known:
            listed = did_you_mean(spelled(name), known.values()) if known else "it takes none"
            raise UserError(f"{spelled(name)} is no option of {what}; {listed}")
    return None if options_type is None else _make(options_type, given)


def input_files_exist(options: Any) -> None:
    """Raise `UserError` for a file among the options of the group Input that is not there."""
    if options is None:
        return
    for field, part, annotation in _fields(type(options)):
        value = getattr(options, field.name)
        if part is not None:
            input_files_exist(value)
        elif isinstance(value, Path) and INPUT in _groups(type(options), annotation):
            must_exist([value])


def _groups(options_type: type, annotation: Any) -> list[Any]:
    """The groups of help that an option belongs to."""
    of_all = getattr(options_type, "__cyclopts__", None)  # what `Parameter` says as a decorator
    said = [*get_args(annotation)[1:], *getattr(of_all, "parameters", ())]
    return [group for each in said for group in getattr(each, "group", None) or ()]


def spelled(name: str) -> str:
    """An option as the command line has it, by its name in Python."""
    return f"--{name.replace('_', '-')}"


def _make(options_type: type, given: Mapping[str, Any]) -> Any:
    values = {}
    for field, part, annotation in _fields(options_type):
        if part is not None:
            values[field.name] = _make(part, given)
        elif field.name in given:
            values[field.name] = _listed(given[field.name], annotation)
    return options_type(**values)


def _listed(value: Any, annotation: Any) -> Any:
    """A value for a field of several, which may be given as any list, or in one text with commas."""
    kinds = str(get_args(annotation)[0] if get_args(annotation) else annotation)
    if "tuple[" not in kinds or not isinstance(value, str | list):
        return value
    return split_names(value) if isinstance(value, str) else tuple(value)


def _fields(options_type: type | None) -> list[tuple["dataclasses.Field[Any]", type | None, Any]]:
    """Each field with the dataclass that it is, if it is one, and its annotation."""
    if options_type is None:
        return []
    hints = get_type_hints(options_type, include_extras=True)
    found = []
    for field in dataclasses.fields(options_type):
        annotation = hints[field.name]
        kind = get_args(annotation)[0] if get_args(annotation) else annotation
        found.append((field, kind if dataclasses.is_dataclass(kind) and isinstance(kind, type) else None, annotation))
    return found
