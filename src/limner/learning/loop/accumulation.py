"""Gradient accumulation: a step learns from a batch that is larger than memory holds, one part after the other."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def accumulated(fabric: "Fabric", model: Any, batch: Sequence[Tensor], parts: int) -> Iterator[tuple[Tensor, ...]]:
    """The batch in so many equal parts, each on the device while its turn is; call ``fabric.backward`` on each.

    Gradients add up, so what each part's loss is divided by is that of the whole batch. Processes exchange them at the
    last part only.

    model: what ``fabric.setup_module`` gave. batch: tensors of equally many items (items, ...), a multiple of
    ``parts``.
    """
    pieces = zip(*(tensor.chunk(parts) for tensor in batch), strict=True)
    for number, piece in enumerate(pieces):
        with fabric.no_backward_sync(model, enabled=number + 1 < parts):
            yield fabric.to_device(piece)


def mean_of_all(fabric: "Fabric", counted: Tensor) -> Tensor:
    """The mean over all processes of what a loss is divided by (0-d): the mean of their losses, and so of their
    gradients, is then that of all their items together, however many count in each process."""
    if fabric.world_size == 1:
        return counted
    mean: Any = fabric.all_reduce(fabric.to_device(counted.float()), reduce_op="mean")
    return mean
