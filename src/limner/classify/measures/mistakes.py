"""The worst mistakes as pictures: where the wrong class was seen, and the most similar picture that was right."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from limner.classify.data.examples import Examples, cropped
from limner.classify.predicting.overlay import as_picture, overlay_evidence
from limner.classify.predicting.predictor import PictureClassifier
from limner.datasets.pictures.duplicates import nearest
from limner.reporting.pictures import captioned_rows

SHOWN = 12
COMPARED = 4000
"""Pictures of the training, at most, among which the nearest right example is looked for."""
HEADS = ("picture", "what spoke for the wrong class", "nearest right example")


class Mistake(NamedTuple):
    """A picture that was given a wrong class. picture, example: numbers in the data; example is None where no picture
    of its class that was learned from is right."""

    picture: int
    truth: int
    said: int
    confidence: float
    example: int | None


def worst_mistakes(
    classifier: PictureClassifier,
    examples: Examples,
    scored: Tensor,
    logits: Tensor,
    training: Tensor,
    most: int = SHOWN,
) -> list[Mistake]:
    """The mistakes of which it was most sure, the surest first, each with the training picture of its true class that
    the network gets right and whose features lie nearest.

    scored: (n,) int64, which pictures were scored; logits: (n, classes) of them. training: (m,) int64.
    """
    probabilities = logits.softmax(dim=1)
    confidence, said = probabilities.max(dim=1)
    truth = examples.labels[scored]
    wrong = (said != truth).nonzero().flatten()
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)][:most]
    if not len(wrong):
        return []
    if not len(training):
        return [
            Mistake(int(scored[place]), int(truth[place]), int(said[place]), float(confidence[place]), None)
            for place in wrong.tolist()
        ]
    among = training[torch.linspace(0, len(training) - 1, min(COMPARED, len(training))).long()]
    right, features = _right_ones(classifier, examples, among)
    mine = classifier.features(examples.read(scored[wrong]))
    mistakes = []
    for row, place in zip(mine, wrong.tolist(), strict=True):
        alike = (examples.labels[right] == truth[place]).nonzero().flatten()
        best = int(right[alike[nearest(row[None], features[alike]).indices[0, 0]]]) if len(alike) else None
        mistakes.append(
            Mistake(int(scored[place]), int(truth[place]), int(said[place]), float(confidence[place]), best)
        )
    return mistakes


def _right_ones(classifier: PictureClassifier, examples: Examples, among: Tensor) -> tuple[Tensor, Tensor]:
    """((k,) int64 pictures that it gets right, (k, d) their features)."""
    numbers, features = [], []
    for part in among.split(256):
        pictures = examples.read(part)
        right = classifier.logits(pictures).argmax(dim=1) == examples.labels[part]
        numbers.append(part[right])
        features.append(classifier.features(pictures[right]) if right.any() else torch.empty(0, 0))
    kept = [each for each in features if len(each)]
    return torch.cat(numbers), torch.cat(kept) if kept else torch.empty(0, 1)


def draw_mistakes(
    classifier: PictureClassifier, examples: Examples, mistakes: list[Mistake], cell_px: int = 200
) -> np.ndarray:
    """A sheet, (H, W, 3) uint8: a row for each mistake, as `HEADS` says. mistakes: one at least."""
    numbers = torch.tensor([each.picture for each in mistakes])
    pictures = examples.read(numbers)
    maps = classifier.evidence(pictures, torch.tensor([each.said for each in mistakes])).numpy()
    names = examples.found.class_names
    rows, captions = [], []
    for number, mistake in enumerate(mistakes):
        shown = as_picture(cropped(pictures[number], classifier.crop_px))
        row, words = (
            [shown, overlay_evidence(shown, maps[number])],
            [
                f"{names[mistake.truth]}: {examples.found.names[mistake.picture]}",
                f"{names[mistake.said]} {mistake.confidence:.0%}",
            ],
        )
        if mistake.example is not None:
            row.append(as_picture(cropped(examples.read(torch.tensor([mistake.example]))[0], classifier.crop_px)))
            words.append(f"{names[mistake.truth]}: {examples.found.names[mistake.example]}")
        rows.append(row)
        captions.append(words)
    return captioned_rows(rows, captions, heads=HEADS, cell_px=cell_px)
