"""What a picture shows, and where in it that is seen."""

from collections.abc import Sequence

from limner.foundation.files.suffixes import PICTURES
from limner.reporting.tables import percent
from limner.studio.fields import ChoiceField, FileField, NumberField, RunField, Values
from limner.studio.page import Block, Output, Page, facts, files, pictures, table
from limner.studio.pages.addresses import file

NAMES = {"classes.json": "the answer for programs", "classes.csv": "the answer as a table"}


def words(values: Values, place: str) -> list[str]:
    """`limner classify`."""
    told = ["classify", values["run"], values["picture"], "--top", str(values["top"]), "--out", f"{place}/classified"]
    return told if values["evidence"] == "activation" else [*told, "--evidence", values["evidence"]]


def show(output: Output) -> Sequence[Block]:
    """The classes with their probabilities, and the evidence for the first."""
    found = output.as_json()
    if found is None:
        return []
    (answer,) = found["pictures"]
    rows = [(each["class"], f"{percent(each['probability'])} %") for each in answer["classes"]]
    drawn = output.below("classified/*.png")
    there = [(path, what) for name, what in NAMES.items() for path in output.below(f"classified/{name}")]
    return [
        facts({answer["class"]: f"{percent(answer['probability'])} %"}),
        pictures([(file(output, path), "") for path in drawn], "What the network was shown, and what spoke for it."),
        table(("class", "probability"), rows, "A probability is the network's own; it knows no other classes."),
        files([(output.named(path), what) for path, what in there]),
    ]


CLASSIFY = Page(
    name="classify",
    short="Tell",
    title="Tell what a picture shows",
    line="The classes that a run has learned, with probabilities, and where in the picture they are seen.",
    fields=(
        FileField(
            "picture", "Picture", needed=True, suffixes=PICTURES, examples=(("dubai", "Dubai from above (bundled)"),)
        ),
        RunField("run", "Run", "One that learned to tell classes apart.", needed=True, room="classify"),
        NumberField("top", "Classes told", default=5, needed=True, minimum=1, maximum=50, more=True),
        ChoiceField(
            "evidence", "Evidence", "How it is found where a class is seen.", default="activation", needed=True,
            choices=(("activation", "activation of the last maps"), ("occlusion", "occlusion, square by square")),
            more=True,
        ),
    ),
    words=words,
    show=show,
    begin="Tell",
    as_json=True,
)  # fmt: skip
