"""Files of music, solids, clips and sentences, and runs that learned from them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from damage_kind import Kind, call, learn

from drawn_tunes import draw_tunes

SMALL = "--kimg 0.016 --batch 8 --data.held-out 4 --scores.samples 16"
NARROW = "--generator.width 2 --discriminator.width 2"
TRAININGS = {
    "music": f"train generate/melody --data tunes.abc {SMALL} {NARROW} --bars 2 --generator.latent 4",
    "solids": f"train generate/3d-gan-light --data world/voxels --data.side 16 {SMALL} {NARROW}",
    "clips": f"train generate/vgan-light --data world {SMALL} {NARROW}",
    "captions": f"train generate/captions --data world {SMALL} {NARROW} --likelihood 2 --data.frames 3",
    "sentences": f"train generate/gan-cls-light --data world/pictures {SMALL} {NARROW} --words.steps 2 --words.batch 8",
}
"""By what is learned, without a place for the run."""
DRAW = "draw world --pictures 24 --clips 24 --voxels 24 --side 16 --size-px 32 --out world"


def _world() -> None:
    if not Path("world").exists():
        call(DRAW.split())


def _music() -> None:
    Path("tunes.abc").write_text(draw_tunes(24))
    heard = np.random.default_rng(0).integers(50, 70, (24, 96))
    Path("tunes.json").write_text(json.dumps({"train": [[[int(pitch)] for pitch in piece] for piece in heard]}))


def _trained(name: str) -> Callable[[], None]:
    def draw() -> None:
        (_music if name == "music" else _world)()
        shutil.rmtree(name, ignore_errors=True)
        learn([*TRAININGS[name].split(), "--out", name])

    return draw


def _dry(name: str, data: str) -> str:
    words = TRAININGS[name].split()
    words[words.index("--data") + 1] = data
    return " ".join([*words, "--dry-run"])


def _use(name: str) -> str:
    return "caption captions world/clips/000000.gif --out {out}.csv" if name == "captions" else (
        f"generate {name} -n 1 --out {{out}}"
    )  # fmt: skip


MEDIA_KINDS = {
    "tunes in ABC": Kind(_music, "tunes.abc", (_dry("music", "tunes.abc"),)),
    "music in JSON": Kind(_music, "tunes.json", (_dry("music", "tunes.json"),)),
    "solids": Kind(_world, "world/voxels/solids.npz", (_dry("solids", "world/voxels"),)),
    "clips": Kind(_world, "world/clips/clips.npz", (_dry("clips", "world"), _dry("captions", "world"))),
    "captions of clips": Kind(_world, "world/clips/captions.csv", (_dry("captions", "world"),)),
    "captions of pictures": Kind(_world, "world/pictures/captions.csv", (_dry("sentences", "world/pictures"),)),
    **{
        f"{file} of {name}": Kind(_trained(name), f"{name}/{file}", commands, learns=True)
        for name in TRAININGS
        for file, commands in (
            ("model.json", (_use(name), f"compare {name}")),
            ("evaluation.json", (f"compare {name}",)),
            ("model.safetensors", (_use(name),)),
        )
    },
}
