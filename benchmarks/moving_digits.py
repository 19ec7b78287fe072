"""The clips of moving digits as folders of frames, for `translate/next-frame`.

    python benchmarks/moving_digits.py WORK [--data DATA] [--clips 60]
    limner train translate/next-frame --data WORK --data.colors gray

DATA (default: $LIMNER_DATA) holds moving-mnist with its ``sequences.npz``. docs/results/translate.md says what was
learned.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image

from limner.foundation.files.writing import replacing


def main() -> None:
    """Write the first clips, unless WORK is there."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of moving-mnist")
    given.add_argument("--clips", type=int, default=60)
    options = given.parse_args()
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    if options.work.exists():
        return
    with np.load(Path(options.data) / "moving-mnist" / "sequences.npz") as file:
        videos = file["videos"][: options.clips]
    with replacing(options.work) as temporary:
        for number, video in enumerate(videos):
            folder = temporary / f"{number:03d}"
            folder.mkdir(parents=True)
            for place, frame in enumerate(video):
                Image.fromarray(frame).save(folder / f"{place:02d}.png")


if __name__ == "__main__":
    main()
