"""What a clip shows, as a sentence."""

from collections.abc import Sequence

from limner.foundation.files.suffixes import VIDEOS
from limner.studio.fields import FileField, RunField, Values
from limner.studio.page import Block, Output, Page, facts, files
from limner.studio.pages.addresses import named_file

FILE, NOTHING = "captions.csv", "no word"
SHOWN_MOVING = (".gif",)
PLAYED = (".mp4", ".webm")
"""Clips that browsers play; others are told, not shown."""


def words(values: Values, place: str) -> list[str]:
    """`limner caption`."""
    return ["caption", values["run"], values["clip"], "--out", f"{place}/{FILE}"]


def show(output: Output) -> Sequence[Block]:
    """The clip and its sentence."""
    said = output.as_json()
    if not said:
        return []
    (sentence,) = said.values()
    clip = output.job.values["clip"]
    blocks: list[Block] = [facts({"it says": sentence or NOTHING})]
    ending = clip.lower().rpartition(".")[2]
    if f".{ending}" in (*SHOWN_MOVING, *PLAYED):
        source = named_file(clip)
        blocks.append({"kind": "clip", "source": source, "moves": f".{ending}" in SHOWN_MOVING, "caption": clip})
    there = [(output.named(path), "the sentence as a table") for path in output.below(FILE)]
    return [*blocks, files(there)]


CAPTION = Page(
    name="caption",
    short="Caption",
    title="Say what a clip shows",
    line="A sentence for a clip, in the words that a run has learned.",
    fields=(
        FileField(
            "clip", "Clip", "A video or a GIF of two frames or more.", needed=True, suffixes=(*VIDEOS, *SHOWN_MOVING)
        ),
        RunField(
            "run", "Run", "One that learned clips with sentences (recipe generate/captions).", needed=True,
            room="generate", tasks=("generate-captions",),
        ),
    ),
    words=words,
    show=show,
    begin="Say it",
    as_json=True,
)  # fmt: skip
