"""Styles mixed: the form of one picture, the colors of another."""

from collections.abc import Sequence

from limner.foundation.errors import UserError
from limner.studio.fields import TextField, Values
from limner.studio.page import Block, Output, Page, files, pictures
from limner.studio.pages.addresses import file
from limner.studio.pages.generate import PICTURE_RUN, SEED, TRUNCATION, sampling

MOST_MIXED = 12


def words(values: Values, place: str) -> list[str]:
    """`limner generate --mix`."""
    numbers = values["mixed"].replace(" ", "").split(",")
    if not 2 <= len(numbers) <= MOST_MIXED or not all(number.isdecimal() and len(number) < 7 for number in numbers):
        raise UserError(
            f"Pictures is '{values['mixed']}'; needed: 2 to {MOST_MIXED} numbers of pictures, such as 0,3,5"
        )
    return ["generate", values["run"], "--mix", ",".join(numbers), *sampling(values), "--out", f"{place}/generated"]


def show(output: Output) -> Sequence[Block]:
    """The sheet."""
    made = output.below("generated-mix-*.png")
    caption = "First row and first column: the pictures. Within: form of the row's, colors and details of the column's."
    shown: list[Block] = [{**pictures([(file(output, path), "")], caption), "one": True} for path in made]
    return [*shown, files([(output.named(path), "the sheet") for path in made])]


STYLES = Page(
    name="styles",
    short="Mix",
    title="Mix styles",
    line="The form of one picture with the colors and details of another, of a run that learned styles.",
    fields=(
        PICTURE_RUN,
        TextField("mixed", "Pictures", "Their numbers in the seed, separated by commas.", default="0,3,5", needed=True),
        SEED,
        TRUNCATION,
    ),
    words=words,
    show=show,
    begin="Mix them",
    verb="generate",
    note="Runs of generate/stylegan2 and generate/stylegan2-light have styles; others say that they have none.",
)
