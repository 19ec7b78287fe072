"""Looking at data before training on it."""

from collections.abc import Sequence

from limner.learning.rooms import rooms_with
from limner.studio.fields import ChoiceField, FolderField, TextField, Values
from limner.studio.page import Block, Output, Page, pictures, printed
from limner.studio.pages.addresses import PLACES, file

SHEET = "check.png"


def words(values: Values, place: str) -> list[str]:
    """`limner check`."""
    told = ["check", values["data"], "--out", f"{place}/{SHEET}"]
    if values["room"] != "segment":
        told += ["--room", values["room"]]
    return told if values["target"] is None else [*told, "--target", values["target"]]


def show(output: Output) -> Sequence[Block]:
    """What it says, and the contact sheet."""
    sheet = output.place / SHEET
    blocks: list[Block] = [printed(output.printed)] if output.printed else []
    if sheet.exists():
        blocks.append(pictures([(file(output, sheet), "the contact sheet")], "Do the labels lie on the objects?"))
    return blocks


def rooms() -> list[tuple[str, str]]:
    """The rooms that read data."""
    return [(name, f"{name}: {room.line}") for name, room in rooms_with("check").items()]


CHECK = Page(
    name="check",
    short="Check",
    title="Check data",
    line="How a folder of data is read, what is wrong with it, and how to train on it.",
    fields=(
        FolderField(
            "data",
            "Data",
            "A folder of pictures with what they show; see the pages on data.",
            needed=True,
            examples=PLACES,
        ),
        ChoiceField("room", "Room", "What is to be learned from it.", default="segment", needed=True, choices=rooms),
        TextField("target", "Object", "For maps: the class that is mapped, such as building.", more=True),
    ),
    words=words,
    show=show,
    begin="Check it",
)
