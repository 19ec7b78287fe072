"""What the recipes of all rooms share: the seed, and how the loop runs a training."""

from dataclasses import dataclass
from typing import Literal

from limner.learning.recipes.recipe import setting


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs a training, whatever it learns."""

    log_every: int = setting(20, "steps between two rows of training losses", unit="steps", minimum=1)
    evaluate_every: int = setting(1, "epochs between two evaluations", unit="epochs", minimum=1)
    checkpoint_minutes: float = setting(2.0, "time between two checkpoints", unit="minutes", minimum=0)
    steps: int | None = setting(
        None, "steps in all in place of the recipe's epochs; stages keep their shares", unit="steps", minimum=1
    )
    patience: int | None = setting(None, "stop after so many evaluations without a better score", minimum=1)
    keep: Literal["best", "last"] = setting("best", "which weights the run keeps: best by validation score, or last")
    accumulate: int = setting(
        1, "batches whose gradients make one step: as a batch so many times larger, in the memory of one", minimum=1
    )
    precision: Literal["auto", "bf16", "fp32"] = setting("auto", "bf16 autocast where the processor has it, or fp32")
    devices: int = setting(1, "how many GPUs or processes", minimum=1)
    tensorboard: bool = setting(
        False, "write losses and scores for TensorBoard, too, into the run (needs limner[tensorboard])"
    )


@dataclass(frozen=True)
class Recipe:
    """The settings that every recipe has. A room's recipe inherits them and adds its own between seed and loop."""

    task: str = setting("", "the room")
    seed: int = setting(0, "of every random draw", minimum=0)
    loop: LoopSettings = setting(LoopSettings, "evaluation, checkpoints, precision", last=True)
