"""What a source made into a target is worth: all that translations without pairs are scored by, and where targets have
classes, the share that a judge of targets tells right."""

from collections.abc import Callable
from dataclasses import replace

import torch
from skimage.filters import threshold_otsu
from torch import Tensor

from limner.translate.data.labeled import SOURCE, TARGET, UNKNOWN, LabeledDomains
from limner.translate.degrading.looks import luma
from limner.translate.measures.class_judge import ClassJudge, share_with_interval
from limner.translate.measures.domain_measure import Edit, map_to_domain, measure_domains, recolored
from limner.translate.measures.domain_result import COLORS, UNTOUCHED, DomainScores
from limner.translate.measures.result import MADE, Row

OTSU = "black and white (Otsu)"


def transfer_edit(data: LabeledDomains, chosen: Tensor, translate: Callable[[Tensor], Tensor]) -> Edit:
    """What is made of the sources among the chosen pictures, (n,) int64, beside the targets among them."""
    places = [data.domains.of(domain, chosen) for domain in (SOURCE, TARGET)]
    sources, true = ([data.domains.picture(place) for place in each.tolist()] for each in places)
    classes = data.labels[places[SOURCE]], data.labels[places[TARGET]]
    known = UNKNOWN not in data.labels
    name = data.domains.domains[TARGET]
    return Edit(name, sources, [translate(each) for each in sources], true, classes=classes if known else None)


def measure_transfer(edit: Edit, learned: LabeledDomains, training: Tensor, *, on: str) -> DomainScores:
    """The scores of an edit beside the bars, which know what was learned from: ``training``, (n,) int64, of
    ``learned``. Raises `UserError` as `measure_domains`."""
    sources, targets = (
        [learned.domains.picture(place) for place in learned.domains.of(domain, training).tolist()]
        for domain in (SOURCE, TARGET)
    )
    colors = map_to_domain(sources, targets)
    mean = torch.stack([luma(each) for each in targets]).mean(0)
    otsu = {OTSU: [black_and_white(each, mean) for each in edit.sources]}
    scores = measure_domains([edit], lambda name: colors, on=on, bars=otsu)
    labels = learned.labels[learned.domains.of(TARGET, training)]
    if edit.classes is None or UNKNOWN in labels or len(labels.unique()) < 2:
        return scores
    judge = ClassJudge(targets, labels)
    recolors = [recolored(each, colors) for each in edit.sources]
    rows = {}
    for way, pictures in {MADE: edit.made, UNTOUCHED: edit.sources, COLORS: recolors, **otsu}.items():
        share, interval = share_with_interval(judge.right(pictures, edit.classes[SOURCE]))
        rows[way] = Row({"classes": share, **scores.rows[way].scores}, interval)
    own = 100 * judge.right(edit.true, edit.classes[TARGET]).mean()
    note = (
        "Classes: by a support vector machine on histograms of gradients, fitted to targets that were learned from; "
        f"of the target's own pictures it is right of {own:.1f} %."
    )
    return replace(scores, rows=rows, notes=(*scores.notes, note), main="classes")


def black_and_white(picture01: Tensor, mean01: Tensor) -> Tensor:
    """A picture cut at Otsu's threshold, as it is or inverted, whichever is nearer to the mean picture of the target.

    picture01: (C, h, w) in [0, 1]. mean01: (1, h, w), in gray. Gives (C, h, w) of zeros and ones.
    """
    gray = luma(picture01)
    light = (gray > threshold_otsu(gray.numpy())).float()
    nearer = min((light, 1 - light), key=lambda each: float((each - mean01).square().sum()))
    return nearer.expand_as(picture01)
