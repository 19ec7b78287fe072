"""Pictures made into others by a run."""

from collections.abc import Sequence

from limner.foundation.files.suffixes import PICTURES
from limner.studio.fields import CheckField, FileField, NumberField, RunField, TextField, Values
from limner.studio.page import Block, Output, Page, comparison, facts, files, pictures
from limner.studio.pages.addresses import given, shown
from limner.studio.pictures import LONGEST_PX, size_of


def words(values: Values, place: str) -> list[str]:
    """`limner translate`."""
    told = ["translate", values["run"], values["picture"], "--out", f"{place}/translated"]
    if values["to"] is not None:
        told += ["--to", values["to"]]
    if values["mask"] is not None:
        told += ["--mask", values["mask"]]
    if values["tile_px"] != 256:
        told += ["--tile-px", str(values["tile_px"])]
    return [*told, "--check-seams"] if values["check_seams"] else told


def show(output: Output) -> Sequence[Block]:
    """Before and after."""
    made = (output.as_json() or [None])[0]
    if made is None:
        return []
    after = output.folder.inside(made["path"])
    before = output.folder.inside(output.job.values["picture"])
    numbers = {name.replace("_", " "): value for name, value in made.items() if isinstance(value, int | float)}
    addresses = given(output, output.job.values["picture"]), shown(output, "scene", after)
    (high, wide), (high_then, wide_then) = size_of(before, LONGEST_PX), size_of(after, LONGEST_PX)
    blocks: list[Block] = []
    if abs(high / wide - high_then / wide_then) < 0.02:  # of one shape, though one may be larger
        blocks.append(comparison(*addresses, ("given", "made"), "Move the divider by mouse or arrow keys."))
    else:
        blocks.append(pictures([(addresses[0], "given"), (addresses[1], "made")], ""))
    if numbers:
        blocks.append(facts({name: f"{value:.4g}" for name, value in numbers.items()}))
    return [*blocks, files([(output.named(after), "the made picture, at its full size")])]


TRANSLATE = Page(
    name="translate",
    short="Translate",
    title="Translate a picture",
    line="Larger, sharper, whole, a photo of labels: what the run has learned to make of a picture, tile by tile.",
    fields=(
        FileField(
            "picture", "Picture", "A photo or a scene, of any size.", needed=True, suffixes=PICTURES,
            examples=(("dubai", "Dubai from above (bundled)"),),
        ),
        RunField("run", "Run", "One that learned to translate.", needed=True, room="translate"),
        TextField("to", "Into", "Of a run that knows several kinds of pictures: the one to make.", more=True),
        FileField("mask", "Mask", "Of a run that fills holes: white where something is missing.", suffixes=PICTURES,
                  more=True, easel="mask", over="picture"),
        NumberField("tile_px", "Tile", "Side of a tile in pixels.", default=256, needed=True, minimum=16, maximum=8192,
                    more=True),
        CheckField("check_seams", "Measure what the tiles cost", more=True),
    ),
    words=words,
    show=show,
    begin="Translate it",
    as_json=True,
)  # fmt: skip
