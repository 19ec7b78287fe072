"""Pictures whose label is probably wrong: a classifier that did not learn from them is sure of another class."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from limner.classify.data.examples import Examples
from limner.classify.predicting.overlay import as_picture
from limner.datasets.pictures.quantized import as_rgb
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder, write_text
from limner.foundation.progress import Progress
from limner.reporting.pictures import contact_sheet, write_picture
from limner.reporting.tables import csv_cell, csv_table

FOLDS = 5
AXES = 128
"""Principal axes of the features that are kept."""
SHOWN = 36
READ = 256


class Suspect(NamedTuple):
    """picture: its number. given, suggested: classes. doubt: the probability of the suggested class over that and the
    given one's, 0.5 to 1."""

    picture: int
    given: int
    suggested: int
    doubt: float


def find_suspects(examples: Examples, *, seed: int = 0, device: torch.device | str = "cpu") -> list[Suspect]:
    """Pictures whose label is disputed, the most doubtful first.

    Features of EfficientNet-Lite0, which never saw the labels, go through a logistic regression that learns from four
    fifths and answers for the last. A class is believed where its probability is at least what it has on average among
    pictures of its own label (C. Northcutt et al. 2021, "Confident Learning", section 3.1); a picture is suspect where
    the believed class is another than its own.

    Raises `UserError` for a class of a single picture.
    """
    labels = examples.found.labels
    probabilities = out_of_fold(features_of(examples, device), labels, seed)
    usual = np.array([probabilities[labels == label, label].mean() for label in range(probabilities.shape[1])])
    believed = np.where(probabilities >= usual, probabilities, -1.0)
    suggested = believed.argmax(axis=1)
    rows = np.arange(len(labels))
    disputed = (believed.max(axis=1) > 0) & (suggested != labels)
    own, other = probabilities[rows, labels], probabilities[rows, suggested]
    doubt = other / np.maximum(own + other, 1e-12)
    order = np.argsort(-doubt, kind="stable")
    return [
        Suspect(int(number), int(labels[number]), int(suggested[number]), float(doubt[number]))
        for number in order
        if disputed[number] and doubt[number] > 0.5
    ]


def features_of(examples: Examples, device: torch.device | str = "cpu") -> np.ndarray:
    """(N, 1280) float32: EfficientNet-Lite0's of all pictures."""
    extractor = FeatureExtractor.lite0(device=device)
    found = []
    with Progress("features", len(examples), "pictures") as progress:
        for part in torch.arange(len(examples)).split(READ):
            found.append(extractor.see(as_rgb(examples.read(part))).features)
            progress.advance(len(part))
    return torch.cat(found).numpy()


def out_of_fold(features: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """(N, classes) float64: for each picture, what a logistic regression says that learned from the other folds.

    Raises `UserError` for a class of a single picture.
    """
    from sklearn.decomposition import PCA  # these take a second: only now
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    least = int(np.bincount(labels)[np.unique(labels)].min())
    if least < 2:
        raise UserError("a class has a single picture, whose label nothing can dispute; needed: two or more of each")
    folds = min(FOLDS, least)
    axes = min(AXES, features.shape[1], len(labels) * (folds - 1) // folds - 1)
    model = make_pipeline(
        StandardScaler(), PCA(axes, random_state=seed), LogisticRegression(C=0.1, max_iter=1000)
    )  # fmt: skip
    cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
    said: np.ndarray = cross_val_predict(model, features, labels, cv=cut, method="predict_proba")
    full = np.zeros((len(labels), int(labels.max()) + 1))
    full[:, np.unique(labels)] = said
    return full


def write_suspects(folder: Path, examples: Examples, suspects: list[Suspect]) -> None:
    """Write ``suspects.csv``, all of them, and ``suspects.png``, the most doubtful."""
    names = examples.found.class_names
    rows = []
    for each in suspects:
        given, suggested = csv_cell(names[each.given]), csv_cell(names[each.suggested])
        rows.append([examples.found.names[each.picture], given, suggested, f"{each.doubt:.4f}"])
    table = csv_table(["picture", "label", "suggested", "doubt"], rows)
    write_text(make_folder(folder) / "suspects.csv", table)
    if shown := suspects[:SHOWN]:
        pictures: Tensor = examples.read(torch.tensor([each.picture for each in shown]))
        captions = [f"{names[each.given]}? {names[each.suggested]} {each.doubt:.0%}" for each in shown]
        sheet = contact_sheet([as_picture(each) for each in pictures], captions, columns=6, cell_px=160)
        write_picture(folder / "suspects.png", sheet)
