"""The pairs of pictures on which color transfers are measured, in two halves that share no picture.

Options are chosen on the half "choosing" and told on the half "reporting". The pictures are those of a folder with
`sct/` (photographs of github.com/rgiraud/sct) and `wct2/content`, `wct2/style` (of github.com/clovaai/WCT2), and the
photographs that scikit-image holds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data

from limner.reporting.pictures import resized

LARGEST_PX = 1_000_000
BUNDLED = {
    "astronaut": data.astronaut,
    "chelsea": data.chelsea,
    "coffee": data.coffee,
    "motorcycle": lambda: data.stereo_motorcycle()[0],
    "rocket": data.rocket,
}
FILES = {
    "arch": "wct2/style/in14.png",
    "rock": "wct2/content/in14.png",
    "pyramid": "wct2/content/in00.png",
    "villa": "wct2/style/in00.png",
    "church": "wct2/content/in34.png",
    "abbey": "wct2/style/in34.png",
    "red-rose": "sct/flower_red.jpg",
    "purple-flower": "sct/flower_purple.jpg",
    "yellow-rose": "sct/flower1.jpg",
    "yellow-daisy": "sct/flower2.jpg",
    "pale-rose": "sct/flower3.jpg",
    "white-flower": "sct/flower_white.jpg",
    "creek": "sct/creek.jpg",
    "desert": "sct/desert.jpg",
    "highland-house": "sct/scotland_house.jpg",
    "highland-plain": "sct/scotland_plain.jpg",
}
HALVES = {
    "choosing": (
        ("red-rose", "purple-flower"),
        ("purple-flower", "yellow-rose"),
        ("yellow-rose", "red-rose"),
        ("creek", "desert"),
        ("creek", "arch"),
        ("desert", "arch"),
        ("rock", "arch"),
        ("rock", "creek"),
        ("coffee", "motorcycle"),
        ("motorcycle", "coffee"),
    ),
    "reporting": (
        ("yellow-daisy", "white-flower"),
        ("white-flower", "pale-rose"),
        ("pale-rose", "yellow-daisy"),
        ("highland-house", "highland-plain"),
        ("highland-plain", "highland-house"),
        ("pyramid", "villa"),
        ("church", "abbey"),
        ("astronaut", "chelsea"),
        ("chelsea", "astronaut"),
        ("rocket", "highland-plain"),
    ),
}


@dataclass(frozen=True)
class Pair:
    """Two pictures by name, and the half of the pairs that they belong to."""

    target: str
    reference: str
    half: str

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.target}--{self.reference}"


PAIRS = [Pair(target, reference, half) for half, names in HALVES.items() for target, reference in names]


def read_picture(name: str, folder: Path, longest_px: int | None) -> np.ndarray:
    """(H, W, 3) uint8, made smaller where it has more than a million pixels or an edge above ``longest_px``."""
    if name in BUNDLED:
        picture = np.asarray(BUNDLED[name]())
    else:
        with Image.open(folder / FILES[name]) as opened:
            picture = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    shrink = min(1.0, (LARGEST_PX / (picture.shape[0] * picture.shape[1])) ** 0.5)
    return resized(picture, min(longest_px or 10**9, int(shrink * max(picture.shape[:2]))))
