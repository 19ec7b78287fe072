"""JSON and YAML that somebody else may have written, read within limits: no depth, no alias and no number runs away.

What a file says is then held against a frozen dataclass, its schema, so that no code behind it meets a value of another
kind.
"""

import dataclasses
import json
import math
import types
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from limner.foundation.errors import UserError
from limner.foundation.memory import check_memory
from limner.foundation.unexpected import one_line

Schema = TypeVar("Schema")

DEEPEST = 64
"""Lists in lists: more than any file of limner's has."""
BYTES_OF_A_BYTE = 12
"""What a byte of JSON becomes in memory, at most about."""
KINDS: dict[type, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path",
}  # fmt: skip
LARGEST_INT = 2**53


def read_json(path: Path, advice: str) -> Any:
    """What a JSON file holds, at most `DEEPEST` lists and sections deep.

    advice: what to do where it cannot be read. Raises `UserError` for what is no JSON, and `OSError` where there is no
    file.
    """
    size = path.stat().st_size
    check_memory(BYTES_OF_A_BYTE * size, f"{path}: {size} bytes of JSON", advice)
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8, so not valid JSON; {advice}") from None
    except ValueError as error:  # also of a number with thousands of digits
        raise UserError(f"{path}: not valid JSON, or cut short ({one_line(str(error))[:120]}); {advice}") from None
    except RecursionError:
        raise UserError(f"{path}: nested more than {DEEPEST} deep; {advice}") from None
    if _depth_reaches(value, DEEPEST):
        raise UserError(f"{path}: nested more than {DEEPEST} deep; {advice}")
    return value


def _depth_reaches(value: Any, depth: int) -> bool:
    """Whether lists and dictionaries are nested deeper, without going deep itself."""
    level = [value]
    for _ in range(depth):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, list | dict):
        yield from (each for each in (value.values() if isinstance(value, dict) else value))


def read_record(path: Path, schema: type[Schema], advice: str) -> Schema:
    """A JSON file as an instance of the dataclass ``schema``. Raises what `read_json` and `as_record` do."""
    return as_record(read_json(path, advice), schema, str(path), advice)


def bounds(*, minimum: float | None = None, maximum: float | None = None) -> dict[str, float | None]:
    """``metadata`` of a schema's field: what its numbers, and how many entries its lists and texts have, stay
    within."""
    return {"minimum": minimum, "maximum": maximum}


def as_kind(value: Any, kind: Any, source: str, place: str, advice: str) -> Any:
    """A plain value as a kind that a field of a schema may have. Raises what `as_record` does."""
    return _Reader(source, advice).value(value, kind, place)


def as_record(value: Any, schema: type[Schema], source: str, advice: str) -> Schema:
    """Plain values as an instance of a dataclass, each of the kind that its field says; more than it has is left out.

    Fields are bool, int, float (finite), str, Path, Literal, tuples, mappings, dataclasses or named tuples of these,
    and each of these or None. Bounds stand in a field's ``metadata``, see `bounds`. What the dataclass's own
    ``__post_init__`` raises as `ValueError` is told, too.

    source: what to call the document. Raises `UserError` that names the value, what it is and what it must be.
    """
    found: Schema = _Reader(source, advice).record(value, schema, "")
    return found


@cache
def _fields(schema: type) -> dict[str, tuple[Any, Mapping[str, Any], bool]]:
    """Of each field: its type, its metadata, and whether it may be left out."""
    hints = get_type_hints(schema)
    if not dataclasses.is_dataclass(schema):  # a named tuple
        defaults = schema._field_defaults  # type: ignore[attr-defined]
        return {name: (kind, {}, name in defaults) for name, kind in hints.items()}
    return {
        field.name: (
            hints[field.name],
            field.metadata,
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING,
        )
        for field in dataclasses.fields(schema)
    }


class _Reader:
    """One document on its way into dataclasses."""

    def __init__(self, source: str, advice: str) -> None:
        self.source, self.advice = source, advice

    def refuse(self, place: str, value: Any, needed: str) -> NoReturn:
        told = one_line(repr(value))
        told = told if len(told) <= 60 else f"{told[:57]}..."
        what = f"{place} is {told}" if place else f"holds {told}"
        raise UserError(f"{self.source}: {what}; needed: {needed}; {self.advice}")

    def record(self, value: Any, schema: Any, place: str) -> Any:
        if not isinstance(value, dict):
            if not place:
                raise UserError(f"{self.source}: holds no named values; {self.advice}")
            self.refuse(place, value, "named values")
        fields = _fields(schema)
        if missing := [name for name, (_, _, optional) in fields.items() if not optional and name not in value]:
            what = ", ".join(f"{place}.{name}" if place else name for name in missing)
            raise UserError(f"{self.source}: says nothing of {what}; {self.advice}")
        found = {}
        for name, (kind, metadata, _) in fields.items():
            inner = f"{place}.{name}" if place else name
            if name in value:
                found[name] = self.value(value[name], kind, inner)
                self.check_bounds(found[name], metadata, inner)
        try:
            return schema(**found)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"{self.source}: {one_line(str(error))}; {self.advice}") from None

    def value(self, value: Any, kind: Any, place: str) -> Any:
        """A plain value as ``kind``."""
        if kind is Any:
            return value
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            if value is None and type(None) in arguments:
                return None
            (kind,) = (each for each in arguments if each is not type(None))
            return self.value(value, kind, place)
        if origin is Literal:
            if not isinstance(value, str | int) or value not in arguments:
                self.refuse(place, value, f"one of {', '.join(map(str, arguments))}")
            return value
        if origin is tuple:
            return self.tuple(value, arguments, place)
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(value, dict):
                self.refuse(place, value, "named values")
            return {name: self.value(each, arguments[1], f"{place}.{name}") for name, each in value.items()}
        if dataclasses.is_dataclass(kind) or hasattr(kind, "_field_defaults"):
            return self.record(value, kind, place)
        return self.scalar(value, kind, place)

    def tuple(self, value: Any, kinds: tuple[Any, ...], place: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            self.refuse(place, value, "a list")
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(value) != len(kinds):
            self.refuse(place, value, f"{len(kinds)} values")
        return tuple(
            self.value(each, kind, f"{place}[{number}]")
            for number, (each, kind) in enumerate(zip(value, kinds, strict=True))
        )

    def scalar(self, value: Any, kind: type, place: str) -> Any:
        if kind is Path:
            return None if value is None else Path(self.scalar(value, str, place))
        right = type(value) is kind or (kind is float and type(value) is int)
        if type(value) is int:
            right = right and abs(value) <= LARGEST_INT
        if kind is float and right:
            right = abs(value) <= 1e300 and math.isfinite(value)  # NaN is no number to decide or to compute by
        if not right:
            self.refuse(place, value, KINDS[kind])
        return kind(value)

    def check_bounds(self, value: Any, metadata: Mapping[str, Any], place: str) -> None:
        low, high = metadata.get("minimum"), metadata.get("maximum")
        if value is None or (low is None and high is None):
            return
        counted = isinstance(value, tuple | str | dict)
        number = len(value) if counted else value
        if (low is not None and number < low) or (high is not None and number > high):
            most, least = (
                f"at most {high:g}" if high is not None else "",
                f"at least {low:g}" if low is not None else "",
            )
            wanted = f"{low:g} to {high:g}" if most and least else most or least
            self.refuse(place, value, f"{wanted} {'entries' if counted else ''}".strip())
