"""What is measured of a training under way: scores of what it makes now, and the numbers of the alarms.

Real pictures go through the feature network once; made ones at every evaluation. The values are those of
`limner.fidelity.score.score_pictures` on the same pictures, without the intervals, which cost more than they tell
while it still learns.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import nearest_distances
from limner.datasets.pictures.quantized import as_rgb, quantized
from limner.datasets.pictures.read import PictureSet
from limner.fidelity.coverage import support
from limner.fidelity.described import Described, describe
from limner.fidelity.features import FeatureExtractor, weights_digest
from limner.fidelity.frechet import frechet_distance
from limner.fidelity.kernel import kernel_distance
from limner.generate.making.predictor import PictureGenerator
from limner.generate.training.alarms import diversity, overfitting
from limner.generate.training.memorization import compare_distances
from limner.generate.training.picture_pool import Sample
from limner.generate.training.recipe import ScoreSettings

PROBED = 256
"""Pictures of each kind that the discriminator is shown: more would hardly change a mean."""


class EvaluationSamples(NamedTuple):
    """What the weights of one digest made: (n, C, S, S) uint8, and the same as the scores' network sees it."""

    digest: str
    pictures: Tensor
    described: Described


class Monitor:
    """Measures what a generator makes against pictures that it does not learn from, or where none are held out, does.

    training, held_out: (n,) int64, which of the pictures are learned from and which are not; the latter may be empty.
    """

    def __init__(
        self, pictures: PictureSet, training: Tensor, held_out: Tensor, settings: ScoreSettings, device: torch.device
    ) -> None:
        self.pictures, self.settings, self.device = pictures, settings, device
        self.places = {"learned": training, "held out": held_out}
        self.learned, self.held_out = pictures.pictures[training], pictures.pictures[held_out]
        self._samples: EvaluationSamples | None = None

    @property
    def against(self) -> Tensor:
        """(n, C, S, S) uint8: the real pictures that scores compare with."""
        return self.held_out if len(self.held_out) else self.learned

    @property
    def places_against(self) -> Tensor:
        """(n,) int64: which of the pictures these are."""
        return self.places["held out" if len(self.held_out) else "learned"]

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """The network that scores look through."""
        return FeatureExtractor.of(self.settings.features, device=self.device)

    @cached_property
    def real(self) -> Described:
        """The real pictures, as the extractor sees them."""
        return self.describe(self.against)

    @cached_property
    def held_out_distances(self) -> Tensor:
        """(n,) of each held-out picture to the learned one most like it."""
        return nearest_distances(self.held_out, self.learned)

    def describe(self, pictures: Tensor) -> Described:
        """(n, C, S, S) uint8, as the extractor sees them."""
        return describe(as_rgb(pictures), self.extractor)

    def samples(self, predictor: PictureGenerator) -> EvaluationSamples:
        """The pictures that it is scored by, as it makes them now: those of the last call while the weights are,
        for what the last evaluation measured is most often what the training ends with."""
        digest = weights_digest(predictor.network)
        if self._samples is None or self._samples.digest != digest:
            pictures = quantized(predictor.generate(self.settings.samples))
            self._samples = EvaluationSamples(digest, pictures, self.describe(pictures))
        return self._samples

    def scores(self, made: EvaluationSamples) -> dict[str, float]:
        """KID, FID, precision and recall of made pictures."""
        features = made.described.features
        overlap = support(self.real.features, features)
        return {
            "kid": kernel_distance(self.real.features, features),
            "fid": frechet_distance(self.real.features, features),
            "precision": float(overlap.precision.mean()),
            "recall": float(overlap.recall.mean()),
        }

    def alarms(self, made: EvaluationSamples, logits: Mapping[str, Tensor], *, signed: bool = True) -> dict[str, float]:
        """The alarms' numbers.

        logits: by `probe`. signed: whether 0 parts them into real and made, as it does for all losses but the
        Wasserstein.
        """
        found = {"alarm/diversity": diversity(self.real.features, made.described.features)}
        if signed:
            found["alarm/sign"] = float(logits["learned"].sign().mean())
        if len(self.held_out):
            memory = compare_distances(nearest_distances(made.pictures, self.learned), self.held_out_distances)
            found["alarm/copies"] = memory.duplicates
            found["alarm/overfitting"] = overfitting(logits["learned"], logits["held out"], logits["made"])
        return found

    @torch.no_grad()
    def probe(self, discriminate: Callable[[Sample], Tensor], made: Sample) -> dict[str, Tensor]:
        """(n,) float32 logits on the CPU: what the discriminator says of pictures of each kind.

        The kinds are "learned", "held out" and "made"; of each `PROBED` at most.

        made: pictures (n, C, S, S) uint8 with their labels, no more than that.
        """
        labels = self.pictures.labels
        shown = {"made": made}
        for kind, places in self.places.items():
            chosen = places[torch.linspace(0, len(places) - 1, min(PROBED, len(places))).long()]
            shown[kind] = Sample(self.pictures.pictures[chosen], None if labels is None else labels[chosen])
        return {kind: discriminate(self._prepared(sample)).cpu() for kind, sample in shown.items()}

    def _prepared(self, sample: Sample) -> Sample:
        image_pm1 = sample.image.to(self.device).float() / 127.5 - 1
        return Sample(image_pm1, None if sample.label is None else sample.label.to(self.device))
