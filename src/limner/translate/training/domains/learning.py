"""How the networks of a learning without pairs move: optimizers, learning rates, and the order of the pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from limner.adversarial.updater import Updater, set_up_network
from limner.datasets.order import ShuffledOrder
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task


class MovedNetworks(Task):
    """Networks that move by the optimizers and the schedule that a recipe names."""

    recipe: Any

    def begin_moving(self, stage: Stage, context: StageContext, moved: Mapping[str, Sequence[str]]) -> None:
        """Bring the networks to the device, and make what moves them. moved: by the name that an optimizer has in the
        recipe before ``_optimizer``, the networks that it moves together."""
        recipe, fabric = self.recipe, context.fabric
        self.stage, self.fabric, self.device = stage, fabric, fabric.device
        for network in self.networks.values():
            network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.call = {name: set_up_network(fabric, network) for name, network in self.networks.items()}
        self.optimizers = {
            kind: getattr(recipe, f"{kind}_optimizer").build(
                OPTIMIZERS, [each for name in names for each in self.networks[name].parameters()]
            )
            for kind, names in moved.items()
        }
        self.updaters = {name: Updater(fabric, optimizer) for name, optimizer in self.optimizers.items()}
        self.learning_rate_factor = recipe.schedule.build(SCHEDULES)

    def begin_step(self, index: int) -> None:
        """The learning rates of a step, and all networks as they learn."""
        factor = self.learning_rate_factor(index / self.stage.steps, self.stage.epochs)
        for optimizer in self.optimizers.values():
            set_learning_rate(optimizer, factor)
        for network in self.networks.values():
            network.train()


class DomainLearning(MovedNetworks):
    """What the steps of all systems without pairs share. A subclass sets what stands below and writes the step."""

    learned_of: list[Tensor]
    """Of each domain the pictures that are learned from, (n,) int64."""

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        recipe = self.recipe
        steps = recipe.steps_per_epoch or -(-max(map(len, self.learned_of)) // (recipe.batch * recipe.loop.devices))
        return (Stage("train", recipe.epochs, steps),)

    def orders(self) -> list[ShuffledOrder]:
        """Of each domain the order in which its pictures are shown, independent of the others'."""
        return [
            ShuffledOrder(len(places), self.recipe.batch, self.seed + 1000 * number)
            for number, places in enumerate(self.learned_of)
        ]
