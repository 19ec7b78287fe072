"""New pictures, music and other media from a run, and a walk from one picture to the next."""

from collections.abc import Sequence
from pathlib import Path

from limner.studio.fields import NumberField, RunField, TextField, Values
from limner.studio.page import Block, Output, Page, files, pictures
from limner.studio.pages.addresses import file
from limner.studio.pictures import MOST_FRAMES, frame_count

MOST_SHOWN, MOST_HEARD = 256, 32
WALK_FILE = "walk.gif"
MADE = ("generate", "generate-text", "generate-clips", "generate-music", "generate-voxels")
"""Tasks whose runs make something."""
RUN = RunField("run", "Run", "One that learned to make pictures or music.", needed=True, room="generate", tasks=MADE)
PICTURE_RUN = RunField(
    "run", "Run", "One that learned to make pictures.", needed=True, room="generate", tasks=("generate",)
)
SEED = NumberField("seed", "Seed", "Other seeds, other pictures.", default=0, needed=True, maximum=2**31)
TRUNCATION = NumberField(
    "truncation", "Truncation",
    "Smaller: more usual pictures, fewer kinds. Larger numbers of a latent are drawn again; of a run with styles, this "
    "share of each style's difference from the mean is kept. Empty: as the run has it.",
    default=None, minimum=0.05, maximum=2, step=0.05, whole=False, slider=True,
)  # fmt: skip
CLASSES = TextField("classes", "Classes", "Of a run with classes: which to make, separated by commas.", more=True)


def sampling(values: Values) -> list[str]:
    """Options of what is drawn, whatever is made of it."""
    told = ["--seed", str(values["seed"])]
    if values["truncation"] is not None:
        told += ["--truncation", f"{values['truncation']:g}"]
    return told if values.get("classes") is None else [*told, "--classes", values["classes"]]


def words(values: Values, place: str) -> list[str]:
    """`limner generate`."""
    told = ["generate", values["run"], "-n", str(values["n"]), *sampling(values), "--out", f"{place}/generated"]
    if values["strength"]:
        told += ["--edit", f"{values['direction']}={values['strength']:g}"]
    return told if values["text"] is None else [*told, "--text", values["text"]]


def show(output: Output) -> Sequence[Block]:
    """The pictures; of music its rolls and sound."""
    if sounds := output.below("generated/*.wav"):
        return _show_music(output, sounds[:MOST_HEARD])
    made = output.below("generated/*.png", "generated/*.gif")[:MOST_SHOWN]
    grid = output.below("generated-grid.png")
    shown = [(file(output, path), path.stem.partition("-")[2].lstrip("0") or "0") for path in made]
    blocks: list[Block] = [pictures(shown, "Picture k of a seed is the same however many are made.", pixels=True)]
    solids = output.below("generated/*.obj")
    there = [*((path, "all of them in one") for path in grid), *((path, "a solid as a mesh") for path in solids)]
    return [*blocks, files([(output.named(path), what) for path, what in there])]


def _show_music(output: Output, sounds: Sequence[Path]) -> Sequence[Block]:
    heard = []
    for path in sounds:
        roll = path.with_suffix(".png")
        drawn = file(output, roll) if roll.exists() else None
        heard.append({"name": f"phrase {path.stem}", "sound": file(output, path), "roll": drawn})
    notes = [(path, f"phrase {path.stem} as MIDI") for path in output.below("generated/*.mid")[:MOST_HEARD]]
    caption = "Pitch upwards, time to the right, lines at bars and at each C; the sound is of plain tones."
    there = [*notes, *((path, "all of them as numbers") for path in output.below("generated/notes.npz"))]
    heard_block: Block = {"kind": "heard", "heard": heard, "caption": caption}
    return [heard_block, files([(output.named(path), what) for path, what in there])]


def walk_words(values: Values, place: str) -> list[str]:
    """`limner generate --interpolate`."""
    told = ["generate", values["run"], "--interpolate", f"{place}/{WALK_FILE}", "-n", str(values["stops"])]
    return [*told, "--seconds", f"{values['seconds']:g}", *sampling(values)]


def show_walk(output: Output) -> Sequence[Block]:
    """The walk, frame by frame under a slider."""
    film = output.place / WALK_FILE
    if not film.exists():
        return []
    count = frame_count(film)
    every = -(-count // MOST_FRAMES)
    address = f"picture?as=frame&path={output.named(film)}&number="
    frames = [f"{address}{number}" for number in range(0, count, every)]
    caption = "Move along the walk by mouse or arrow keys; it ends where it began."
    return [{"kind": "frames", "frames": frames, "caption": caption}, files([(output.named(film), "the walk (GIF)")])]


GENERATE = Page(
    name="generate",
    short="Make",
    title="Make pictures or music",
    line="New pictures, clips, solids or music of the kind that a run has learned.",
    fields=(
        RUN,
        NumberField("n", "How many", default=16, needed=True, minimum=1, maximum=1024),
        SEED,
        TRUNCATION,
        CLASSES,
        TextField("text", "Sentence", "Of a run that learned with sentences, such as: a red cube.", more=True),
        NumberField("strength", "Move by", "Of a run with styles: all pictures moved along a direction, so many "
                    "standard deviations; 0: not moved.", default=0, needed=True, minimum=-6, maximum=6, step=0.5,
                    whole=False, slider=True, more=True),
        NumberField("direction", "Direction", "0 changes most.", default=0, needed=True, maximum=511, more=True),
    ),
    words=words,
    show=show,
    begin="Make them",
)  # fmt: skip
WALK = Page(
    name="walk",
    short="Walk",
    title="Walk between pictures",
    line="What a run makes on the way from one picture to the next, and back to the first.",
    fields=(
        PICTURE_RUN,
        NumberField("stops", "Pictures on the way", default=4, needed=True, minimum=2, maximum=64),
        NumberField("seconds", "Seconds", default=4, needed=True, minimum=1, maximum=60, whole=False),
        SEED,
        TRUNCATION,
        CLASSES,
    ),
    words=walk_words,
    show=show_walk,
    begin="Walk",
    verb="generate",
)
