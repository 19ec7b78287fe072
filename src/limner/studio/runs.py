"""The runs of a folder: what each learned, how good it is, and how it stands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.progress import duration
from limner.learning.recipes.reading import read_task
from limner.learning.rooms import knows_task, room_of_task
from limner.learning.runs.opening import bundled_models
from limner.learning.runs.run import Run
from limner.reporting.tables import told
from limner.studio import curves
from limner.studio.folder import Folder
from limner.studio.page import Block, files, link, pictures, text

USED_BY = {
    "segment": ("segment", "Map a scene with it"),
    "generate": ("generate", "Make pictures with it"),
    "generate-music": ("generate", "Make music with it"),
    "generate-clips": ("generate", "Make clips with it"),
    "generate-voxels": ("generate", "Make solids with it"),
    "generate-captions": ("caption", "Say what clips show"),
    "translate": ("translate", "Translate a picture with it"),
    "detect": ("detect", "Find objects with it"),
    "classify": ("classify", "Tell pictures with it"),
}
"""The page on which the runs of a task work, or of a room."""
GOOD = ("score", "f1", "iou", "accuracy", "map", "ssim", "psnr", "kid", "fid", "loss")
"""Numbers that tell most about a run, in this order."""


@dataclass(frozen=True)
class Listed:
    """A run in the list. name: as commands write it. status: of its training, or "bundled"."""

    name: str
    room: str
    task: str
    status: str
    score: str
    trained: str
    usable: bool
    report: str | None


def listed(folder: Folder) -> list[Listed]:
    """All runs; what is damaged is listed as such."""
    return [_listed(folder, name) for name in folder.run_names()]


def run_called(folder: Folder, name: str) -> Run:
    """The run of a name in the list. Raises `UserError` for another."""
    if name not in folder.run_names():
        raise UserError(f"no run '{name[:80]}' in this folder")
    return Run(bundled_models().get(name) or folder.inside(name))


def runs_of(folder: Folder, room: str, tasks: Collection[str] = ()) -> list[str]:
    """The names of usable runs of a room, or of all where it is empty; tasks: of these alone, if any is named."""
    return [
        each.name
        for each in listed(folder)
        if each.usable and room in ("", each.room) and (not tasks or each.task in tasks)
    ]


def _listed(folder: Folder, name: str) -> Listed:
    run = run_called(folder, name)
    usable = (run.folder / "model.json").exists()
    report = run.folder / "report.html"
    shown = folder.named(report) if report.exists() and report.is_relative_to(folder.root) else None
    try:
        task = run.task if usable else read_task(run.recipe_text(), name, knows_task)
        room = room_of_task(task)
        if name in bundled_models():
            return Listed(name, room, task, "bundled", "", "", True, None)
        status = run.status
        return Listed(
            name, room, task, str(status["status"]), score_of(run), duration(float(status.get("seconds", 0.0))), usable,
            shown,
        )  # fmt: skip
    except (OSError, UserError):
        return Listed(name, "", "", "damaged", "", "", False, None)


def score_of(run: Run) -> str:
    """The number that tells most about a training so far, in words; empty where nothing was measured."""
    newest: dict[str, str] = {}
    for row in run.metrics():
        newest |= {name: cell for name, cell in row.items() if cell and name.startswith("validation/")}
    for wanted in GOOD:
        for name, cell in newest.items():
            if name.rpartition("/")[2] == wanted:
                return told(name, float(cell))
    return next((told(name, float(cell)) for name, cell in newest.items()), "")


def shown(folder: Folder, run: Run, newest: int = 6) -> Sequence[Block]:
    """A run's curves, its last pictures and its files, as parts of a page; works while it is trained."""
    blocks: list[Block] = []
    try:
        rows = run.metrics()
    except UserError as error:
        return [text(str(error), caution=True)]
    blocks.append(curves.block(rows))
    drawn = sorted(
        (path for path in (run.folder / "pictures").glob("*") if path.suffix.lower() in (".jpg", ".png")),
        key=lambda path: path.stat().st_mtime_ns,
    )
    if drawn:
        last = drawn[-1:] if len(drawn) == 1 else [drawn[0], *drawn[-min(newest, len(drawn)) + 1 :]][:2]
        blocks.append(
            pictures(
                [(_address(folder, path), path.stem) for path in last],
                "What it made last." if len(last) == 1 else "What it made first, and last.",
            )
        )
    if (run.folder / "report.html").exists():
        blocks.append(link(f"file?path={folder.named(run.folder / 'report.html')}", "Read its report"))
    if (run.folder / "model.json").exists():
        page, words = USED_BY.get(run.task, USED_BY.get(room_of_task(run.task), ("look", "Look inside it")))
        blocks.append(link(f"{page}?run={folder.named(run.folder)}", words))
    names = [
        ("recipe.yaml", "how it was trained"),
        ("metrics.csv", "its numbers, step by step"),
        ("card.md", "its card"),
    ]
    there = [(folder.named(run.folder / name), what) for name, what in names if (run.folder / name).exists()]
    return [*blocks, files(there)] if there else blocks


def _address(folder: Folder, path: Path) -> str:
    return f"file?path={folder.named(path)}&changed={path.stat().st_mtime_ns}"
