"""Pictures brought to one size and mode: in memory where they fit, otherwise read whenever a batch asks for them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from limner.classify.data.found import Found
from limner.datasets.pictures.decoding import CHANNELS, Colors
from limner.datasets.pictures.fitting import Fit, fitted, on_plain_ground
from limner.datasets.pictures.several import tell_several
from limner.foundation.errors import UserError
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.progress import Progress

MOST_THREADS = 16
SHARE_OF_MEMORY = 0.5
"""Of the free memory that pictures may take; larger sets are streamed."""
ASKED = 32
"""Pictures whose border is looked at to choose how all are brought to a square."""
SQUARE = 1.02
"""Longer by less over shorter edge: a picture that any way of fitting leaves nearly alone."""
Memory = Literal["auto", "memory", "stream"]


@dataclass(frozen=True)
class Examples:
    """A data set's pictures at one size. pictures: (N, C, S, S) uint8, or None where they are streamed."""

    found: Found
    size_px: int
    colors: Colors
    fit: Fit
    pictures: Tensor | None

    def __len__(self) -> int:
        return len(self.found)

    @property
    def labels(self) -> Tensor:
        """(N,) int64."""
        return torch.from_numpy(self.found.labels)

    @property
    def channels(self) -> int:
        """Numbers a pixel."""
        return CHANNELS[self.colors]

    def read(self, chosen: Tensor) -> Tensor:
        """(n, C, S, S) uint8: the pictures ``chosen``, (n,) int64. Raises `UserError` for one that cannot be read."""
        if self.pictures is not None:
            return self.pictures[chosen]
        with ThreadPoolExecutor(_threads(), thread_name_prefix="decode") as pool:
            return torch.stack(list(pool.map(self._bring, chosen.tolist())))

    def _bring(self, number: int) -> Tensor:
        return torch.from_numpy(bring(self.found, number, self.size_px, self.colors, self.fit))

    def summary(self) -> str:
        """One line for people."""
        counts = self.found.counts()
        place = "streamed from disk" if self.pictures is None else f"{self.pictures.nbytes / 1e6:,.0f} MB"
        shown = ", ".join(
            f"{name} {count:,}" for name, count in list(zip(self.found.class_names, counts, strict=True))[:10]
        )
        more = f" and {len(counts) - 10} more" if len(counts) > 10 else ""
        return (
            f"{self.found.form}: {len(self):,} pictures of {self.size_px} x {self.size_px} px, {self.colors}, {place}; "
            f"{len(counts)} classes ({shown}{more})"
        )


def load_examples(
    found: Found, *, size_px: int, colors: Colors, fit: Fit | Literal["auto"] = "auto", memory: Memory = "auto"
) -> Examples:
    """The pictures of ``found`` at ``size_px`` x ``size_px``.

    fit: ``crop``, ``pad`` or ``squash`` (`limner.datasets.pictures.fitting.fitted`); ``auto`` pads where most that are
    no squares show something on a plain ground, and crops otherwise. memory: ``auto`` keeps all in memory where they
    take at most `SHARE_OF_MEMORY` of what is free, and streams otherwise.

    Raises `UserError` for pictures that cannot be read (streamed: of the first ones only), naming the first and how
    many there are.
    """
    tell_several(found.files or ())
    chosen = _choose_fit(found, colors, size_px) if fit == "auto" else fit
    needed = len(found) * CHANNELS[colors] * size_px**2
    fits = needed <= SHARE_OF_MEMORY * psutil.virtual_memory().available
    if memory == "memory" and not fits:
        raise UserError(
            f"{len(found):,} pictures of {size_px} x {size_px} px take {needed / 1e9:.1f} GB, and "
            f"{psutil.virtual_memory().available / 1e9:.1f} GB of memory are free; give data.memory stream"
        )
    pictures = (
        _read_all(found, size_px, colors, chosen) if memory != "stream" and (memory == "memory" or fits) else None
    )
    return Examples(found, size_px, colors, chosen, pictures)


def bring(found: Found, number: int, size_px: int, colors: Colors, fit: Fit) -> np.ndarray:
    """(C, S, S) uint8 of one picture."""
    # Twice the size, so that Lanczos' filter and not the JPEG decoder decides how a picture looks.
    return as_channels(fitted(found.opener(number, colors, 2 * size_px), size_px, fit))


def as_channels(image: Image.Image) -> np.ndarray:
    """(C, H, W) uint8."""
    pixels = np.array(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _read_all(found: Found, size_px: int, colors: Colors, fit: Fit) -> Tensor:
    pictures = torch.empty((len(found), CHANNELS[colors], size_px, size_px), dtype=torch.uint8)
    rows = pictures.numpy()

    def put(number: int) -> UserError | None:
        try:
            rows[number] = bring(found, number, size_px, colors, fit)
        except UserError as error:
            return error
        return None

    mistakes: list[UserError] = []
    with ThreadPoolExecutor(_threads(), thread_name_prefix="decode") as pool:
        try:
            with Progress("pictures", len(found), "pictures") as progress:
                for mistake in pool.map(put, range(len(found))):
                    mistakes += [mistake] if mistake is not None else []
                    progress.advance()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if mistakes:
        more = f" (and {len(mistakes) - 1} more of {len(found)} cannot be read)" if len(mistakes) > 1 else ""
        raise UserError(f"{mistakes[0]}{more}")
    return pictures


def _choose_fit(found: Found, colors: Colors, size_px: int) -> Fit:
    """Decided for all together, so that no picture among many is treated differently because of its border."""
    votes = []
    for place in np.unique(np.linspace(0, len(found) - 1, ASKED).round().astype(int)).tolist():
        try:
            image = found.opener(place, colors, size_px)
        except UserError:
            continue  # said later, with how many more there are
        if max(image.size) > SQUARE * min(image.size):
            votes.append(on_plain_ground(image))
    return "pad" if votes and 2 * sum(votes) > len(votes) else "crop"


def _threads() -> int:
    return min(MOST_THREADS, allowed_cores())


def cropped(pictures: Tensor, crop_px: int) -> Tensor:
    """The middle ``crop_px`` x ``crop_px`` of pictures, (B, C, S, S)."""
    margin = (pictures.shape[-1] - crop_px) // 2
    return pictures[..., margin : margin + crop_px, margin : margin + crop_px]
