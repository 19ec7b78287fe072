"""`limner push`: a run as a folder in the form that model hubs expect. Nothing is sent."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from limner.foundation.errors import UserError
from limner.foundation.files.writing import as_utf8, replacing
from limner.learning.rooms import ROOMS, named, room_of_task
from limner.learning.runs.evaluations import EVALUATION_FILE
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.learning.runs.weights import WEIGHTS_FILE
from limner.reporting.card import newest_picture

CARD, CONFIG, PREVIEW = "README.md", "config.json", "preview.jpg"
UNKNOWN = "unknown"
"""What hubs call a license that nobody told."""
HUB_TASKS = {
    "segment": "image-segmentation", "classify": "image-classification", "detect": "object-detection",
    "translate": "image-to-image", "generate": "unconditional-image-generation", "generate-text": "text-to-image",
}  # fmt: skip
"""What hubs call what a run does, by its task, else by its room."""
USES = {"generate": "limner generate {name} -n 16", "segment": "limner segment {name} scene.tif"}
"""How the folder is used; other rooms take pictures by the verb of their name."""


@dataclass(frozen=True)
class Pushed:
    """The folder that stands ready. files: in it, by name. license: as its card tells it."""

    folder: Path
    files: tuple[str, ...]
    license: str

    @property
    def advice(self) -> list[str]:
        """What to look at before the folder is shown to anybody."""
        lines = []
        if self.license == UNKNOWN:
            lines.append("the card says license: unknown; name yours by --license, such as apache-2.0 or cc-by-4.0")
        if PREVIEW in self.files:
            lines.append(f"{PREVIEW} shows data of the training; where that may not be shown, add --no-preview")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"folder": str(self.folder), "files": list(self.files), "license": self.license}


def push(
    run: str | Path | Run,
    out: str | Path,
    *,
    license: str | None = None,
    no_preview: bool = False,
    overwrite: bool = False,
) -> Pushed:
    """Write a run as a folder for a model hub: its card with a header, weights, ``config.json``, a preview.

    The folder is a run, too: every verb takes it, and it is loaded once before it is kept. Paths of this machine are
    cut to their last names. license: an identifier such as ``cc-by-4.0``. no_preview: without a picture of its data.

    Raises `UserError` for a license that is no identifier, a folder that is there, and a run that cannot be loaded.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    folder = Path(out)
    if license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license):
        raise UserError(f"--license '{license}': needed: an identifier such as apache-2.0, cc-by-4.0 or other")
    if folder.exists() and not overwrite:
        raise UserError(f"{folder} is there already; add --overwrite, or name another folder with --out")
    if folder.exists() and not (folder / CONFIG).exists():
        raise UserError(f"--out {folder}: is nothing that limner push wrote; choose another folder")
    with replacing(folder) as temporary:
        temporary.mkdir()
        _write(opened, temporary, folder.name, license or UNKNOWN, with_preview=not no_preview)
        task = named(ROOMS[room_of_task(opened.task)].tasks[opened.task])
        task.predictor(Run(temporary), "cpu")  # what cannot be loaded is not kept
        files = tuple(sorted(path.name for path in temporary.iterdir()))
    return Pushed(folder, files, license or UNKNOWN)


def _write(run: Run, folder: Path, name: str, license: str, *, with_preview: bool) -> None:
    facts, recipe = run.facts, yaml.safe_load(run.recipe_text())
    paths = {text for found in (facts, recipe) for text in _texts(found) if os.path.isabs(text)}
    for file in (WEIGHTS_FILE, *ROOMS[room_of_task(run.task)].files):  # what a room keeps of data stays here
        if file.endswith(".safetensors") and (run.folder / file).is_file():
            shutil.copyfile(run.folder / file, folder / file)
    clean = _without_paths(facts)
    _write_json(folder / "model.json", clean)
    _write_json(folder / CONFIG, _config(clean))
    if (evaluation := run.folder / EVALUATION_FILE).exists():
        _write_json(folder / EVALUATION_FILE, _without_paths(json.loads(evaluation.read_text(encoding="utf-8"))))
    cleaned = _without_paths(recipe)
    text = run.recipe_text() if cleaned == recipe else yaml.safe_dump(cleaned, sort_keys=False, allow_unicode=True)
    (folder / "recipe.yaml").write_bytes(as_utf8(text))
    picture = newest_picture(run.folder) if with_preview else None
    if picture is not None:
        shutil.copyfile(picture, folder / PREVIEW)
    told = (run.folder / "card.md").read_text(encoding="utf-8") if (run.folder / "card.md").exists() else f"# {name}\n"
    for path in sorted(paths, key=len, reverse=True):
        told = told.replace(path, Path(path).name)
    (folder / CARD).write_bytes(as_utf8(_card(told, clean, name, license, picture is not None)))


def _card(told: str, facts: dict[str, Any], name: str, license: str, has_preview: bool) -> str:
    room = room_of_task(facts["task"])
    header: dict[str, Any] = {"license": license, "library_name": "limner"}
    if hub_task := HUB_TASKS.get(facts["task"], HUB_TASKS.get(room)):
        header["pipeline_tag"] = hub_task
    network = facts.get("network")
    header["tags"] = ["limner", room, *([network["name"]] if isinstance(network, dict) and "name" in network else [])]
    use = USES.get(room, f"limner {room} {{name}} picture.jpg").format(name=name)
    preview = f"![What it answers to data of its training]({PREVIEW})\n\n" if has_preview else ""
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n{told.rstrip()}\n\n{preview}## Use\n\n"
        f"This folder is a run of limner {facts.get('limner', '')}:\n\n"
        f"```sh\n{use}\n```\n"
    )


def _config(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts, with the names that hubs look for before them."""
    config: dict[str, Any] = {"library_name": "limner"}
    network = facts.get("network")
    if isinstance(network, dict) and "name" in network:
        config["model_type"] = network["name"]
    if names := facts.get("class_names"):
        config["id2label"] = {str(number): name for number, name in enumerate(names)}
        config["label2id"] = {name: number for number, name in enumerate(names)}
    return {**config, **facts}


def _write_json(path: Path, value: Any) -> None:
    path.write_bytes(as_utf8(json.dumps(value, indent=2, ensure_ascii=False) + "\n"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _without_paths(value: Any) -> Any:
    """The same with absolute paths cut to their last names: they tell of this machine, and lead nowhere elsewhere."""
    if isinstance(value, str):
        return Path(value).name if os.path.isabs(value) else value
    if isinstance(value, dict):
        return {key: _without_paths(each) for key, each in value.items()}
    return [_without_paths(each) for each in value] if isinstance(value, list) else value
