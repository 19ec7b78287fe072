"""Pairs of faces under any light and under light from the front, for `translate/relight`.

    python benchmarks/lit_faces.py WORK [--data DATA]
    limner train translate/relight --data WORK --data.colors gray --data.source-colors gray --data.held-out 0.2

DATA (default: $LIMNER_DATA) holds yaleb-light. Every picture of a person but that with light from the front is a
source, and that is its target; so a person's pairs look alike and are all learned from or all held out.
docs/results/translate.md says what was learned.
"""

import argparse
import os
import shutil
from pathlib import Path

from limner.foundation.files.writing import replacing

FRONT = "A+000E+00"


def main() -> None:
    """Write the pairs, unless WORK is there."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of yaleb-light")
    options = given.parse_args()
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    if options.work.exists():
        return
    with replacing(options.work) as temporary:
        for name in ("source", "target"):
            (temporary / name).mkdir(parents=True)
        for person in sorted(path for path in (Path(options.data) / "yaleb-light").iterdir() if path.is_dir()):
            front = person / f"{FRONT}.png"
            for picture in sorted(person.glob("*.png")):
                if front.exists() and picture != front:
                    shutil.copy(picture, temporary / "source" / f"{person.name}-{picture.name}")
                    shutil.copy(front, temporary / "target" / f"{person.name}-{picture.name}")


if __name__ == "__main__":
    main()
