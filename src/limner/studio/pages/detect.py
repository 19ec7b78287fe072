"""Objects in a picture, under a threshold that is moved."""

from collections.abc import Sequence

from limner.foundation.files.suffixes import PICTURES
from limner.studio.fields import FileField, NumberField, RunField, Values
from limner.studio.page import Block, Output, Page, files, text
from limner.studio.pages.addresses import given

LEAST = 0.05
"""Scores from here on are found, so that the slider can show more or less."""
SHOWN_FROM = 0.5
NAMES = {
    "detections.json": "objects in COCO's form",
    "detections.csv": "objects as a table",
    "counts.csv": "counts of each picture",
}


def words(values: Values, place: str) -> list[str]:
    """`limner detect`."""
    told = ["detect", values["run"], values["picture"], "--min-score", f"{LEAST:g}", "--most", str(values["most"])]
    return [*told, "--out", f"{place}/found"]


def show(output: Output) -> Sequence[Block]:
    """The picture with its boxes."""
    found = output.as_json()
    if found is None:
        return []
    names = {each["id"]: each["name"] for each in found["categories"]}
    picture = found["images"][0]
    boxes = [
        {"box": each["bbox"], "score": each["score"], "name": names[each["category_id"]]}
        for each in sorted(found["annotations"], key=lambda each: -each["score"])
    ]
    size = picture["width"], picture["height"]
    shown: Block = {
        "kind": "boxes", "source": given(output, output.job.values["picture"]), "size": size,
        "boxes": boxes, "from": SHOWN_FROM,
        "caption": f"Found with a score of {LEAST:g} or more; the slider says from which score on they are shown.",
    }  # fmt: skip
    drawn = [(path, "the picture with all boxes") for path in output.below("found/*.jpg")]
    there = [(path, what) for name, what in NAMES.items() for path in output.below(f"found/{name}")]
    nothing = [] if boxes else [text("Nothing was found.", caution=True)]
    return [*nothing, shown, files([(output.named(path), what) for path, what in (*there, *drawn)])]


DETECT = Page(
    name="detect",
    short="Find",
    title="Find objects",
    line="Boxes around the objects that a run has learned to find, each with a score.",
    fields=(
        FileField(
            "picture", "Picture", "A photo, or a piece of a scene.", needed=True, suffixes=PICTURES,
            examples=(("dubai", "Dubai from above (bundled)"),),
        ),
        RunField("run", "Run", "One that learned to find objects.", needed=True, room="detect"),
        NumberField("most", "At most", "Objects, the surest.", default=100, needed=True, minimum=1, maximum=1000,
                    more=True),
    ),
    words=words,
    show=show,
    begin="Find them",
    as_json=True,
)  # fmt: skip
