"""Small videos, drawn and encoded by PyAV alone."""

from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

RED, GREEN = (0.8, 0.2, 0.1), (0.1, 0.8, 0.2)


def moving_gradient(frames: int, height: int = 48, width: int = 64) -> list[Tensor]:
    """Smooth colors that move to the right, red above and green below."""
    columns = torch.linspace(0, 3.14, width)
    below = (torch.arange(height) >= height // 2)[:, None]
    return [
        torch.stack([torch.where(below, green, red) * (0.6 + 0.4 * torch.sin(columns + 0.2 * number))[None]
                     for red, green in zip(RED, GREEN, strict=True)])
        for number in range(frames)
    ]  # fmt: skip


def encode(path: Path, frames: list[Tensor], codec: str = "libx264", pixels: str = "yuv420p", rate: int = 25) -> None:
    """A video by PyAV alone, in BT.709."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options={"crf": "4"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[1:], pixels
        stream.codec_context.colorspace = stream.codec_context.color_range = 1
        for picture in frames:
            values = np.ascontiguousarray((picture * 65535).round().numpy().astype(np.uint16).transpose(1, 2, 0))
            frame = av.VideoFrame.from_ndarray(values, format="rgb48le")
            output.mux(stream.encode(frame.reformat(format=pixels, dst_colorspace=1, dst_color_range=1)))
        output.mux(stream.encode())
