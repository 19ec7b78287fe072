"""Lightning Fabric: where tensors lie, how they are computed, and how the processes of one training meet."""

import logging
from typing import Any

from lightning_fabric import Fabric

from limner.foundation.machine.precision import choose_precision
from limner.learning.loop.processes import machines
from limner.learning.loop.settings import LoopSettings


def make_fabric(settings: LoopSettings) -> Fabric:
    """Fabric for these settings, met by all their processes: a GPU when there is one, bf16 autocast where the processor
    has it."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it says the precision whenever it is made
    precision: Any = choose_precision(settings.precision)
    fabric = Fabric(devices=settings.devices // machines(), num_nodes=machines(), precision=precision)
    fabric.launch()
    return fabric
