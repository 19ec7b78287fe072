"""Whether plain values, read from a file that anybody may have written, are what a program is about to take them for.

A schema is a type: ``int``, ``list[str]``, ``dict[str, float]``, ``str | None``, a `TypedDict` or a dataclass of such.
"""

from __future__ import annotations

import dataclasses
import math
import types
from typing import Any, NotRequired, Required, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
DEEPEST = 50
Kind = TypeVar("Kind")


class WrongValue(ValueError):
    """A value is not of the kind that is needed; the message says which and where."""


def conform(value: Any, kind: type[Kind]) -> Kind:
    """The value, which is of that kind. Raises `WrongValue`, whose message names the first that is not.

    Of a `TypedDict` all required names must be there, and others may be; of a dataclass all fields without a default,
    and no others: it can be made of the value. Whole numbers are numbers, true and false are
    not; infinite numbers and NaN are none. `Any` is whatever JSON holds.

    >>> conform({"counts": [1, 2.5]}, dict[str, list[float]])
    {'counts': [1, 2.5]}
    >>> conform({"counts": [1, "2"]}, dict[str, list[float]])
    Traceback (most recent call last):
    ...
    limner.foundation.schema.WrongValue: counts[1] is a text; needed: a number
    """
    _check(value, kind, "", 0)
    return value


def _check(value: Any, kind: Any, place: str, depth: int) -> None:
    origin, inner = get_origin(kind), get_args(kind)
    if depth > DEEPEST:
        raise WrongValue(f"{place[:40]}... is nested too deeply")
    if kind is Any:
        return
    if origin in (Required, NotRequired):
        _check(value, inner[0], place, depth)
    elif origin in (Union, types.UnionType):
        _check_any(value, inner, place, depth)
    elif is_typeddict(kind) or dataclasses.is_dataclass(kind):
        _check_names(value, kind, place, depth)
    elif origin is list and isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, inner[0], f"{place}[{number}]", depth + 1)
    elif origin is dict and isinstance(value, dict):
        for name, item in value.items():
            _check(item, inner[1], f"{place}.{name}" if place else str(name), depth + 1)
    elif not _is_plain(value, kind):
        raise WrongValue(f"{place or 'the whole'} is {_told(value)}; needed: {_name(kind)}")


def _check_any(value: Any, kinds: tuple[Any, ...], place: str, depth: int) -> None:
    """Of several kinds the one that the value is nearest to is told of: null is rarely what was meant."""
    wrong: list[WrongValue] = []
    for kind in kinds:
        try:
            return _check(value, kind, place, depth)
        except WrongValue as error:
            wrong.append(error)
    raise max(wrong, key=lambda error: len(str(error).split(" is ")[0]))


def _check_names(value: Any, kind: Any, place: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise WrongValue(f"{place or 'the whole'} is {_told(value)}; needed: named values")
    hints = get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        required = {item.name for item in dataclasses.fields(kind) if _has_no_default(item)}
        if others := sorted(set(value) - set(hints)):
            raise WrongValue(f"{place + '.' if place else ''}{others[0]} is a name that nothing has")
    else:
        required = kind.__required_keys__
    for name, inner in hints.items():
        where = f"{place}.{name}" if place else name
        if name in value:
            _check(value[name], inner, where, depth + 1)
        elif name in required:
            raise WrongValue(f"{where} is missing")


def _has_no_default(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _is_plain(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return kind in (str, bool, type(None), None) and isinstance(value, type(None) if kind is None else kind)


def _name(kind: Any) -> str:
    return NAMES.get(kind) or {list: "a list", dict: "named values"}.get(get_origin(kind), str(kind))


def _told(value: Any) -> str:
    for kind in (bool, int, str, type(None)):
        if isinstance(value, kind):
            return NAMES[kind]
    if isinstance(value, float):
        return "a number" if math.isfinite(value) else str(value)
    return "a list" if isinstance(value, list) else "named values" if isinstance(value, dict) else type(value).__name__
