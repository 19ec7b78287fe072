"""The same command finds its work done: what a result was made from is kept in a record beside it.

All verbs keep the same record, a JSON file: ``format``, the version of ``limner``, the ``request`` (plain values that
decide the result; files by what they hold, see `limner.foundation.files.dependencies`), and what the verb tells of the
result. A file that is no such record, whoever wrote it, is refused in one line and never replaced unasked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import content_of, digests
from limner.foundation.files.documents import read_json
from limner.foundation.files.schema import WrongValue, conform
from limner.foundation.files.writing import alone_with, remove, replacing, write_json
from limner.foundation.version import __version__

FORMAT = 2
"""Of records; those of format 1 did not say so, and knew files by their names, sizes and times alone."""
CHOICE = "choose another --out or add --overwrite"
WORDS = {
    "picture": "another picture", "pictures": "other pictures", "scene": "another scene file", "model": "another model",
    "like": "other references", "look": "another look", "mask": "another mask", "like_mask": "another reference mask",
    "key": "another key photo", "colors": "other colors of the run",
}  # fmt: skip
"""What it means that one of these differs between two requests; their values say nothing to people."""
Told = TypeVar("Told")


class _Envelope(TypedDict):
    format: int
    limner: str
    request: dict[str, Any]


class NotARecordError(UserError):
    """A file where a record would be is none."""


@dataclass(frozen=True)
class Record(Generic[Told]):
    """What a result was made from, and all that the record tells, the request among it."""

    request: dict[str, Any]
    told: Told

    def is_of(self, request: Mapping[str, Any]) -> bool:
        """Whether the result was made by this very request."""
        return bool(self.request == plain(request))


def read_record(path: Path, kind: type[Told]) -> Record[Told] | None:
    """The record at ``path``, None where there is none.

    kind: a `TypedDict` of what the verb tells. Raises `NotARecordError` for a file that is no such record.
    """
    try:
        found = read_json(path, CHOICE)
        if isinstance(found, dict) and "limner" in found and "format" not in found:
            raise NotARecordError(
                f"{path}: is of an earlier limner, which knew files by their sizes and times alone; {CHOICE}"
            )
        envelope = conform(found, _Envelope)
        if envelope["format"] != FORMAT:
            raise WrongValue(f"format {envelope['format']}, this limner reads {FORMAT}")
        return Record(envelope["request"], conform(found, kind))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotARecordError(f"{path}: cannot be read ({error.strerror}); {CHOICE}") from None
    except WrongValue as error:
        raise NotARecordError(f"{path}: is not a record of limner's ({error}); {CHOICE}") from None
    except UserError as error:
        raise NotARecordError(str(error)) from None


def write_record(path: Path, request: Mapping[str, Any], told: Mapping[str, Any] | None = None) -> None:
    """Write a record, whole or not at all. told: plain values about the result, by name."""
    write_json(path, {"format": FORMAT, "limner": __version__, "request": plain(request), **(told or {})})


def plain(request: Mapping[str, Any]) -> Any:
    """The request as JSON gives it back: tuples are lists, numbers and texts are themselves."""
    return json.loads(json.dumps(request))


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In words, what differs between two requests."""
    now = plain(now)
    changed = [name for name in now if name not in before or before[name] != now[name]]
    told = (WORDS.get(name) or f"{name} {before.get(name)}, now {now[name]}" for name in changed)
    return ", ".join(dict.fromkeys(told)) or "options that this limner does not have"


# A result that is one file or folder, with its record beside it.


class Numbers(TypedDict):
    """What the record of one file tells: numbers about the result, by name."""

    numbers: dict[str, Any]


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


@dataclass(frozen=True)
class Account:
    """What a maker tells of the file that it wrote; see `Made`."""

    numbers: Mapping[str, Any] = field(default_factory=dict)
    others: Sequence[Path] = ()
    notes: Sequence[str] = ()


def record_of(result: Path) -> Path:
    """Where the record of a file lies."""
    return result.with_name(f"{result.name}.json")


def make_once(
    result: Path,
    request: Mapping[str, Any],
    make: Callable[[Path], Account],
    *,
    overwrite: bool = False,
    kind: type[Any] = Numbers,
) -> Made:
    """A file or folder that is found where the same request made it before, else made, with its record beside it.

    The record comes first: where a command is killed between the two, the same one makes the result again. Another
    command that makes the same result is waited for.

    make: writes the result to a path that it is given. kind: what the record must tell, ``numbers`` among it. Raises
    `UserError` where something else has that name or the result was changed since, unless ``overwrite``.
    """
    if (before := _made_before(result, request, kind, overwrite)) is not None:  # nothing is written, not even a lock
        return before
    with alone_with(result):
        if (before := _made_before(result, request, kind, overwrite)) is not None:  # by whom we waited for
            return before
        with replacing(result) as temporary:
            done = make(temporary)
            for former in (result, record_of(result)):  # no moment shall see one's record beside the other's result
                remove(former)
            write_record(record_of(result), request, {"numbers": done.numbers, "holds": _contents(temporary)})
    return Made(result, done.numbers, others=done.others, notes=done.notes)


def _made_before(result: Path, request: Mapping[str, Any], kind: type[Any], overwrite: bool) -> Made | None:
    if overwrite or not result.exists():
        return None
    record = read_record(record_of(result), kind)
    if record is None:
        raise UserError(f"{result}: is there already, made from something else (it has no record); {CHOICE}")
    if not record.is_of(request):
        changed = changes(record.request, request)
        raise UserError(f"{result}: is there already, made from something else ({changed}); {CHOICE}")
    if record.told.get("holds", (now := _contents(result))) != now:  # records of before do not say
        raise changed_since(result)
    return Made(result, record.told["numbers"], skipped=True)


def changed_since(result: Path) -> UserError:
    """What is said of a result that is no longer what its record tells."""
    return UserError(
        f"{result}: was changed since limner made it; keep it under another name, or make it again by --overwrite"
    )


def _contents(result: Path) -> str:
    """16 hexadecimal digits that change with what a file, or the files of a folder, hold; hidden ones are left out."""
    told = sha256()
    for path in sorted(result.rglob("*")) if result.is_dir() else [result]:
        name = path.relative_to(result)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            told.update(f"{name.as_posix()}\n{content_of(path)}\n".encode("utf-8", "surrogateescape"))
    return told.hexdigest()[:16]


def refuse_own_results(pictures: Sequence[Path]) -> None:
    """Raise `UserError` where one of the pictures was made from another of them by an earlier command."""
    by_digest = dict(zip(digests(pictures), pictures, strict=True))
    for path in pictures:
        try:
            record = read_record(record_of(path), Numbers)
        except NotARecordError:
            continue  # somebody else's file beside a picture
        source = by_digest.get(str(record.request.get("picture"))) if record is not None else None
        if source is not None and source != path:
            raise UserError(
                f"{path}: was made from {source.name}, which is given too; leave it out, or use another --out"
            )
