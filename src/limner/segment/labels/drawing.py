"""Picture, truth and errors side by side, and what their colors mean."""

from collections.abc import Mapping, Sequence

import numpy as np

from limner.reporting.pictures import (
    ERROR_COLORS,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    GRAY,
    TRUE_POSITIVE,
    captioned_rows,
    class_colors,
    error_map,
    legend,
    overlay,
    to_display,
)
from limner.scenes.windows import Pixels
from limner.segment.labels.forms import background_of

TILE_PX = 320
KINDS = {"found": TRUE_POSITIVE, "invented": FALSE_POSITIVE, "missed": FALSE_NEGATIVE}
RIGHT = (185, 185, 185)  # about the gray of the dimmed picture under errors


def colors_key(class_names: Sequence[str], *, truth: bool) -> dict[str, Sequence[int]]:
    """What the colors of errors mean, for `legend`; of two classes, the truth's too where it is shown."""
    colors: list[Sequence[int]] = class_colors(len(class_names)).tolist()
    key: dict[str, Sequence[int]] = {}
    if len(class_names) > 2:
        key |= {**dict(zip(class_names, colors, strict=True)), "right": RIGHT}
    else:
        key |= {f"truth: {class_names[1]}": colors[1]} if truth else {}
        key |= {name: ERROR_COLORS[kind] for name, kind in KINDS.items()}
    return {**key, "not labelled (hatched)": GRAY}


def how_to_read(class_names: Sequence[str]) -> str:
    """A sentence that tells what the errors' colors mean."""
    if len(class_names) > 2:
        return "Errors: what is right is gray; a wrong pixel has the color of the class it was called."
    return "Errors: found green, invented red, missed blue."


def draw_triple(
    pixels: Pixels, truth: np.ndarray, prediction: np.ndarray, class_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picture, its truth and its errors, each (H, W, 3) uint8, of pixels and two (H, W) masks, 255 = ignore."""
    shown, classes = to_display(pixels.values, pixels.valid), len(class_names)
    colored = overlay(shown, truth, class_colors(classes), background=background_of(class_names))
    return shown, colored, error_map(shown, truth, prediction, classes)


def draw_triples(
    triples: Sequence[Sequence[np.ndarray]],
    class_names: Sequence[str],
    captions: Sequence[Sequence[str]] = (),
    *,
    abreast: int = 1,
    title: str = "",
) -> np.ndarray:
    """Triples of `draw_triple` below one another, ``abreast`` in a row, and what their colors mean; (H, W, 3) uint8."""
    starts = range(0, len(triples), abreast)
    sheet = captioned_rows(
        [[picture for triple in triples[start : start + abreast] for picture in triple] for start in starts],
        [[text for texts in captions[start : start + abreast] for text in texts] for start in starts],
        heads=("picture", "truth", "errors" if len(class_names) == 2 else "errors, as called") * abreast,
        cell_px=TILE_PX,
        title=title,
    )
    return with_key(sheet, colors_key(class_names, truth=True))


def with_key(sheet: np.ndarray, key: Mapping[str, Sequence[int]]) -> np.ndarray:
    """A sheet below what its colors mean."""
    return np.vstack([legend(key, sheet.shape[1]), sheet])
