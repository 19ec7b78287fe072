"""Frames of a video as pictures and back: in the right colors, field by field where they are interlaced, with alpha."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from torch import Tensor

UNSPECIFIED = (2, 3)
"""Numbers of H.273 for a matrix, primaries or a transfer that nobody named."""
BT709_FROM_PX = 1280
BT601_UP_TO_PX = 576
"""Frames as wide as the first or higher than the second that name no matrix are BT.709, others BT.601, as mpv and most
players decide it."""
ACCURATE = int(Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
"""The scaler's plain path repeats chroma samples and errs by up to 2 of 255."""
FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int"
"""The same, in words."""
TOP_FIRST, BOTTOM_FIRST = "tff", "bff"
"""Which field of an interlaced frame is shown first."""


def names_matrix(frame: av.VideoFrame) -> bool:
    """Whether a frame says by which matrix its colors were made, or needs none."""
    return bool(frame.format.is_rgb) or frame.colorspace not in UNSPECIFIED


def matrix_of(frame: av.VideoFrame) -> Colorspace:
    """What it says, or what players take where it says nothing."""
    if frame.colorspace not in UNSPECIFIED:
        return Colorspace(frame.colorspace)
    wide = frame.width >= BT709_FROM_PX or frame.height > BT601_UP_TO_PX
    return Colorspace.ITU709 if wide else Colorspace.ITU601


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether the frame says what is transparent."""
    return any(component.is_alpha for component in frame.format.components)


def is_deep(frame: av.VideoFrame) -> bool:
    """Whether the frame has more than 8 bits."""
    return any(component.bits > 8 for component in frame.format.components)


def to_picture(frame: av.VideoFrame) -> tuple[Tensor, Tensor | None]:
    """A decoded frame as it is meant to be seen, turned as its metadata says: ((3, H, W), (H, W) alpha or None).

    float32 in [0, 1], gamma-encoded, in the video's own primaries.
    """
    deep, alpha = is_deep(frame), has_alpha(frame)
    form = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
    if frame.interlaced_frame and _shares_chroma_between_rows(frame):
        matrix = "" if names_matrix(frame) else f":in_color_matrix={matrix_of(frame).name.lower().replace('itu', 'bt')}"
        values = _scaled(frame, form, f"interl=1:{FLAGS}{matrix}").to_ndarray()
    else:
        values = frame.to_ndarray(
            format=form, src_colorspace=None if frame.format.is_rgb else matrix_of(frame), interpolation=ACCURATE
        )
    values = np.rot90(values, round(frame.rotation / 90))  # both count counterclockwise
    picture = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)).astype(np.float32))
    picture.div_(65535 if deep else 255)
    return picture[:3], picture[3] if alpha else None


def to_frame(picture: Tensor, fields: str | None = None) -> av.VideoFrame:
    """A frame of 4:2:0 in BT.709, limited range, of even size. The step to 4:2:0 starts from 16 bits: it rounds once.

    picture: (3, H, W) float, clipped to [0, 1]; the last row and column are repeated as far as needed. fields: of an
    interlaced frame, which is first; each then has its own chroma, and the height is a multiple of 4.
    """
    height, width = picture.shape[1:]
    values = picture.detach().clamp(0, 1).mul(65535).round().to("cpu", torch.int32).numpy().astype(np.uint16)
    padding = (0, 0), (0, -height % (4 if fields else 2)), (0, width % 2)
    values = np.pad(values, padding, mode="edge").transpose(1, 2, 0)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format="rgb48le")
    if fields:
        return _scaled(frame, "yuv420p", f"interl=1:{FLAGS}:out_color_matrix=bt709:out_range=tv", fields)
    return frame.reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, interpolation=ACCURATE
    )


def _shares_chroma_between_rows(frame: av.VideoFrame) -> bool:
    return not frame.format.is_rgb and frame.format.chroma_height(2) == 1


def _scaled(frame: av.VideoFrame, form: str, options: str, fields: str | None = None) -> av.VideoFrame:
    """The frame in another format by FFmpeg's filter, which alone knows that every second row is of another moment."""
    graph = av.filter.Graph()
    shape = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25"
    colors = f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
    chain = [
        graph.add("buffer", shape + colors),
        graph.add("scale", options),
        graph.add("format", f"pix_fmts={form}"),
        *([graph.add("setfield", fields)] if fields else []),
        graph.add("buffersink"),
    ]
    for first, second in pairwise(chain):
        first.link_to(second)
    graph.configure()
    chain[0].push(frame)
    scaled = chain[-1].pull()
    assert isinstance(scaled, av.VideoFrame)  # of a graph of pictures
    return scaled
