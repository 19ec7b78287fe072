"""A room from outside limner, as small as one can be: a line through the origin, learned from a file of numbers."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.files.writing import write_text
from limner.learning.loop.settings import Recipe
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.networks.listing import NetworkRow
from limner.learning.recipes.recipe import setting
from limner.learning.rooms import Room, Verb
from limner.learning.runs.evaluations import Compared, write_evaluation
from limner.learning.runs.run import Run
from limner.learning.seed_table import Measure

ROOM = Room(
    "lines through points",
    tasks={"toy": "toy_room:ToyTask"},
    train=Verb(options="toy_room:ToyReading"),
    evaluate=Verb("toy_room:evaluate_line", "toy_room:ToyScoring"),
    compare=Verb("toy_room:compare_lines", "toy_room:ToyTable"),
    networks=Verb("toy_room:list_lines"),
    check=Verb("toy_room:check_points", "toy_room:ToyReading"),
    files=("slope.txt",),
)
RECIPE = "task: toy\nepochs: 3\nloop: {precision: fp32, log_every: 1, checkpoint_minutes: 0}\n"


@dataclass(frozen=True)
class ToyReading:
    """How the points are read."""

    unit: Annotated[float | None, Parameter(help="What a number stands for.")] = None


@dataclass(frozen=True)
class ToyScoring:
    """How a line is scored."""

    squared: Annotated[bool, Parameter(negative=(), help="Mean squared error instead of mean error.")] = False


@dataclass(frozen=True)
class ToyTable:
    """What a table of lines shows."""

    digits: Annotated[int, Parameter(help="Behind the point.")] = 2


@dataclass(frozen=True)
class ToyRecipe(Recipe):
    """How to learn a line."""

    task: Literal["toy"] = setting("toy", "the room")
    path: Path | None = setting(None, "file of points (--data)")
    unit: float = setting(1.0, "what a number stands for")
    learning_rate: float = setting(0.1, "of gradient descent", minimum=0)
    epochs: int = setting(3, "passes over the points", minimum=1)


def read_points(path: Path, unit: float = 1.0) -> tuple[Tensor, Tensor]:
    """x and y, (n, 1) float32 each."""
    try:
        rows = torch.tensor([list(map(float, line.split())) for line in path.read_text().splitlines()])
    except ValueError:
        raise UserError(f"{path}: not two numbers a line") from None
    return rows[:, :1] * unit, rows[:, 1:] * unit


class ToyTask(Task):
    """Least squares by gradient descent."""

    name = "toy"
    recipe_type = ToyRecipe
    learning_rate_options = "--learning-rate"
    score = ("error", -1)

    def __init__(self, recipe: ToyRecipe) -> None:
        if recipe.path is None:
            raise UserError("no points; add --data FILE")
        self.recipe, (self.x, self.y) = recipe, read_points(recipe.path, recipe.unit)
        line = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(line.weight)
        self.networks, self.optimizers, self.state = {"line": line}, {}, {}

    @classmethod
    def with_data(cls, recipe: ToyRecipe, paths: Sequence[Path], options: ToyReading) -> ToyRecipe:
        path = {"path": paths[0]} if paths else {}
        unit = {} if options.unit is None else {"unit": options.unit}
        return replace(recipe, **path, **unit)

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("descend", self.recipe.epochs, 2),)

    def begin(self, stage: Stage, context: StageContext) -> None:
        self.optimizers = {"line": torch.optim.SGD(self.networks["line"].parameters(), self.recipe.learning_rate)}

    def batch(self, stage: Stage, number: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(number))[:2]
        return self.x[chosen], self.y[chosen]

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        x, y = next(batches)
        self.optimizers["line"].zero_grad()
        loss = (self.networks["line"](x) - y).square().mean()
        loss.backward()
        self.optimizers["line"].step()
        return {"loss": loss.detach()}

    def evaluate(self) -> Mapping[str, float]:
        with torch.no_grad():
            return {"error": float((self.networks["line"](self.x) - self.y).abs().mean())}

    def facts(self) -> dict[str, Any]:
        return {"task": self.name, "path": str(self.recipe.path), "unit": self.recipe.unit}

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> float:
        return float(run.weights()["line.weight"])

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.x.numpy().tobytes() + self.y.numpy().tobytes()).hexdigest()[:16]

    def summary(self) -> str:
        return f"{len(self.x)} points"

    def finish(self, run: Run) -> None:
        write_evaluation(run.folder / "evaluation.json", self.name, dict(self.evaluate()))
        write_text(run.folder / "slope.txt", f"{self.predictor(run)}\n")


@dataclass(frozen=True)
class ToyScore:
    """How far points lie from a line."""

    name: str
    value: float

    def to_json(self) -> dict[str, Any]:
        return {self.name: self.value}

    def to_markdown(self) -> str:
        return f"{self.name}: {self.value:.3f}"


def evaluate_line(run: Run, options: ToyScoring, *, data: Sequence[Path], device: str) -> ToyScore:
    """Score a run on its own points, or on others."""
    x, y = read_points(data[0] if data else Path(run.facts["path"]), run.facts["unit"])
    apart = x * ToyTask.predictor(run) - y
    if options.squared:
        return ToyScore("squared error", float(apart.square().mean()))
    return ToyScore("error", float(apart.abs().mean()))


@dataclass(frozen=True)
class ToyComparison:
    """Errors side by side."""

    errors: dict[str, float]
    digits: int

    def to_json(self) -> dict[str, Any]:
        return dict(self.errors)

    def to_markdown(self) -> str:
        return "\n".join(f"| {name} | {error:.{self.digits}f} |" for name, error in self.errors.items())

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        return {name: {Measure("error", "lower", 6): error} for name, error in self.errors.items()}

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.errors))


def compare_lines(items: Sequence[Compared], options: ToyTable, *, device: str) -> ToyComparison:
    """The errors of several runs."""
    return ToyComparison({item.name: item.needed()["error"] for item in items}, options.digits)


def list_lines(options: None) -> list[NetworkRow]:
    """The one network of this room."""
    return [NetworkRow("line", "", 1, None, "A line through the origin.")]


@dataclass(frozen=True)
class ToyCheck:
    """Whether points can be read."""

    problem: str

    @property
    def usable(self) -> bool:
        return not self.problem

    def to_json(self) -> dict[str, Any]:
        return {"problem": self.problem}

    def to_text(self) -> str:
        return self.problem or "fine"


def check_points(data: Sequence[Path], options: ToyReading, *, sheet: Path | None) -> ToyCheck:
    """Read the points; no sheet is drawn."""
    try:
        read_points(data[0], options.unit or 1.0)
    except UserError as error:
        return ToyCheck(str(error))
    return ToyCheck("")
