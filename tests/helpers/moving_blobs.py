"""Clips of one soft blob that moves over a still ground, as folders of frames."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image


def blob_at(place: float, seed: int = 0, side: int = 48) -> torch.Tensor:
    """(3, side, side) in [0, 1]: the blob ``place`` px from the left. seed: of its row and its ground."""
    rows, columns = np.mgrid[:side, :side]
    blob = np.exp(-((rows - 20 - 3 * seed) ** 2 + (columns - 8 - place) ** 2) / 30)
    ground = 0.2 + 0.1 * np.random.default_rng(seed).random((3, side, side))
    return torch.from_numpy(np.clip(ground + 0.7 * blob, 0, 1)).float()


def draw_clips(folder: Path, count: int = 4, length: int = 9) -> Path:
    """A folder of clips, clip0 and so on, in which the blob moves by 3 px a frame: 1.png, 2.png, ..."""
    for number in range(count):
        (folder / f"clip{number}").mkdir(parents=True)
        for place in range(length):
            pixels = (blob_at(3.0 * place, number) * 255).round().byte().permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(folder / f"clip{number}" / f"{place + 1}.png")
    return folder
