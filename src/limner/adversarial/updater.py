"""What moves the weights of an update, on one process or on several."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limner.adversarial.tensors import map_tensors
from limner.adversarial.weights.clip import clip_gradients

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def set_up_network(fabric: "Fabric", network: nn.Module) -> Callable[..., Any]:
    """``network`` as it is called in training: on Fabric's device, in its precision, with the first process's weights.

    Fabric's wrapper is not what is called. It rounds pictures and latents to bfloat16 before the first layer; and
    around it, the hooks of DistributedDataParallel expect one call and one backward of every weight, whereas here a
    network is called several times, some weights stand outside the loss of an update, and penalties differentiate the
    network itself. So `Updater` averages the gradients.

    Gives float32, whatever the precision inside; a tensor, or a tuple of such. What is differentiated twice calls
    ``network`` itself instead, without autocast.
    """
    fabric.setup_module(network)

    def call(*arguments: Any, **options: Any) -> Any:
        with fabric.autocast():
            output = network(*arguments, **options)
        return map_tensors(_in_float32, output)

    return call


class Updater:
    """Takes the weights of an optimizer down a loss: of one network or of several, and of no other.

    fabric: where they learn. optimizer: over all that moves together. clip: the largest L2 norm of their gradient over
    all of them; None: as it comes.
    """

    def __init__(self, fabric: "Fabric", optimizer: torch.optim.Optimizer, clip: float | None = None) -> None:
        self.fabric, self.optimizer, self.clip = fabric, optimizer, clip
        self._mover: Any = fabric.setup_optimizers(optimizer)
        self._parts = 0

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What it moves; what is frozen now is not among it."""
        return [each for group in self.optimizer.param_groups for each in group["params"] if each.requires_grad]

    def step(self, loss: Tensor) -> None:
        """One step down ``loss``, 0-d; within `accumulate` its gradient is only added up."""
        if self._parts:
            self._backward(loss / self._parts)
        else:
            self.optimizer.zero_grad(set_to_none=True)
            self._backward(loss)
            self._move()

    @contextmanager
    def accumulate(self, parts: int) -> Iterator[None]:
        """Within it, so many calls of `step`, each with a part of a large batch; one step down their mean follows."""
        self.optimizer.zero_grad(set_to_none=True)
        self._parts = parts
        try:
            yield
        finally:
            self._parts = 0
        self._move()

    def _backward(self, loss: Tensor) -> None:
        # With inputs named, other networks' weights get no gradient, and none is computed for them.
        self.fabric.backward(loss, inputs=self.parameters)

    def _move(self) -> None:
        parameters = self.parameters
        average(self.fabric, [each.grad for each in parameters if each.grad is not None])
        if self.clip is not None:
            clip_gradients(parameters, self.clip)
        self._mover.step()


@torch.no_grad()
def average(fabric: "Fabric", tensors: Iterable[Tensor]) -> None:
    """Put the mean over all processes into float tensors, in one exchange; of a single process they stay as they are.

    Every process gives as many, of the same shapes, in the same order.
    """
    if fabric.world_size == 1:
        return
    kept = list(tensors)
    if not kept:
        return
    means: Any = fabric.all_reduce(torch.cat([each.flatten() for each in kept]), reduce_op="mean")
    parts = means.split([each.numel() for each in kept])
    torch._foreach_copy_(kept, [part.view_as(each) for part, each in zip(parts, kept, strict=True)])


def average_buffers(fabric: "Fabric", networks: Iterable[nn.Module]) -> None:
    """Give all processes the mean of what their batches left in the networks: the statistics of batch normalization.

    Call it at the end of a step: what is evaluated and kept is then the same everywhere.
    """
    average(fabric, [each for network in networks for each in network.buffers() if each.is_floating_point()])


def _in_float32(output: Tensor) -> Tensor:
    return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output
