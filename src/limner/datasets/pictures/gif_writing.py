"""GIFs, each of whose frames is in the file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata, getheader

from limner.foundation.machine.disk import open_for_encoder

COLORS = 256


def write_gif(path: Path, frames: Iterable[np.ndarray], seconds: float) -> None:
    """Write frames, one or more of (H, W, 3) uint8, as a GIF that begins again at its end.

    Pillow's own writer makes one frame of neighbors that are alike, so that a clip in which nothing moves would be a
    picture, and one in which something rests would no longer have its frames evenly in time.

    path: a file that nobody reads yet. seconds: how long each frame is shown, in hundredths at the finest. Raises
    `UserError` where the disk is full.
    """
    with open_for_encoder(path) as file:
        for number, frame in enumerate(frames):
            picture = Image.fromarray(frame).quantize(COLORS)
            if number == 0:
                head, _ = getheader(picture, info={"loop": 0, "duration": round(1000 * seconds)})
                for part in head:
                    file.write(part)
            for part in getdata(picture, duration=round(1000 * seconds), include_color_table=True):
                file.write(part)
        file.write(b";")
