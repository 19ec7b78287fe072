"""What ``limner generate`` writes of a run that makes music: MIDI, piano rolls and sound."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.foundation.files.records import Account, make_once
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import Progress, say
from limner.generate.making.options import GenerateOptions
from limner.generate.making.sample import Generated
from limner.generate.media.music.data.midi import write_midi
from limner.generate.media.music.data.notes import PITCHES
from limner.generate.media.music.predictor import MusicMaker
from limner.generate.media.music.roll import roll_picture
from limner.generate.media.music.sound import tones, write_wav

NOTES_FILE, PHRASES = "notes.npz", 8
"""Where all phrases stand as numbers; how many are made where nobody says."""


def write_music(
    maker: MusicMaker, options: GenerateOptions, folder: Path, request: dict[str, Any], overwrite: bool
) -> Generated:
    """Write phrases into a folder: of each ``<seed>-<number>.mid``, ``.png`` (its piano roll) and ``.wav``; all of them
    in ``notes.npz`` (steps (n, voices, steps) int16, as `MusicMaker.generate` has them) and ``grid.png``. Whole or not
    at all. A phrase without notes is written, and told.
    """
    count = PHRASES if options.n is None else options.n
    asked = {**request, "n": count, "seed": options.seed}

    def make(temporary: Path) -> Account:
        make_folder(temporary)
        phrases = maker.generate(count, seed=options.seed, truncation=options.truncation).numpy()
        np.savez_compressed(temporary / NOTES_FILE, steps=phrases.astype(np.int16))
        if not options.no_grid:
            Image.fromarray(roll_picture(phrases[:64], maker.shape.bar)).save(temporary / "grid.png")
        with Progress("generate", 0 if options.no_files else count, "phrases") as progress:
            for number, phrase in enumerate([] if options.no_files else phrases):
                stem = temporary / f"{options.seed}-{number:06d}"
                write_midi(stem.with_suffix(".mid"), phrase, bar=maker.shape.bar)
                write_wav(stem.with_suffix(".wav"), tones(phrase))
                Image.fromarray(roll_picture(phrase[None], maker.shape.bar)).save(stem.with_suffix(".png"))
                progress.advance()
        return Account({"silent": int((~(phrases < PITCHES).any((1, 2))).sum())})

    made = make_once(folder, asked, make, overwrite=overwrite)
    if made.numbers["silent"]:
        say(f"{made.numbers['silent']} of {count} phrases have no notes")
    grid = folder / "grid.png"
    return Generated(tuple(sorted(folder.glob("*.mid"))), 0 if made.skipped else count, grid if grid.exists() else None)
