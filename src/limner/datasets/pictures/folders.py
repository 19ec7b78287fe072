"""Folders of pictures as batches for a network: decoded by threads while the network works."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.datasets.pictures.decoding import decode

DECODERS = 4
AHEAD = 4
"""Batches that are decoded before the network asks for them."""


def read_picture(path: Path) -> Tensor:
    """(3, H, W) uint8 of one file in its own size: see `limner.datasets.pictures.decoding.decode`,
    which trainings read by, too.
    """
    pixels = np.array(decode(path, "rgb"))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def decoded_batches(files: Sequence[Path], batch: int) -> Iterator[Tensor]:
    """The pictures in their order as (b, 3, H, W) uint8, b at most ``batch``; where sizes change, a batch ends."""
    parts = [files[start : start + batch] for start in range(0, len(files), batch)]
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        waiting: deque[list[Future[Tensor]]] = deque()
        try:
            for part in parts:
                waiting.append([pool.submit(read_picture, path) for path in part])
                if len(waiting) > AHEAD:
                    yield from _same_sizes(waiting.popleft())
            while waiting:
                yield from _same_sizes(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _same_sizes(futures: Sequence[Future[Tensor]]) -> Iterator[Tensor]:
    pictures = [future.result() for future in futures]
    for _, alike in groupby(pictures, key=lambda picture: picture.shape):
        yield torch.stack(list(alike))
