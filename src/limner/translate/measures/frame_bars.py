"""What does as well as a network that predicts the next frame, without learning.

The source of a pair is its frames, the newest first, (frames C, h, w) in [0, 1]: see `limner.translate.data.clips`.
"""

import numpy as np
import torch
from skimage.registration import optical_flow_ilk
from skimage.transform import warp
from torch import Tensor

from limner.translate.measures.bars import Bar, Known

FLOW_PX = 5
"""Radius of the windows in which motion is taken to be one."""


def frame_bars(frames: int, channels: int) -> dict[str, Bar]:
    """The bars by their names. frames: how many a source holds. channels: of each."""

    def last(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return source01[:channels]

    def mean(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return source01.view(frames, channels, *source01.shape[1:]).mean(0)

    def moved(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return moved_on(source01[:channels], source01[channels : 2 * channels])

    found: dict[str, Bar] = {"last frame": last}
    return {**found, "moved on by flow": moved, "mean of the frames": mean} if frames > 1 else found


def moved_on(last01: Tensor, before01: Tensor) -> Tensor:
    """The last frame with everything in it moved on as it moved since the one before: each (C, H, W) in [0, 1].

    The motion is dense optical flow by scikit-image (Le Besnerais and Champagnat 2005); what comes from beyond the
    border is the border's color.
    """
    last, before = (each.mean(0).double().numpy() for each in (last01, before01))
    flow = optical_flow_ilk(last, before, radius=FLOW_PX)  # before, looked up at x + flow, is last at x
    rows, columns = np.meshgrid(*(np.arange(side) for side in last.shape), indexing="ij")
    places = np.array([rows + flow[0], columns + flow[1]])
    bands = [warp(band, places, order=1, mode="edge") for band in last01.double().numpy()]
    return torch.from_numpy(np.stack(bands)).float().clamp(0, 1)
