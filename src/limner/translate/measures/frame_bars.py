"""What does as well as a network that makes a frame of others, without learning.

The source of a pair is its frames, the newest first, (frames C, h, w) in [0, 1]: see `limner.translate.data.clips`.
"""

import numpy as np
import torch
from skimage.registration import optical_flow_ilk
from skimage.transform import warp
from torch import Tensor

from limner.translate.data.clips import beside
from limner.translate.data.pairs import Frame
from limner.translate.measures.bars import Bar, Known

FLOW_PX = 5
"""Radius of the windows in which motion is taken to be one."""


def frame_bars(frames: int, channels: int, frame: Frame = "next") -> dict[str, Bar]:
    """The bars by their names. frames: how many a source holds. channels: of each. frame: which one is made."""
    return bars_between(channels) if frame == "between" else bars_ahead(frames, channels)


def bars_ahead(frames: int, channels: int) -> dict[str, Bar]:
    """The bars of the next frame."""

    def last(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return source01[:channels]

    def mean(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return source01.view(frames, channels, *source01.shape[1:]).mean(0)

    def moved(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return moved_on(source01[:channels], source01[channels : 2 * channels])

    found: dict[str, Bar] = {"last frame": last}
    return {**found, "moved on by flow": moved, "mean of the frames": mean} if frames > 1 else found


def bars_between(channels: int) -> dict[str, Bar]:
    """The bars of a frame between others, made of the two beside it."""

    def before(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return beside(source01, channels, "between")[0]

    def mean(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return torch.stack(beside(source01, channels, "between")).mean(0)

    def moved(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        return moved_half_way(*beside(source01, channels, "between"))

    return {"frame before": before, "mean of both": mean, "moved half way by flow": moved}


def moved_on(last01: Tensor, before01: Tensor) -> Tensor:
    """The last frame with everything in it moved on as it moved since the one before: each (C, H, W) in [0, 1].

    The motion is dense optical flow by scikit-image (Le Besnerais and Champagnat 2005); what comes from beyond the
    border is the border's color.
    """
    return looked_up(last01, flow_of(last01, before01))


def moved_half_way(before01: Tensor, after01: Tensor) -> Tensor:
    """The mean of both frames, each with everything in it moved half way towards the other: each (C, H, W) in [0, 1].

    A frame is moved as in `moved_on`: by the motion found at its own pixels.
    """
    forwards, backwards = flow_of(before01, after01), flow_of(after01, before01)
    return (looked_up(before01, -forwards / 2) + looked_up(after01, -backwards / 2)) / 2


def flow_of(at01: Tensor, other01: Tensor) -> np.ndarray:
    """(2, H, W): how many rows and columns away in the other frame stands what this one has at a pixel."""
    at, other = (each.mean(0).double().numpy() for each in (at01, other01))
    flow: np.ndarray = optical_flow_ilk(at, other, radius=FLOW_PX)
    return flow


def looked_up(frame01: Tensor, flow: np.ndarray) -> Tensor:
    """(C, H, W) in [0, 1]: at each pixel what the frame has at that pixel + flow, bilinear."""
    rows, columns = np.meshgrid(*(np.arange(side) for side in frame01.shape[1:]), indexing="ij")
    places = np.array([rows + flow[0], columns + flow[1]])
    bands = [warp(band, places, order=1, mode="edge") for band in frame01.double().numpy()]
    return torch.from_numpy(np.stack(bands)).float().clamp(0, 1)
