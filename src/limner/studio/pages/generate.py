"""New pictures from a run, and a walk from one to the next."""

from collections.abc import Sequence

from limner.studio.fields import NumberField, RunField, TextField, Values
from limner.studio.page import Block, Output, Page, files, pictures
from limner.studio.pages.addresses import file
from limner.studio.pictures import MOST_FRAMES, frame_count

MOST_SHOWN = 256
WALK_FILE = "walk.gif"
RUN = RunField("run", "Run", "One that learned to make pictures.", needed=True, room="generate")
SEED = NumberField("seed", "Seed", "Other seeds, other pictures.", default=0, needed=True, maximum=2**31)
TRUNCATION = NumberField(
    "truncation", "Truncation", "Larger numbers of a latent are drawn again: more usual pictures, fewer kinds.",
    default=None, minimum=0.05, maximum=10, step=0.05, whole=False, more=True,
)  # fmt: skip
CLASSES = TextField("classes", "Classes", "Of a run with classes: which to make, separated by commas.", more=True)


def _shared(values: Values) -> list[str]:
    told = ["--seed", str(values["seed"])]
    if values["truncation"] is not None:
        told += ["--truncation", f"{values['truncation']:g}"]
    return told if values["classes"] is None else [*told, "--classes", values["classes"]]


def words(values: Values, place: str) -> list[str]:
    """`limner generate`."""
    told = ["generate", values["run"], "-n", str(values["n"]), *_shared(values), "--out", f"{place}/generated"]
    return told if values["text"] is None else [*told, "--text", values["text"]]


def show(output: Output) -> Sequence[Block]:
    """The pictures."""
    made = output.below("generated/*.png", "generated/*.gif")[:MOST_SHOWN]
    grid = output.below("generated-grid.png")
    shown = [(file(output, path), path.stem.partition("-")[2].lstrip("0") or "0") for path in made]
    blocks: list[Block] = [pictures(shown, "Picture k of a seed is the same however many are made.", pixels=True)]
    solids = output.below("generated/*.obj")
    there = [*((path, "all of them in one") for path in grid), *((path, "a solid as a mesh") for path in solids)]
    return [*blocks, files([(output.named(path), what) for path, what in there])]


def walk_words(values: Values, place: str) -> list[str]:
    """`limner generate --interpolate`."""
    told = ["generate", values["run"], "--interpolate", f"{place}/{WALK_FILE}", "-n", str(values["stops"])]
    return [*told, "--seconds", f"{values['seconds']:g}", *_shared(values)]


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
    title="Make pictures",
    line="New pictures of the kind that a run has learned.",
    fields=(
        RUN,
        NumberField("n", "How many", default=16, needed=True, minimum=1, maximum=1024),
        SEED,
        TRUNCATION,
        CLASSES,
        TextField("text", "Sentence", "Of a run that learned with sentences, such as: a red cube.", more=True),
    ),
    words=words,
    show=show,
    begin="Make them",
)
WALK = Page(
    name="walk",
    short="Walk",
    title="Walk between pictures",
    line="What a run makes on the way from one picture to the next, and back to the first.",
    fields=(
        RUN,
        NumberField("stops", "Pictures on the way", default=4, needed=True, minimum=2, maximum=64),
        NumberField("seconds", "Seconds", default=4, needed=True, minimum=1, maximum=60, whole=False),
        SEED,
        TRUNCATION,
        CLASSES,
    ),
    words=walk_words,
    show=show_walk,
    begin="Walk",
)
