"""How one family of networks learns: the `Task` every room writes, and the `Stage`s it goes through."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.foundation.signals import StopRequest
from limner.reporting.tables import told_all

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from limner.learning.runs.run import Run


@dataclass(frozen=True)
class Stage:
    """A stretch of learning with its own optimizers: all of most trainings, or one of several.

    A stage without epochs does not step: the loop calls `Task.fit` once (k-means, a support vector machine). Its name
    is in metrics and pictures; stages of one training have different ones.
    """

    name: str
    epochs: int
    steps: int = 0
    """Optimization steps in an epoch."""
    unit: str = "epoch"
    """What progress calls an epoch, where it is not one pass over the data."""
    settings: Any = None
    """What else the recipe says of this stage, as the task wants it."""
    index: int = 0
    """Its place among the stages of its training, from 0; `number_stages` gives it."""
    short: int = 0
    """Steps that its last epoch lacks, where a budget ends it early (`limner.learning.loop.budget`)."""

    @property
    def total_steps(self) -> int:
        """Optimization steps in the whole stage."""
        return self.epochs * self.steps - self.short


def number_stages(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """The stages of one training with their places among each other. Raises `UserError` for two of one name."""
    numbered = tuple(replace(stage, index=index) for index, stage in enumerate(stages))
    names = [stage.name for stage in numbered]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two stages are named '{name}'; give each a name of its own")
    return numbered


@dataclass(frozen=True)
class StageContext:
    """What the loop lends a task for a stage.

    fabric: brings networks, optimizers and batches to the device. scratch: a folder that is there and this training's
    own, for files that later steps or stages read again (features of all pictures); it outlasts a stop and goes when
    the training ends. progress: says how far the training is; a stage without steps adds what it does by
    ``progress.advance(0, note="...")``. stop: true once somebody has asked to stop; `Task.fit` may look at it, steps
    need not.
    """

    fabric: "Fabric"
    scratch: Path
    progress: Progress = field(default_factory=lambda: Progress("stage", 0))
    stop: StopRequest = field(default_factory=StopRequest)


class Task(ABC):
    """How one family learns. The loop in `limner.learning.loop.training` drives it; a task writes no loop of its own.

    ``networks`` and ``optimizers`` hold everything that learns, by name; ``state`` holds further tensors that going on
    exactly where a training stopped needs (a pool of earlier fakes, running averages).

    Every random draw is a pure function of (seed, number), so that going on needs no replay. What draws from torch's
    global generator (dropout) may: the loop seeds it by (``seed``, stage, index) before each step.
    """

    name: ClassVar[str]
    recipe_type: ClassVar[type]
    learning_rate_options: ClassVar[str] = "--optimizer.learning-rate"
    """What to lower when a loss is no longer a number."""
    seed: int = 0
    """Of every random draw: the recipe's."""
    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    state: dict[str, Any]

    @abstractmethod
    def __init__(self, recipe: Any) -> None:
        """Read the data and make the networks that ``recipe`` names; ready for the first stage."""

    @classmethod
    @abstractmethod
    def with_data(cls, recipe: Any, paths: Sequence[Path], options: Any) -> Any:
        """The recipe with other data, read otherwise: what ``--data`` says (nothing: the recipe's own), and the room's
        options of `limner train` (`limner.learning.rooms.Room`; None where it has none)."""

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The stages of this training, in order."""

    @abstractmethod
    def begin(self, stage: Stage, context: StageContext) -> None:
        """Make the stage's optimizers and hand networks and optimizers to ``context.fabric``."""

    def skips(self, stage: Stage) -> bool:
        """Whether a stage that steps, begun, need not: what earlier stages found makes it needless."""
        return False

    def batch(self, stage: Stage, number: int) -> Any:
        """The stage's batch ``number`` (0, 1, 2, ...), the same whenever and wherever it is asked for.

        Called from a background thread that reads ahead.
        """
        raise NotImplementedError(f"{type(self).__name__} has a stage that steps and needs batch()")

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """One optimization step: draws the batches it needs, forward, backward, update.

        index: the step's number in its stage, from 0. Returns named 0-d tensors, detached, that nobody reads here.
        """
        raise NotImplementedError(f"{type(self).__name__} has a stage that steps and needs step()")

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float] | None:
        """Learn a stage that does not step, at once; returns named numbers for the metrics.

        None: ``context.stop`` ended it early. The run then holds what was before the stage, and who goes on begins it
        anew.
        """
        raise NotImplementedError(f"{type(self).__name__} has a stage without steps and needs fit()")

    @abstractmethod
    def evaluate(self) -> Mapping[str, float]:
        """Named scores on what is held out now; empty when nothing is held out."""

    score: tuple[str, int] = ("", 1)
    """The name in `evaluate` that tells the best epoch, and 1 or -1: is more or less better? Without one: the last."""

    def picture(self) -> np.ndarray | None:
        """What it looks like now: (height, width, 3) uint8, or None."""
        return None

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What a user of the trained networks must know (classes, bands, statistics); goes into ``model.json``."""

    @classmethod
    @abstractmethod
    def predictor(cls, run: "Run", device: str = "auto") -> Any:
        """The object that predicts with a run's networks: what `limner.load` hands out."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of the data that is learned from: another digest is another training."""

    @abstractmethod
    def summary(self) -> str:
        """The data and the network in one line, said before training."""

    def calibrate(self) -> None:
        """After the last step, with the weights that the run keeps: measure what depends on them (a threshold)."""
        return

    @abstractmethod
    def finish(self, run: "Run") -> None:
        """After the last step: evaluation, curves, card and report into the run."""

    def told(self, scores: Mapping[str, float]) -> str:
        """What an evaluation gave, in words: of `evaluate`, without the alarms."""
        return told_all(scores)

    def closing_line(self, run: "Run") -> str:
        """The finished run's score beside what scores without learning; empty where nothing was scored."""
        return ""

    def stopped_line(self, run: "Run") -> str:
        """What the run of a training that was stopped is, in words."""
        return f"{run.folder} is usable as it is"

    def weights(self) -> dict[str, Tensor]:
        """All networks' tensors by ``network.tensor`` names, on the CPU."""
        return {
            f"{name}.{key}": value.detach().to("cpu", copy=True).contiguous()
            for name, network in self.networks.items()
            for key, value in network.state_dict().items()
        }

    def load_weights(self, weights: Mapping[str, Tensor]) -> Self:
        """Put `weights` back."""
        for name, network in self.networks.items():
            prefix = name + "."
            network.load_state_dict(
                {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
            )
        return self

    def state_dict(self) -> dict[str, Any]:
        """Everything that going on needs: networks, optimizers and ``state``."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "state": self.state,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Put `state_dict` back; call after `begin` of the same stage."""
        for name, network in self.networks.items():
            network.load_state_dict(saved["networks"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        self.state = dict(saved["state"])
