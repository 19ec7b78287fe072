"""Digits over photographs, and plain digits that are others, for `translate/dtn`.

    python benchmarks/textured_digits.py WORK [--data DATA] [--seed 0]
    limner train translate/dtn-light --data WORK/textured --data WORK/plain

DATA (default: $LIMNER_DATA) holds mnist-sample and sr-train. One half of the digits is plain, the other is blended over
crops of photographs as in MNIST-M (Ganin and Lempitsky, ICML 2015, sec. 4.1): the absolute difference of both. Each
picture depends on the seed and its number alone. Plain digits have folders for their classes, too, which only the
scores look at. docs/results/translate.md says what was learned.
"""

import argparse
import gzip
import os
from pathlib import Path

import numpy as np
from PIL import Image

from limner.foundation.files.writing import replacing

SIDE_PX, BORDER_PX = 32, 2
PHOTO_PX = 321
"""The short side of the photographs before they are cropped: that of MNIST-M's."""


def main() -> None:
    """Write both folders, unless WORK is there."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument(
        "--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of mnist-sample and sr-train"
    )
    given.add_argument("--seed", type=int, default=0)
    options = given.parse_args()
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    if options.work.exists():
        return
    data = Path(options.data)
    digits = read_idx(data / "mnist-sample" / "images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read_idx(data / "mnist-sample" / "labels-idx1-ubyte.gz", 8)
    photos = [smaller(path) for path in sorted((data / "sr-train").glob("*.png"))]
    order = np.random.default_rng(options.seed).permutation(len(digits))
    with replacing(options.work) as temporary:
        for place, number in enumerate(order.tolist()):
            plain = np.pad(digits[number], BORDER_PX)
            blended = place % 2 == 0
            folder = temporary / ("textured" if blended else "plain") / str(labels[number])
            folder.mkdir(parents=True, exist_ok=True)
            picture = textured(plain, photos, options.seed, number) if blended else plain
            Image.fromarray(picture).save(folder / f"{number:04d}.png")


def read_idx(path: Path, head: int) -> np.ndarray:
    """The bytes of an idx file behind its head."""
    return np.frombuffer(gzip.decompress(path.read_bytes())[head:], np.uint8)


def smaller(path: Path) -> np.ndarray:
    """A photograph, (H, W, 3) uint8, whose short side is `PHOTO_PX`."""
    photo = Image.open(path).convert("RGB")
    scale = PHOTO_PX / min(photo.size)
    return np.asarray(photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS))


def textured(plain: np.ndarray, photos: list[np.ndarray], seed: int, number: int) -> np.ndarray:
    """(32, 32, 3) uint8: |photo - digit| on a crop that seed and number draw."""
    draws = np.random.default_rng([seed, number])
    photo = photos[draws.integers(len(photos))]
    top, left = (draws.integers(side - SIDE_PX + 1) for side in photo.shape[:2])
    crop = photo[top : top + SIDE_PX, left : left + SIDE_PX]
    return np.abs(crop.astype(np.int16) - plain[..., None]).astype(np.uint8)


if __name__ == "__main__":
    main()
