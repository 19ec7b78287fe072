"""Plain values, read from a file that anybody may have written, as what a program is about to take them for.

A schema is a type: ``int``, ``list[str]``, ``dict[str, float]``, ``str | None``, a `TypedDict` or a dataclass of such.
No code behind it meets a value of another kind.
"""

import dataclasses
import math
import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import (
    Any,
    Literal,
    NoReturn,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)  # fmt: skip

from limner.foundation.errors import UserError
from limner.foundation.unexpected import one_line

Kind = TypeVar("Kind")

KINDS: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path",
    types.NoneType: "null",
}  # fmt: skip
LARGEST_INT = 2**53
"""The last whole number up to which JSON's numbers are exact for everybody."""
LARGEST_FLOAT = 1e300


class WrongValue(ValueError):
    """A value is not of the kind that is needed; the message says which and where."""


def bounds(*, minimum: float | None = None, maximum: float | None = None) -> dict[str, float | None]:
    """``metadata`` of a schema's field: what its numbers, and how many entries its lists and texts have, stay
    within."""
    return {"minimum": minimum, "maximum": maximum}


def conform(value: Any, kind: type[Kind], place: str = "", *, exact: bool = False) -> Kind:
    """The value as that kind. Raises `WrongValue`, whose message names the first that is not.

    What JSON itself has stays what it is: lists, named values (``dict`` or a `TypedDict`, in which more names may be
    than it asks for), texts, true and false, null, and numbers, which are finite and may be whole ones where a
    ``float`` is asked for. Dataclasses, named tuples, tuples, ``Mapping`` and paths are made of it, and a ``float`` in
    them is one. Bounds stand in the ``metadata`` of a dataclass's field, see `bounds`; what its ``__post_init__``
    raises as `ValueError` is told, too. `Any` is whatever JSON holds.

    place: what to call the value. exact: refuse names that a dataclass does not have, which are else left out.

    >>> conform({"counts": [1, 2.5]}, dict[str, list[float]])
    {'counts': [1, 2.5]}
    >>> conform({"counts": [1, "2"]}, dict[str, list[float]])
    Traceback (most recent call last):
    ...
    limner.foundation.files.schema.WrongValue: counts[1] is '2'; needed: a number
    """
    found: Kind = _Reader(exact).value(value, kind, place)
    return found


@dataclasses.dataclass(frozen=True)
class _Field:
    """A named value of a schema."""

    kind: Any
    required: bool
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@cache
def _fields(schema: Any) -> dict[str, _Field]:
    hints = get_type_hints(schema)  # without Required and NotRequired
    if is_typeddict(schema):
        return {name: _Field(kind, name in schema.__required_keys__) for name, kind in hints.items()}
    if not dataclasses.is_dataclass(schema):  # a named tuple
        return {name: _Field(kind, name not in schema._field_defaults) for name, kind in hints.items()}
    return {
        each.name: _Field(
            hints[each.name],
            each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING,
            each.metadata,
        )
        for each in dataclasses.fields(schema)
    }


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Plain values on their way into kinds."""

    exact: bool

    def value(self, value: Any, kind: Any, place: str) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if kind is Any:
            return value
        if origin in (Required, NotRequired):
            return self.value(value, inner[0], place)
        if origin in (Union, types.UnionType):
            return self.union(value, inner, place)
        if origin is Literal:
            if not isinstance(value, str | int) or value not in inner:
                _refuse(place, value, f"one of {', '.join(map(str, inner))}")
            return value
        if origin is tuple:
            return self.tuple(value, inner, place)
        if origin is list:
            if not isinstance(value, list):
                _refuse(place, value, "a list")
            return _as_it_was(value, [self.value(each, inner[0], f"{place}[{n}]") for n, each in enumerate(value)])
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(value, dict):
                _refuse(place, value, "named values")
            named = {name: self.value(each, inner[1], _within(place, name)) for name, each in value.items()}
            return _as_it_was(value, named) if origin is dict else named
        if is_typeddict(kind):
            return _as_it_was(value, {**_named(value, place), **self.fields(value, kind, place)})
        if dataclasses.is_dataclass(kind) or hasattr(kind, "_field_defaults"):
            return self.record(value, kind, place)
        return _scalar(value, kind, place)

    def union(self, value: Any, kinds: tuple[Any, ...], place: str) -> Any:
        """Of several kinds the one that the value is nearest to is told of: null is rarely what was meant."""
        if value is None and types.NoneType in kinds:
            return None
        wrong: list[WrongValue] = []
        for kind in (each for each in kinds if each is not types.NoneType):
            try:
                return self.value(value, kind, place)
            except WrongValue as error:
                wrong.append(error)
        raise max(wrong, key=lambda error: len(str(error).split(" is ")[0]))

    def tuple(self, value: Any, kinds: tuple[Any, ...], place: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            _refuse(place, value, "a list")
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(value) != len(kinds):
            _refuse(place, value, f"{len(kinds)} values")
        parts = enumerate(zip(value, kinds, strict=True))
        return tuple(self.value(each, kind, f"{place}[{number}]") for number, (each, kind) in parts)

    def fields(self, value: Any, schema: Any, place: str) -> dict[str, Any]:
        """What stands under the names that a schema has."""
        value, fields = _named(value, place), _fields(schema)
        if missing := [_within(place, name) for name, each in fields.items() if each.required and name not in value]:
            raise WrongValue(f"says nothing of {', '.join(missing)}")
        found = {}
        for name, each in fields.items():
            if name in value:
                found[name] = self.value(value[name], each.kind, _within(place, name))
                _check_bounds(found[name], each.metadata, _within(place, name))
        return found

    def record(self, value: Any, schema: Any, place: str) -> Any:
        if self.exact and (others := sorted(set(_named(value, place)) - set(_fields(schema)))):
            raise WrongValue(f"{_within(place, others[0])} is a name that nothing has")
        try:
            return schema(**self.fields(value, schema, place))
        except (WrongValue, UserError):
            raise
        except ValueError as error:
            raise WrongValue(one_line(str(error))) from None


def _within(place: str, name: str) -> str:
    return f"{place}.{name}" if place else str(name)


def _as_it_was(value: Any, read: Any) -> Any:
    """What was given, where reading it made nothing else of it."""
    return value if read == value else read


def _named(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) and not place:
        raise WrongValue("holds no named values")
    if not isinstance(value, dict):
        _refuse(place, value, "named values")
    return value


def _refuse(place: str, value: Any, needed: str) -> NoReturn:
    told = one_line(repr(value))
    told = told if len(told) <= 60 else f"{told[:57]}..."
    raise WrongValue(f"{f'{place} is' if place else 'holds'} {told}; needed: {needed}")


def _scalar(value: Any, kind: Any, place: str) -> Any:
    if kind is Path:
        return Path(_scalar(value, str, place))
    right = type(value) is kind or (kind is float and type(value) is int)
    if type(value) is int:
        right = right and abs(value) <= LARGEST_INT
    if kind is float and right:
        right = abs(value) <= LARGEST_FLOAT and math.isfinite(value)  # NaN is no number to decide or to compute by
    if not right:
        _refuse(place, value, KINDS[kind])
    return value if kind is types.NoneType else kind(value)


def _check_bounds(value: Any, metadata: Mapping[str, Any], place: str) -> None:
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if value is None or (low is None and high is None):
        return
    counted = isinstance(value, tuple | str | dict)
    number = len(value) if counted else value
    if (low is not None and number < low) or (high is not None and number > high):
        most, least = f"at most {high:g}" if high is not None else "", f"at least {low:g}" if low is not None else ""
        wanted = f"{low:g} to {high:g}" if most and least else most or least
        _refuse(place, value, f"{wanted} {'entries' if counted else ''}".strip())
