"""A network that classifies as a file of its own."""

import json

from torch import Tensor, nn

from limner.classify.predicting.predictor import PictureClassifier, load_classifier
from limner.learning.runs.export.export import told
from limner.learning.runs.export.exportable import Exportable, noise
from limner.learning.runs.run import Run


class RawClassifier(nn.Module):
    """Probabilities of raw pixels: (B, C, P, P) float32 in 0..255 -> (B, classes)."""

    def __init__(self, classifier: PictureClassifier) -> None:
        super().__init__()
        self.network, self.standardize = classifier.network, classifier.standardize

    def forward(self, picture: Tensor) -> Tensor:
        return self.network(self.standardize(picture / 255)).softmax(1)


def exportable(run: Run) -> Exportable:
    """A run's network for `limner.export`: squares of the size that it learned from, any number at once."""
    classifier = load_classifier(run, "cpu")
    edge = classifier.crop_px
    names = dict(enumerate(classifier.class_names))
    takes = f"(batch, {classifier.channels}, {edge}, {edge}) float32, pixels in 0..255"
    gives = "(batch, classes) float32, the probability of each class"
    return Exportable(
        module=RawClassifier(classifier).eval(),
        inputs=("picture",),
        output="probabilities",
        examples=tuple(
            (noise(batch, classifier.channels, edge, edge, seed=batch).clamp(0, 255),) for batch in (2, 1, 5)
        ),
        dynamic={"picture": {0: "batch"}, "probabilities": {0: "batch"}},
        answers="probabilities",
        metadata={**told(run.facts, "classify", takes, gives), "class_names": json.dumps(names)},
    )
