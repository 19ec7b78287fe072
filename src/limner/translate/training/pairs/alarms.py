"""Alarms of translations: the symptoms that users report for years, each a number with a name and a sentence.

They are measured on held-out pairs. An alarm that rings stops nothing: it says what to look at.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from limner.learning.alarms import Alarm
from limner.translate.degrading.looks import luma
from limner.translate.degrading.sizes import resized
from limner.translate.measures.color import color_spread

LEAST_PX = 32
PERIODS = (2, 4)
"""Of a checkerboard, in pixels: transposed convolutions with stride 2 leave these."""
NEIGHBORS = 6


ALARMS = (
    Alarm(
        "alarm/checkerboard", 4.0, True,
        "how strong the spectrum of made pictures is at periods of 2 and 4 px, over how strong that of true ones is",
        "checkerboard: made pictures repeat themselves every 2 or 4 px, {value:.1f} times as much as true ones; use "
        "--generator.upsample resize, or train longer",
    ),
    Alarm(
        "alarm/inversion", -0.2, False,
        "correlation of light and dark in made and true pictures, over pixels",
        "inversion: what should be light is dark (correlation {value:.2f}); begin again with another --seed, or add a "
        "content loss",
    ),
    Alarm(
        "alarm/nothing", 0.05, False,
        "how far made pictures are from their sources, over how far true ones are: 0, it changes nothing",
        "does nothing: made pictures are {value:.0%} as far from their sources as true ones; train longer, or with a "
        "higher learning rate",
    ),
    Alarm(
        "alarm/constant", 0.1, False,
        "how much made pictures differ from each other, over how much true ones do: 0, all are one picture",
        "constant: made pictures differ {value:.0%} as much as true ones; a larger weight of the content may help",
    ),
    Alarm(
        "alarm/pale", 0.5, False,
        "of gray pictures: how far made colors lie around their mean, over how far true ones do: 0, all is of one tint",
        "pale: made colors lie {value:.0%} as far around their mean as true ones: mostly gray, or one tint; train "
        "longer, on pictures whose colors can be told, or give --adversarial a weight",
    ),
    Alarm(
        "alarm/discriminator", 0.99, True,
        "share of true and made pictures that the discriminator tells apart",
        "a sure discriminator: it tells {value:.0%} of held-out and made pictures apart, and the generator learns "
        "little "
        "from it; give the content more weight or the discriminator a lower learning rate",
    ),
)  # fmt: skip


def alarms_of(sources: Sequence[Tensor], targets: Sequence[Tensor], made: Sequence[Tensor]) -> dict[str, float]:
    """The alarms' numbers of pairs, but the discriminator's. Each: (C, H, W) in [0, 1]; sources may be smaller."""
    found: dict[str, float] = {}
    large = [min(each.shape[1:]) >= LEAST_PX for each in targets]
    if any(large):
        kept = [[each for each, is_large in zip(all_of, large, strict=True) if is_large] for all_of in (made, targets)]
        found["alarm/checkerboard"] = stands_out(*kept) / max(stands_out(kept[1], kept[1]), 1e-6)
    found["alarm/inversion"] = correlation(made, targets)
    if all(source.shape == target.shape for source, target in zip(sources, targets, strict=True)):
        moved, wanted = (
            float(np.mean([float((one - source).abs().mean()) for one, source in zip(each, sources, strict=True)]))
            for each in (made, targets)
        )
        found["alarm/nothing"] = moved / max(wanted, 1e-6)
    if all(len(source) == 1 and len(target) == 3 for source, target in zip(sources, targets, strict=True)):
        found["alarm/pale"] = color_spread(made) / max(color_spread(targets), 1e-6)
    if len(made) > 1:
        spreads = [spread(each) for each in (made, targets)]
        found["alarm/constant"] = spreads[0] / max(spreads[1], 1e-6)
    return found


def stands_out(pictures: Sequence[Tensor], true: Sequence[Tensor]) -> float:
    """How strong the spectrum of pictures is at periods of 2 and 4 px, along rows, columns and both, in parts of what
    the true pictures have around these; the largest. About 1 for pictures without a pattern.

    Each: (C, H, W), sides of `LEAST_PX` or more.
    """
    strengths = []
    for picture, other in zip(pictures, true, strict=True):
        power, around = _power(picture), _power(other)
        places = _places(*power.shape)
        strengths.append([power[place] / max(_near(around, *place), 1e-12) for place in places])
    return float(np.exp(np.log(np.maximum(strengths, 1e-12)).mean(axis=0)).max())


def _power(picture: Tensor) -> np.ndarray:
    gray = luma(picture.float().cpu())[0].numpy().astype(np.float64)
    rows, columns = (side // 8 * 8 for side in gray.shape)
    part = gray[:rows, :columns] - gray[:rows, :columns].mean()
    power: np.ndarray = np.abs(np.fft.fft2(part * np.hanning(rows)[:, None] * np.hanning(columns))) ** 2
    return power


def _places(rows: int, columns: int) -> list[tuple[int, int]]:
    found = []
    for period in PERIODS:
        row, column = rows // period, columns // period
        found += [(row, 0), (0, column), (row, column)]
    return found


def _near(power: np.ndarray, row: int, column: int) -> float:
    """The median strength around a place, but for the nearest, which the window smears."""
    rows, columns = power.shape
    near = [
        power[(row + down) % rows, (column + right) % columns]
        for down in range(-NEIGHBORS, NEIGHBORS + 1)
        for right in range(-NEIGHBORS, NEIGHBORS + 1)
        if max(abs(down), abs(right)) > 2
    ]
    return float(np.median(near))


def correlation(made: Sequence[Tensor], targets: Sequence[Tensor]) -> float:
    """Pearson's correlation of the luma of all pixels, -1 to 1: below 0 where light and dark have changed places.

    made, targets: (C, H, W) in [0, 1], equal in number and sizes.
    """
    one, other = (torch.cat([luma(each.float().cpu()).flatten() for each in all_of]) for all_of in (made, targets))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / (one.norm() * other.norm()).clamp(min=1e-9))


def spread(pictures: Sequence[Tensor]) -> float:
    """The mean standard deviation over pictures, seen at 16 px."""
    small = torch.stack([resized(luma(each.float().cpu()), 16, 16, "area") for each in pictures])
    return float(small.std(dim=0).mean())
