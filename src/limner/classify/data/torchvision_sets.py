"""Data sets that torchvision knows, by their names there, where their files are at hand; nothing is downloaded."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.classify.data.found import Found
from limner.datasets.pictures.decoding import Colors
from limner.foundation.errors import UserError

_TRAIN = ({"train": True}, {"train": False})
_SPLIT = ({"split": "train"}, {"split": "test"})
SETS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "MNIST": _TRAIN, "FashionMNIST": _TRAIN, "KMNIST": _TRAIN, "USPS": _TRAIN, "CIFAR10": _TRAIN, "CIFAR100": _TRAIN,
    "SVHN": _SPLIT, "STL10": _SPLIT, "GTSRB": _SPLIT, "Food101": _SPLIT, "StanfordCars": _SPLIT, "PCAM": _SPLIT,
    "Flowers102": ({"split": "train"}, {"split": "val"}), "DTD": ({"split": "train"}, {"split": "val"}),
    "FGVCAircraft": ({"split": "train"}, {"split": "val"}), "Imagenette": ({"split": "train"}, {"split": "val"}),
    "OxfordIIITPet": ({"split": "trainval"}, {"split": "test"}),
}  # fmt: skip
"""What torchvision's class takes for the part to learn from, and for the part to hold out."""


def find_torchvision(name: str, root: Path) -> Found:
    """The data set ``name``, a key of `SETS`, as torchvision finds it below ``root``; pictures are read one by one.

    Raises `UserError` where its files are not there.
    """
    from torchvision import datasets  # takes seconds: only now

    sides = []
    for more in SETS[name]:
        try:
            sides.append(getattr(datasets, name)(root=str(root), download=False, **more))
        except (RuntimeError, OSError, ValueError, ImportError) as error:
            words = " ".join(str(error).split())[:120]
            raise UserError(
                f"{root}: torchvision finds no {name} there ({words}); needed: the folder that "
                f"torchvision.datasets.{name}(root) was downloaded to"
            ) from None
    labels = [_labels(side) for side in sides]
    first = len(labels[0])

    def opened(number: int, colors: Colors, least_px: int) -> Image.Image:
        image = sides[0][number][0] if number < first else sides[1][number - first][0]
        return image.convert({"rgb": "RGB", "rgba": "RGBA", "gray": "L"}[colors])

    joined = np.concatenate(labels)
    names = tuple(str(each) for each in getattr(sides[0], "classes", ())) or tuple(map(str, range(joined.max() + 1)))
    held = np.arange(len(joined)) >= first
    return Found(
        form=f"torchvision's {name}",
        names=tuple(f"{'test' if out else 'train'} {number:06d}" for number, out in enumerate(held)),
        labels=joined,
        class_names=names,
        opener=opened,
        # Contents may be larger than memory and read slowly: the name and all labels stand for them.
        fingerprint=_digest(name, joined),
        held_out=held,
    )


def _labels(side: Any) -> np.ndarray:
    """(N,) int64, from wherever a class of torchvision keeps them."""
    for name in ("targets", "labels", "_labels"):
        found = getattr(side, name, None)
        if found is not None:
            return np.asarray(found, np.int64)
    pairs = getattr(side, "_samples", None) or getattr(side, "samples", None)
    if pairs is not None and len(pairs[0]) == 2:
        return np.array([label for _, label in pairs], np.int64)
    return np.array([side[number][1] for number in range(len(side))], np.int64)


def _digest(name: str, labels: np.ndarray) -> str:
    return hashlib.sha256(name.encode() + labels.tobytes()).hexdigest()[:16]
