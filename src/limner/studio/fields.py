"""What a page asks for: fields with a label and a line of help, and what was given held against them."""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from limner.foundation.errors import UserError
from limner.studio.folder import Folder

Values = Mapping[str, Any]
"""What was given, by the fields' names, checked; None where nothing was."""
LONGEST_TEXT = 500
SETTING = re.compile(r"--[a-z][\w.-]*")
PLAIN_VALUE = re.compile(r"[\w.,+%=-]+")


@dataclass(frozen=True)
class Field:
    """A field that takes a line of text. name: in requests. needed: whether it may stay empty."""

    kind: ClassVar[str] = "text"
    name: str
    label: str
    help: str = ""
    default: Any = ""
    needed: bool = False
    more: bool = False
    """Whether it stands below "More options"."""

    def read(self, given: Any, folder: Folder) -> Any:
        """The value of what a request gave, None for nothing. Raises `UserError` for what it cannot be."""
        if given in (None, "", []):
            if self.needed:
                raise UserError(f"{self.label} is missing: {self.help or 'it is needed'}")
            return None
        return self.checked(given, folder)

    def checked(self, given: Any, folder: Folder) -> Any:
        """The value of what was given."""
        return self._text(given)

    def _text(self, given: Any) -> str:
        if not isinstance(given, str) or len(given) > LONGEST_TEXT or not given.isprintable():
            raise UserError(f"{self.label}: needed is a line of at most {LONGEST_TEXT} letters")
        return given.strip()


@dataclass(frozen=True)
class TextField(Field):
    """A word or a sentence that becomes an option's value; what begins like an option is refused."""

    def checked(self, given: Any, folder: Folder) -> str:
        text = self._text(given)
        if text.startswith("-"):
            raise UserError(f"{self.label} is '{text}'; needed: a word that does not begin with -")
        return text


@dataclass(frozen=True)
class NameField(Field):
    """The name of a new folder, without a place."""

    def checked(self, given: Any, folder: Folder) -> str:
        text = self._text(given)
        if not re.fullmatch(r"\w[\w.-]{0,60}", text):
            raise UserError(f"{self.label} is '{text}'; needed: letters, digits, - and _, such as roofs-1")
        return text


@dataclass(frozen=True)
class NumberField(Field):
    """A number between bounds. whole: whether it has no fraction."""

    kind: ClassVar[str] = "number"
    minimum: float = 0
    maximum: float = math.inf
    step: float = 1
    whole: bool = True
    slider: bool = False
    """Whether a slider stands beside it; of one with both bounds."""

    def checked(self, given: Any, folder: Folder) -> float | int:
        try:
            value = int(str(given)) if self.whole else float(str(given))
        except ValueError:
            value = math.nan
        if not self.minimum <= value <= self.maximum:
            upper = "" if self.maximum == math.inf else f" to {self.maximum:g}"
            raise UserError(f"{self.label} is '{str(given)[:40]}'; needed: a number from {self.minimum:g}{upper}")
        return value


@dataclass(frozen=True)
class CheckField(Field):
    """On or off."""

    kind: ClassVar[str] = "check"
    default: Any = False

    def read(self, given: Any, folder: Folder) -> bool:
        if given not in (None, "", True, False):
            raise UserError(f"{self.label}: needed is on or off")
        return bool(given)


@dataclass(frozen=True)
class ChoiceField(Field):
    """One of some words, each with what is shown for it."""

    kind: ClassVar[str] = "choice"
    choices: Sequence[tuple[str, str]] | Callable[[], Sequence[tuple[str, str]]] = ()

    def entries(self) -> Sequence[tuple[str, str]]:
        """The words and what is shown for each."""
        return self.choices() if callable(self.choices) else self.choices

    def checked(self, given: Any, folder: Folder) -> str:
        words = [word for word, _ in self.entries()]
        if given not in words:
            raise UserError(f"{self.label} is '{str(given)[:40]}'; needed: one of {', '.join(words)}")
        return str(given)


@dataclass(frozen=True)
class RunField(Field):
    """A run of a room, or a bundled model."""

    kind: ClassVar[str] = "run"
    room: str = ""
    """Empty: of any room."""
    tasks: Collection[str] = ()
    """Empty: of any task of the room."""

    def checked(self, given: Any, folder: Folder) -> str:
        if given not in folder.run_names():
            raise UserError(f"{self.label} is '{str(given)[:80]}'; needed: a run of the list, or a bundled model")
        return str(given)


@dataclass(frozen=True)
class FileField(Field):
    """A file in the folder, which may be uploaded first, or made by drawing over a picture.

    examples: names of bundled ones. easel: what is drawn: objects, ground, or a mask; over: the field that names the
    picture.
    """

    kind: ClassVar[str] = "file"
    suffixes: Collection[str] = ()
    examples: Sequence[tuple[str, str]] = ()
    easel: Literal["", "objects", "ground", "mask"] = ""
    over: str = ""

    def checked(self, given: Any, folder: Folder) -> str:
        path = folder.there(self._text(given))
        if not path.lower().endswith(tuple(self.suffixes)):
            raise UserError(f"{path}: {self.label} ends in {', '.join(sorted(self.suffixes))}; choose such a file")
        return path


@dataclass(frozen=True)
class FolderField(Field):
    """A folder in the folder. examples: names of bundled ones."""

    kind: ClassVar[str] = "folder"
    examples: Sequence[tuple[str, str]] = ()

    def checked(self, given: Any, folder: Folder) -> str:
        path = folder.there(self._text(given))
        if not folder.inside(path).is_dir():
            raise UserError(f"{path}: is a file; {self.label} is a folder")
        return path


@dataclass(frozen=True)
class SettingsField(Field):
    """Settings of a recipe as the command line writes them: pairs of ``--name value``, of values that name no place."""

    def checked(self, given: Any, folder: Folder) -> str:
        words = self._text(given).split()
        for name, value in zip(words[::2], [*words[1::2], ""], strict=False):
            if not SETTING.fullmatch(name) or not PLAIN_VALUE.fullmatch(value) or value.startswith("--"):
                raise UserError(f"{self.label}: '{name} {value}'; needed: pairs such as --epochs 20, without / in them")
        return " ".join(words)


def read_all(fields: Sequence[Field], given: Any, folder: Folder) -> dict[str, Any]:
    """The value of each field of what a request gave. Raises `UserError` for the first that cannot be."""
    if not isinstance(given, dict) or (unknown := set(given) - {field.name for field in fields}):
        what = ", ".join(sorted(map(str, unknown))) if isinstance(given, dict) else "no fields"
        raise UserError(f"the page sent {what[:80]}, which it does not have; load it again")
    return {field.name: field.read(given.get(field.name, field.default), folder) for field in fields}
