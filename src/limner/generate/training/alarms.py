"""Alarms of a training: each a number with a name, and a sentence for the time when it rings.

The numbers are shares and ratios, so that one threshold serves pictures of all sizes and features of all networks. An
alarm that rings stops nothing: it says what to look at.
"""

import torch
from torch import Tensor

from limner.learning.alarms import Alarm

BLOCK = 1024
"""Rows of a table of distances that are in memory at once."""


ALARMS = (
    Alarm(
        "alarm/diversity", 0.5, False,
        "distance of a made picture to the made one most like it, in features, over the same among as many real ones",
        "collapse: made pictures lie {value:.2f} times as far apart as real ones; more augmentation, a lower learning "
        "rate or a larger batch may help",
    ),
    Alarm(
        "alarm/overfitting", 0.6, True,
        "how far the discriminator tells held-out from learned pictures, over how far it tells made from learned "
        "ones: 0, not at all; 1, it takes held-out pictures for made (r_v of Karras et al. 2020a)",
        "over-fitting: to the discriminator, unseen real pictures are {value:.0%} of the way to made ones; "
        "use --augment ada or more pictures",
    ),
    Alarm(
        "alarm/sign", 0.9, True,
        "mean sign of the discriminator's logits of learned pictures (r_t of Karras et al. 2020a): 1, it errs on none",
        "a sure discriminator: of the pictures that it learns from it errs on hardly any (mean sign {value:.2f}); "
        "early this passes, later it is over-fitting: use --augment ada or more pictures",
    ),
    Alarm(
        "alarm/copies", 0.2, True,
        "share of made pictures that are near-duplicates of a learned one; of held-out pictures none is",
        "memory: {value:.0%} of the made pictures are near-duplicates of learned ones; look at the nearest neighbors "
        "in the report",
    ),
)  # fmt: skip
"""All alarms. Without held-out pictures there is no telling of over-fitting and copies, and diversity compares with
learned ones."""


def diversity(real: Tensor, fake: Tensor) -> float:
    """How far apart made pictures lie beside real ones: 1, as far; 0, all look alike, or there are two of each.

    The median distance of a picture to the one most like it, over that of the real ones; of both, the same number is
    taken, the first ones, since among more pictures the most alike are nearer. It falls when all pictures become one,
    and also when they become a few, which a mean over all pairs would hardly show.

    real: (n, d) features, fake: (m, d); n and m at least 2.
    """
    count = min(len(real), len(fake))
    among_real, among_fake = (nearest_within(features[:count]).median() for features in (real, fake))
    return float(among_fake / among_real.clamp(min=1e-12))


def nearest_within(points: Tensor) -> Tensor:
    """(n,) float32: each point's Euclidean distance to the nearest other one. points: (n, d)."""
    points = points.float()
    found = []
    for start in range(0, len(points), BLOCK):
        distances = torch.cdist(points[start : start + BLOCK], points, compute_mode="donot_use_mm_for_euclid_dist")
        rows = torch.arange(len(distances))
        distances[rows, rows + start] = torch.inf
        found.append(distances.amin(dim=1))
    return torch.cat(found)


def overfitting(learned: Tensor, held_out: Tensor, made: Tensor) -> float:
    """(E D(learned) - E D(held out)) / (E D(learned) - E D(made)), r_v of Karras et al. 2020a, eq. 1; 0 where the
    discriminator does not tell learned from made pictures.

    Each: (n,) logits.
    """
    gap = learned.mean() - made.mean()
    return float((learned.mean() - held_out.mean()) / gap) if gap > 1e-6 else 0.0
