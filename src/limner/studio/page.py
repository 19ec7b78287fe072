"""A page of the studio: what it asks for, the command that follows, and what is shown of the result."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.studio.fields import Field, Values
from limner.studio.folder import Folder
from limner.studio.jobs import Job

Block = Mapping[str, Any]
"""A part of a result: what the template shows by its "kind"."""


@dataclass(frozen=True)
class Output:
    """What a job has left so far. place: its own folder. printed: what it wrote to stdout."""

    folder: Folder
    job: Job
    place: Path
    printed: str
    jobs: Sequence[Job] = ()
    """All of the folder, the newest first."""

    def as_json(self) -> Any:
        """What it printed, of a job that prints JSON; None as long as that is not whole."""
        try:
            return json.loads(self.printed)
        except ValueError:
            return None

    def named(self, path: Path) -> str:
        """A file of the result as addresses name it."""
        return self.folder.named(path.resolve())

    def below(self, *patterns: str) -> list[Path]:
        """Files in the job's folder, by name."""
        return sorted(path for pattern in patterns for path in self.place.glob(pattern) if path.is_file())


def nothing(_: Output) -> list[Block]:
    """Of a page that shows nothing while it works."""
    return []


@dataclass(frozen=True)
class Page:
    """A page. name: in its address and of its jobs. short: in the menu.

    words: the command's words from what was given and the job's own folder, as the command writes it. show: what a
    finished job is shown as. live: what one at work is. writes: whether the command writes a run, and its folder.
    """

    name: str
    short: str
    title: str
    line: str
    fields: Sequence[Field]
    words: Callable[[Values, str], list[str]]
    show: Callable[[Output], Sequence[Block]]
    live: Callable[[Output], Sequence[Block]] = nothing
    begin: str = "Start"
    as_json: bool = False
    run_name: Callable[[Values], str] | None = None
    """Of a page whose jobs write a run: what the run is called, if it has a name; a number follows where that is
    taken."""
    note: str = ""
    verb: str = ""
    """Of the command, where the page has another name."""

    @property
    def command(self) -> str:
        """How the page's command begins."""
        return f"limner {self.verb or self.name}"


def text(words: str, *, caution: bool = False) -> Block:
    """A paragraph; caution: one that says that a result may mislead."""
    return {"kind": "caution" if caution else "text", "text": words}


def facts(named: Mapping[str, object]) -> Block:
    """Named values that catch the eye."""
    return {"kind": "facts", "facts": [(name, str(value)) for name, value in named.items()]}


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> Block:
    """A table, its first column names."""
    return {"kind": "table", "heads": heads, "rows": rows, "caption": caption}


def layers(base: str, over: Sequence[Mapping[str, Any]], caption: str) -> Block:
    """A picture with others over it that can be switched and made paler. over: each with name, source, and on."""
    return {"kind": "layers", "base": base, "over": over, "caption": caption}


def comparison(before: str, after: str, names: tuple[str, str], caption: str) -> Block:
    """Two pictures of one size under a slider."""
    return {"kind": "comparison", "before": before, "after": after, "names": names, "caption": caption}


def pictures(shown: Sequence[tuple[str, str]], caption: str, *, pixels: bool = False) -> Block:
    """Pictures side by side, each an address and a label; pixels: small ones, enlarged without smoothing."""
    return {"kind": "pictures", "pictures": shown, "caption": caption, "pixels": pixels}


def files(named: Sequence[tuple[str, str]]) -> Block:
    """Files to download: each a path in the folder and what it is."""
    return {"kind": "files", "files": named}


def printed(words: str) -> Block:
    """Text as a command prints it."""
    return {"kind": "printed", "text": words}


def link(address: str, words: str) -> Block:
    """A way to go on. address: of a page of the studio, below the token."""
    return {"kind": "link", "address": address, "words": words}
