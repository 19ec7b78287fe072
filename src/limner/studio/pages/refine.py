"""Going on learning from the few objects that somebody has drawn."""

from collections.abc import Sequence
from urllib.parse import urlencode

from limner.foundation.files.suffixes import MASKS, RASTERS, VECTORS
from limner.learning.runs.run import Run
from limner.studio import runs
from limner.studio.fields import FileField, NameField, NumberField, RunField, Values
from limner.studio.page import Block, Output, Page, link, printed
from limner.studio.pages.segment import map_of


def words(values: Values, place: str) -> list[str]:
    """`limner refine`. place: the run's folder."""
    told = ["refine", values["run"], values["scene"], "--labels", values["labels"]]
    if values["within"] is not None:
        told += ["--within", values["within"]]
    if values["epochs"] is not None:
        told += ["--epochs", str(values["epochs"])]
    if values["annotate_next"]:
        told += ["--annotate-next", str(values["annotate_next"])]
    return [*told, "--out", place]


def run_name(values: Values) -> str:
    """What the run is called where it has no name."""
    return str(values["name"] or "refined")


def live(output: Output) -> Sequence[Block]:
    """The run while it learns."""
    folder = output.folder.inside(output.job.writes)
    return runs.shown(output.folder, Run(folder)) if folder.is_dir() else []


def show(output: Output) -> Sequence[Block]:
    """What the held-out ground said, and the run."""
    said = output.printed.rpartition(output.job.writes)[0].strip()
    scene, run = output.job.values["scene"], output.job.values["run"]
    ways = [("Map the scene with it", output.job.writes)]
    if map_of(output, scene, run) is None:
        ways.insert(0, ("Map the scene as before, to compare", run))
    more = [link(f"segment?{urlencode({'run': name, 'scene': scene})}", words) for words, name in ways]
    return [*([printed(said)] if said else []), *more, *live(output)]


REFINE = Page(
    name="refine",
    short="Refine",
    title="Refine a run on a scene",
    line="The network learns from a few objects that you draw, and stays as it was where that does not help.",
    fields=(
        FileField(
            "scene", "Scene", "The one to go on learning from.", needed=True, suffixes=RASTERS,
            examples=(("banepa", "Banepa, Nepal (bundled)"),),
        ),
        FileField(
            "labels", "Drawn objects", "Drawn here, or polygons (GeoPackage, GeoJSON), or a mask with 255 where "
            "nothing is known.", needed=True, suffixes=(*VECTORS, *MASKS), easel="objects", over="scene",
        ),
        FileField("within", "Drawn ground", "The outline of the ground on which all objects were drawn; without it, a "
                  "ring around each object is known ground.", suffixes=VECTORS, easel="ground", over="scene"),
        RunField("run", "Run", "A training of yours, or a bundled model.", default="buildings", needed=True,
                 room="segment"),
        NumberField("epochs", "Epochs", "Empty: as the verb has it.", default=None, minimum=1, more=True),
        NumberField("annotate_next", "Windows to draw next", "How many are proposed, as a GeoPackage in the run.",
                    default=0, needed=True, maximum=100, more=True),
        NameField("name", "Name", "Of the new run; empty: refined, with a number.", more=True),
    ),
    words=words,
    show=show,
    live=live,
    begin="Refine",
    run_name=run_name,
)  # fmt: skip
