"""What a network makes of a picture, layer by layer."""

from collections.abc import Sequence

from limner.foundation.files.suffixes import PICTURES
from limner.studio.fields import FileField, RunField, Values
from limner.studio.page import Block, Output, Page, files, link
from limner.studio.pages.addresses import file

FILE = "look.html"


def words(values: Values, place: str) -> list[str]:
    """`limner look`."""
    return ["look", values["run"], values["picture"], "--out", f"{place}/{FILE}"]


def show(output: Output) -> Sequence[Block]:
    """The page that the verb writes."""
    made = output.place / FILE
    if not made.exists():
        return []
    shown: Block = {"kind": "page", "source": file(output, made), "title": "What the network makes of the picture"}
    return [link(file(output, made), "Open it on a page of its own"), shown, files([(output.named(made), "the page")])]


LOOK = Page(
    name="look",
    short="Look",
    title="Look inside a network",
    line="Every layer of a network on one picture: maps, kernels, receptive fields, evidence.",
    fields=(
        FileField(
            "picture", "Picture", needed=True, suffixes=PICTURES, examples=(("dubai", "Dubai from above (bundled)"),)
        ),
        RunField("run", "Run", "A training of yours, or a bundled model.", needed=True),
    ),
    words=words,
    show=show,
    begin="Look",
)
