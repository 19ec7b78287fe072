"""What is measured of a training under way: scores of what it makes now, and the numbers of the alarms.

Real pictures go through the feature network once; made ones at every evaluation. The values are those of
`limner.fidelity.score.score_pictures` on the same pictures, without the intervals, which cost more than they tell
while it still learns.
"""

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import nearest_distances
from limner.datasets.pictures.quantized import as_rgb
from limner.fidelity.coverage import support
from limner.fidelity.described import Described, describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.frechet import frechet_distance
from limner.fidelity.kernel import kernel_distance
from limner.generate.training.alarms import diversity, overfitting
from limner.generate.training.memorization import compare_distances


class Watch:
    """Measures what a generator makes against pictures that it does not learn from, or where none are held out, does.

    learned, held_out: (N, C, S, S) uint8; the latter may be empty.
    """

    def __init__(self, learned: Tensor, held_out: Tensor, features: str, device: torch.device) -> None:
        self.learned, self.held_out, self.features, self.device = learned, held_out, features, device

    @property
    def against(self) -> Tensor:
        """The real pictures that scores compare with."""
        return self.held_out if len(self.held_out) else self.learned

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """The network that scores look through."""
        return FeatureExtractor.of(self.features, device=self.device)

    @cached_property
    def real(self) -> Described:
        """The real pictures, as the extractor sees them."""
        return self.see(self.against)

    @cached_property
    def held_out_distances(self) -> Tensor:
        """(n,) of each held-out picture to the learned one most like it."""
        return nearest_distances(self.held_out, self.learned)

    def see(self, pictures: Tensor) -> Described:
        """(n, C, S, S) uint8, as the extractor sees them."""
        return describe(as_rgb(pictures), self.extractor)

    def scores(self, made: Described) -> dict[str, float]:
        """KID, FID, precision and recall of made pictures."""
        overlap = support(self.real.features, made.features)
        return {
            "kid": kernel_distance(self.real.features, made.features),
            "fid": frechet_distance(self.real.features, made.features),
            "precision": float(overlap.precision.mean()),
            "recall": float(overlap.recall.mean()),
        }

    def alarms(
        self, pictures: Tensor, made: Described, logits: Mapping[str, Tensor], *, signed: bool = True
    ) -> dict[str, float]:
        """The alarms' numbers.

        pictures: (n, C, S, S) uint8, what was made; ``made``: the same, as the extractor sees them. logits: (n,) of the
        discriminator, of "learned" and "made" pictures, and of "held out" ones where there are such. signed:
        whether 0 parts them into real and made, as it does for all losses but the Wasserstein.
        """
        found = {"alarm/diversity": diversity(self.real.features, made.features)}
        if signed:
            found["alarm/sign"] = float(logits["learned"].sign().mean())
        if len(self.held_out):
            memory = compare_distances(nearest_distances(pictures, self.learned), self.held_out_distances)
            found["alarm/copies"] = memory.duplicates
            found["alarm/overfitting"] = overfitting(logits["learned"], logits["held out"], logits["made"])
        return found
