"""A photo in the colors of another, under a slider."""

from collections.abc import Sequence

from limner.foundation.files.suffixes import PICTURES
from limner.reporting.tables import percent
from limner.studio.fields import CheckField, ChoiceField, FileField, NumberField, Values
from limner.studio.page import Block, Output, Page, comparison, facts, files, link, pictures
from limner.studio.pages.addresses import file, given, shown

METHODS = (
    ("superpixel", "superpixel: region by region, by what is in them"),
    ("mkl", "mkl: one smooth map for the whole photo"),
    ("reinhard", "reinhard: mean and spread of each channel"),
    ("histogram", "histogram: each channel's whole distribution"),
    ("idt", "idt: the joint distribution"),
    ("idt-regrain", "idt-regrain: the same, its grain smoothed"),
    ("sct", "sct: superpixels by color alone"),
    ("gamut", "gamut: the range of colors"),
    ("xiao", "xiao: means and directions in RGB"),
    ("histogram-analogy", "histogram-analogy: a learned network, told of both histograms"),
)


def words(values: Values, place: str) -> list[str]:
    """`limner recolor`."""
    told = ["recolor", values["photo"], "--like", values["like"], "--out", f"{place}/recolored"]
    if values["method"] != "superpixel":
        told += ["--method", values["method"]]
    if values["strength"] != 1:
        told += ["--strength", f"{values['strength']:g}"]
    for name in ("mask", "like_mask"):
        if values[name] is not None:
            told += [f"--{name.replace('_', '-')}", values[name]]
    return [*told, *(f"--{name}".replace("_", "-") for name in ("keep_luminance", "page") if values[name])]


def show(output: Output) -> Sequence[Block]:
    """Before and after, the reference, numbers, files."""
    made = (output.as_json() or [None])[0]
    if made is None:
        return []
    after = output.folder.inside(made["path"])
    values = output.job.values
    before, like = given(output, values["photo"]), given(output, values["like"])
    numbers = {"color distance closed": f"{percent(made['closed'])} %"} if "closed" in made else {}
    if "ssim" in made:
        numbers["structure kept (SSIM)"] = f"{made['ssim']:.3f}"
    if "seconds" in made:
        numbers["made in"] = f"{made['seconds']:.1f} s"
    blocks: list[Block] = [
        comparison(
            before, shown(output, "scene", after), ("before", "after"), "Move the divider by mouse or arrow keys."
        ),
        facts(numbers),
        pictures([(like, "the reference")], "Whose colors it took."),
    ]
    page = after.with_name(f"{after.stem}-page.html")
    if page.exists():
        blocks.append(link(file(output, page), "Look at what was matched with what"))
    there = [(output.named(after), "the recolored photo, at its full size")]
    return [*blocks, files([*there, *((output.named(page), "the page") for page in [page] if page.exists())])]


RECOLOR = Page(
    name="recolor",
    short="Recolor",
    title="Recolor a photo",
    line="A photo takes the colors of another: grass from grass, sky from sky.",
    fields=(
        FileField(
            "photo", "Photo", "The one to change.", needed=True, suffixes=PICTURES,
            examples=(("dubai", "Dubai from above (bundled)"),),
        ),
        FileField(
            "like", "Reference", "Whose colors to take.", needed=True, suffixes=PICTURES,
            examples=(("kampala", "Kampala from above (bundled)"),),
        ),
        ChoiceField("method", "Method", default="superpixel", needed=True, choices=METHODS),
        NumberField(
            "strength", "Strength", "0: nothing changes, 1: the whole transfer.", default=1, needed=True, minimum=0,
            maximum=1, step=0.05, whole=False, slider=True,
        ),
        CheckField("keep_luminance", "Keep the lightness", "Change hue and chroma only.", more=True),
        CheckField("page", "Write the page of matched regions, too", more=True),
        FileField(
            "mask", "Mask", "Change only where this picture is white.", suffixes=PICTURES, more=True, easel="mask",
            over="photo",
        ),
        FileField(
            "like_mask", "Mask of the reference", "Take colors only from where it is white.", suffixes=PICTURES,
            more=True, easel="mask", over="like",
        ),
    ),
    words=words,
    show=show,
    begin="Recolor it",
    as_json=True,
)  # fmt: skip
