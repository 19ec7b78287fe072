"""Run: the folder that a training leaves, and the only thing the other verbs need."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.documents import as_record, read_json
from limner.foundation.files.schema import bounds
from limner.foundation.files.writing import write_json
from limner.foundation.version import __version__
from limner.learning.runs.metrics import read_metrics
from limner.learning.runs.weights import DAMAGED, WEIGHTS_FILE, read_weight_shapes, read_weights, write_weights
from limner.reporting.card import card, newest_picture

if TYPE_CHECKING:
    from torch import Tensor


FORMAT_VERSION = 1

RUN_FILES = (
    "run.json", "model.json", WEIGHTS_FILE, "checkpoint", "metrics.csv", "curves.png", "pictures",
    "evaluation.json", "card.md", "report.html",
)  # fmt: skip
"""What every training and its conclusion write beside ``recipe.yaml``; rooms add their own
(`limner.learning.rooms.Room`)."""


@dataclass(frozen=True)
class _Status:
    """What ``run.json`` must say."""

    status: Literal["running", "interrupted", "trained", "finished"]
    data_fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int | None = None
    refined_on: str | None = None


@dataclass(frozen=True)
class _Format:
    """What ``model.json`` may say in any version."""

    format_version: int = field(default=FORMAT_VERSION, metadata=bounds(minimum=1))


@dataclass(frozen=True)
class _Facts:
    """What ``model.json`` must say, of whatever room."""

    task: str


@dataclass(frozen=True)
class Run:
    """A training's folder: ``recipe.yaml``, ``model.safetensors`` + ``model.json``, ``checkpoint/``, ``metrics.csv``,
    ``curves.png``, ``pictures/``, ``evaluation.json``, ``card.md``, ``report.html`` and ``run.json`` (status,
    versions), and what the room adds.

    A bundled model is a run with only its model, recipe, card and evaluation, and what the room needs to use it.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def status(self) -> dict[str, Any]:
        """What ``run.json`` says: status (running, interrupted, trained, finished), versions,
        data fingerprint, seconds.
        """
        return _read_json(self.folder / "run.json", _Status)

    @property
    def facts(self) -> dict[str, Any]:
        """What ``model.json`` says of the trained network: format version, task, classes, bands, statistics."""
        version = _read_json(self.folder / "model.json", _Format).get("format_version", FORMAT_VERSION)
        if version > FORMAT_VERSION:
            raise UserError(
                f"{self.folder}: written by a newer limner (format {version}, "
                f"this one reads up to {FORMAT_VERSION}); run pip install -U limner"
            )
        return _read_json(self.folder / "model.json", _Facts)

    @property
    def task(self) -> str:
        """The task that it learned, as ``model.json`` says."""
        return str(self.facts["task"])

    def weights(self) -> "dict[str, Tensor]":
        """The model's tensors by ``network.tensor`` names, float32 on the CPU. Raises what `read_weights` does."""
        return read_weights(self.folder / WEIGHTS_FILE)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of the model; nothing is loaded. Raises what `read_weight_shapes` does."""
        return read_weight_shapes(self.folder / WEIGHTS_FILE)

    def save_model(self, weights: "Mapping[str, Tensor]", facts: Mapping[str, Any]) -> None:
        """Write ``model.safetensors`` and ``model.json``; each is whole or not there."""
        write_weights(self.folder / WEIGHTS_FILE, weights)
        write_json(self.folder / "model.json", {"format_version": FORMAT_VERSION, "limner": __version__, **facts})

    def _repr_html_(self) -> str:
        status = self.status if (self.folder / "run.json").exists() else {}
        facts = self.facts if (self.folder / "model.json").exists() else {}
        told = {
            "room": facts.get("task", ""),
            "status": status.get("status", ""),
            "classes": ", ".join(map(str, facts.get("class_names", ()))),
            "score": status.get("score", ""),
        }
        return card(f"limner run {self.folder}", told, newest_picture(self.folder))

    def recipe_text(self) -> str:
        """The resolved recipe as YAML."""
        return (self.folder / "recipe.yaml").read_text(encoding="utf-8")

    def set_status(self, status: str, **more: Any) -> None:
        """Change ``run.json``: the status, and whatever else is given."""
        path = self.folder / "run.json"
        known = _read_json(path, _Status) if path.exists() else {}
        write_json(path, {**known, "status": status, **more})

    @property
    def metrics_path(self) -> Path:
        """Where its losses and scores stand, a row for each step at which something was measured."""
        return self.folder / "metrics.csv"

    @property
    def scratch(self) -> Path:
        """Where stages keep files for later ones; gone when the training has ended."""
        return self.folder / "scratch"

    def metrics(self) -> list[dict[str, str]]:
        """The rows of ``metrics.csv`` as written (empty cells where nothing was measured)."""
        return read_metrics(self.metrics_path) if self.metrics_path.exists() else []

    def digest(self) -> str:
        """A digest of the model's weights and facts, for "is this the same model as before?"."""
        weights, facts = digests([self.folder / name for name in (WEIGHTS_FILE, "model.json")])
        return hashlib.sha256(f"{weights} {facts}".encode()).hexdigest()[:16]


def _read_json(path: Path, schema: type) -> dict[str, Any]:
    """What a file of a run holds, of the kinds that ``schema`` says; rooms look into what is their own."""
    try:
        found = read_json(path, DAMAGED)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; is {path.parent} a run's folder?") from None
    as_record(found, schema, str(path), DAMAGED)
    return dict(found)
