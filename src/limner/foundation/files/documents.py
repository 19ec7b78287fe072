"""JSON and YAML that somebody else may have written, read within limits: no depth, no alias and no number runs away.

What a file says is then held against its schema, so that no code behind it meets a value of another kind.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from limner.foundation.errors import UserError
from limner.foundation.files.schema import WrongValue, conform
from limner.foundation.machine.memory import check_memory
from limner.foundation.unexpected import one_line

Schema = TypeVar("Schema")

DEEPEST = 64
"""Lists in lists: more than any file of limner's has."""
BYTES_OF_A_BYTE = 12
"""What a byte of JSON becomes in memory, at most about."""


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


def as_record(value: Any, schema: type[Schema], source: str, advice: str, place: str = "") -> Schema:
    """Plain values as an instance of a schema, most often a dataclass: see `limner.foundation.files.schema.conform`.

    source: what to call the document. advice: what to do where it is another. place: where in the document the value
    stands, none for the whole. Raises `UserError` that names the value, what it is and what it must be.
    """
    try:
        return conform(value, schema, place)
    except WrongValue as error:
        raise UserError(f"{source}: {error}; {advice}") from None
