"""What a training on attributes leaves for people: pictures given and drawn again, and what the report tells."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from limner.learning.runs.rows_outcome import RowsOutcome
from limner.learning.runs.score_rows import ScoreRows
from limner.reporting.pictures import captioned_rows
from limner.translate.data.attributes import AttributeSet
from limner.translate.measures.attribute_measure import redrawn
from limner.translate.networks.icgan import Redrawing
from limner.translate.training.attributes.recipe import AttributeRecipe
from limner.translate.training.pairs.outcome import as_array

CELL_PX = 144
LATENTS = "drawn of latents"


def edits_grid(
    data: AttributeSet, places: Tensor, more: Sequence[tuple[str, Tensor]] = (), *, network: Redrawing | None = None
) -> np.ndarray:
    """(H, W, 3) uint8: a row of given pictures, and others below.

    more: captions and pictures, (n, C, S, S) uint8. network: draws them again, and once with each attribute changed.
    """
    rows = [data.pictures[places], *(pictures for _, pictures in more)]
    captions = [[caption] * len(places) for caption in ("given", *(caption for caption, _ in more))]
    if network is not None:
        rows.append(redrawn(network, data, places))
        captions.append(["drawn again"] * len(places))
        for number, name in enumerate(data.names):
            rows.append(redrawn(network, data, places, number))
            had = (data.attributes[places, number] > 0).tolist()
            captions.append([f"not {name}" if each else name for each in had])
    shown = [[as_array(picture.float() / 255) for picture in row] for row in rows]
    return captioned_rows(shown, captions, cell_px=CELL_PX)


def attribute_outcome(
    recipe: AttributeRecipe, data: AttributeSet, places: Tensor, network: Redrawing, drawn: Tensor, scores: ScoreRows,
    *, held_out: int,
) -> RowsOutcome:  # fmt: skip
    """What a training came to.

    places: (n,) int64, the pictures that are shown. network: draws them again. drawn: (n, C, S, S) uint8, pictures
    drawn of latents with their attributes. held_out: how many pictures were.
    """
    return RowsOutcome(
        recipe=recipe,
        what=f"Draws pictures of {recipe.data.size_px} px again with other attributes: {', '.join(data.names)}.",
        data=f"{data.summary()}; {held_out} pictures were held out",
        paths=recipe.data.paths,
        scores=scores,
        pictures={
            "edits.png": (
                edits_grid(data, places, network=network), "given, drawn again, and with each attribute changed",
            ),
            "drawn.png": (
                edits_grid(data, places, [(LATENTS, drawn)]),
                "given, and below them pictures drawn of latents with their attributes",
            ),
        },
        not_for="Evidence. Whatever the latent does not hold is made up anew, in every pixel.",
        commands=(f"translate RUN PICTURE --attributes {data.names[0]}=1", "evaluate RUN"),
    )  # fmt: skip
