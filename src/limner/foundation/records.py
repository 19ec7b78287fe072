"""What became of each picture, kept beside it as ``<result>.json``: so the same command finds its work done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.foundation.dependencies import digests
from limner.foundation.errors import UserError
from limner.foundation.files import remove, replacing, write_json
from limner.foundation.version import __version__


@dataclass(frozen=True)
class Made:
    """What became of one picture. skipped: it was there already, made by the same command. others: more files of it.
    notes: what the user should know, one line each, the same words for the same thing."""

    path: Path
    numbers: Mapping[str, Any]
    skipped: bool = False
    others: Sequence[Path] = ()
    notes: Sequence[str] = ()

    def line(self) -> str:
        """For people."""
        if self.skipped:
            return f"{self.path.name}: was made before"
        told = [f"{self.numbers['seconds']:.1f} s"] if "seconds" in self.numbers else []
        if "closed" in self.numbers:
            told += [f"closes {self.numbers['closed']:.0%} of the color distance", f"SSIM {self.numbers['ssim']:.2f}"]
        if self.numbers.get("clipped", 0) >= 0.005:
            told.append(f"{self.numbers['clipped']:.1%} of the pixels clipped")
        return f"{self.path.name}: {', '.join(told) or 'done'}"


def record_of(result: Path) -> Path:
    """Where the record of a result lies."""
    return result.with_name(f"{result.name}.json")


@contextmanager
def recorded(result: Path, request: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A temporary path for a result, and a dictionary for its numbers; both get to their places when the block ends.

    The record comes first: where a command is killed between the two, the same one makes the result again. What a
    killed one left under a temporary name of this result is removed.
    """
    _remove_leftovers(result)
    numbers: dict[str, Any] = {}
    with replacing(result) as temporary:
        yield temporary, numbers
        write_json(record_of(result), {"limner": __version__, "request": request, "numbers": numbers})


def _remove_leftovers(result: Path) -> None:
    temporary = re.compile(rf"\.+{re.escape(result.stem)}(\.[0-9a-f]{{8}})+{re.escape(result.suffix)}")
    for path in result.parent.glob(".*") if result.parent.is_dir() else ():
        if temporary.fullmatch(path.name):
            remove(path)


def made_before(result: Path, request: Mapping[str, Any], overwrite: bool) -> Made | None:
    """The result of the same request, if it is there; None where there is work to do.

    Raises `UserError` where something else has that name, unless it may be replaced.
    """
    if overwrite or not result.exists():
        return None
    known = _read(result)
    if known.get("request") == json.loads(json.dumps(request)):
        return Made(result, known["numbers"], skipped=True)
    raise UserError(f"{result}: is there already, made from something else; choose another --out or add --overwrite")


def refuse_own_results(pictures: Sequence[Path]) -> None:
    """Raise `UserError` where one of the pictures was made from another of them by an earlier command."""
    by_digest = dict(zip(digests(pictures), pictures, strict=True))
    for path in pictures:
        source = by_digest.get(_read(path).get("request", {}).get("picture"))
        if source is not None:
            raise UserError(
                f"{path}: was made from {source.name}, which is given too; leave it out, or use another --out"
            )


def _read(result: Path) -> dict[str, Any]:
    try:
        known = json.loads(record_of(result).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and isinstance(known.get("request", {}), dict) else {}
