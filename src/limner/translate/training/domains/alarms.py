"""Alarms of translations without pairs: symptoms that users of CycleGAN and StarGAN report, each a number."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import DUPLICATE_DISTANCE, nearest_distances
from limner.learning.alarms import Alarm
from limner.translate.data.thumbnails import thumbnails
from limner.translate.training.pairs.alarms import LEAST_PX, correlation, spread, stands_out

ALARMS = (
    Alarm(
        "alarm/checkerboard", 4.0, True,
        "how strong the spectrum of made pictures is at periods of 2 and 4 px, over how strong that of given ones is",
        "checkerboard: made pictures repeat themselves every 2 or 4 px, {value:.1f} times as much as given ones; use "
        "--generator.upsample resize, or train longer",
    ),
    Alarm(
        "alarm/inversion", -0.2, False,
        "correlation of light and dark in made and given pictures, over pixels",
        "inversion: what was light became dark (correlation {value:.2f}); begin again with another --seed, or a "
        "larger --identity",
    ),
    Alarm(
        "alarm/nothing", 2.0, False,
        "how far made pictures are from the given ones, in levels of 255",
        "does nothing: made pictures are {value:.1f} levels from the given ones; train longer, or with less --cycle "
        "and --identity",
    ),
    Alarm(
        "alarm/constant", 0.2, False,
        "how much made pictures differ from each other, over how much given ones do: 0, all are one picture",
        "constant: made pictures differ {value:.0%} as much as given ones; a larger --cycle or --constancy, "
        "whichever the recipe has, may help",
    ),
    Alarm(
        "alarm/discriminator", 0.99, True,
        "share of held-out and made pictures that the discriminators tell apart",
        "sure discriminators: they tell {value:.0%} of held-out and made pictures apart, and the generators learn "
        "little from them; give them a lower learning rate",
    ),
    Alarm(
        "alarm/copies", 0.2, True,
        "share of made pictures that are near-duplicates of a picture of their domain that was learned from, over "
        "thumbnails; where a domain's own held-out pictures are no less, it means nothing",
        "memory: {value:.0%} of the made pictures are near-duplicates of learned ones; look at them in the report",
    ),
)  # fmt: skip


def domain_alarms(sources: Sequence[Tensor], made: Sequence[Tensor], learned: Sequence[Tensor]) -> dict[str, float]:
    """The alarms' numbers of one direction, but the discriminators'.

    sources, made: (C, H, W) in [0, 1], one made of each source. learned: pictures of the domain, uint8 or such, that
    were learned from.
    """
    found: dict[str, float] = {}
    large = [place for place, each in enumerate(sources) if min(each.shape[1:]) >= LEAST_PX]
    if large:
        ours, theirs = ([all_of[place] for place in large] for all_of in (made, sources))
        found["alarm/checkerboard"] = stands_out(ours, ours) / max(stands_out(theirs, theirs), 1e-6)
    found["alarm/inversion"] = correlation(made, sources)
    found["alarm/nothing"] = 255 * float(
        np.mean([float((one - source).abs().mean()) for one, source in zip(made, sources, strict=True)])
    )
    if len(made) > 1:
        found["alarm/constant"] = spread(made) / max(spread(sources), 1e-6)
    near = nearest_distances(thumbnails(made), thumbnails(learned)) <= DUPLICATE_DISTANCE
    found["alarm/copies"] = float(near.float().mean())
    return found


def worst(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of several directions, each alarm's number where it is nearest to ringing."""
    above = {alarm.name: alarm.above for alarm in ALARMS}
    names = dict.fromkeys(name for each in found for name in each)
    return {name: (max if above[name] else min)(each[name] for each in found if name in each) for name in names}


@torch.no_grad()
def told_apart(real_logits: Tensor, fake_logits: Tensor, boundary: float) -> float:
    """Share of logits, of any shape, on the right side of what means neither."""
    right = [(real_logits > boundary).float().mean(), (fake_logits < boundary).float().mean()]
    return float(torch.stack(right).mean())
