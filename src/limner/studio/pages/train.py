"""Training: curves that grow, stopped and gone on with."""

from collections.abc import Sequence

from limner.foundation.errors import UserError
from limner.learning.library import list_recipes, settings_of
from limner.learning.runs.opening import RUNS_FOLDER
from limner.learning.runs.run import Run
from limner.studio import runs
from limner.studio.fields import ChoiceField, FolderField, NameField, NumberField, SettingsField, TextField, Values
from limner.studio.page import Block, Output, Page
from limner.studio.pages.addresses import PLACES

NEVER = ("data.paths", "task")
"""Settings that other fields give."""


def recipes() -> list[tuple[str, str]]:
    """Bundled recipes, those to begin with first."""
    found = sorted(list_recipes(), key=lambda each: not each.begin_with)
    return [(each.name, f"{'★ ' if each.begin_with else ''}{each.name}: {each.line}") for each in found]


def words(values: Values, place: str) -> list[str]:
    """`limner train`. place: the run's folder."""
    settings = (values["settings"] or "").split()
    known = settings_of(values["recipe"])
    for name in settings[::2]:
        path = name.removeprefix("--").replace("-", "_")
        if path.partition(".")[0] not in known or path in NEVER:
            raise UserError(
                f"{name} is no setting of {values['recipe']}; limner train {values['recipe']} --help lists them"
            )
    told = ["train", values["recipe"]]
    if values["data"] is not None:
        told += ["--data", values["data"]]
    if values["target"] is not None:
        told += ["--target", values["target"]]
    if values["steps"] is not None:
        told += ["--loop.steps", str(values["steps"])]
    return [*told, *settings, "--out", place]


def run_name(values: Values) -> str:
    """What the run is called where it has no name."""
    return str(values["name"] or values["recipe"].rpartition("/")[2])


def show(output: Output) -> Sequence[Block]:
    """The run."""
    folder = output.folder.inside(output.job.writes)
    return runs.shown(output.folder, Run(folder)) if folder.is_dir() else []


TRAIN = Page(
    name="train",
    short="Train",
    title="Train",
    line="A network learns from your data. Stop it when you like: what it has learned is usable, and it can go on.",
    fields=(
        ChoiceField("recipe", "Recipe", "★: to begin with.", default="segment/modern", needed=True, choices=recipes),
        FolderField("data", "Data", "A folder of areas or pictures; see the recipe's room.", examples=PLACES),
        TextField("target", "Object", "For maps: the class that is mapped, such as building."),
        NumberField("steps", "Steps", "How long it learns; empty: as the recipe has it.", default=None, minimum=1),
        NameField("name", "Name", "Of the run; empty: the recipe's, with a number.", more=True),
        SettingsField(
            "settings", "Settings", "Of the recipe, as the command line has them: --batch 4 --network.depth 34.",
            more=True,
        ),
    ),
    words=words,
    show=show,
    live=show,
    begin="Train",
    run_name=run_name,
    note=f"The run lies in {RUNS_FOLDER}/, where every verb finds it.",
)  # fmt: skip
