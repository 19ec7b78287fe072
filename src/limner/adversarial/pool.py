"""Earlier fakes, which a discriminator is shown again so that it does not forget what it has learned from them."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from limner.adversarial.tensors import map_tensors

Sample = TypeVar("Sample")


class FakePool:
    """Exchanges half of the fakes with earlier ones.

    Shrivastava et al., CVPR 2017, sec. 2.3; Zhu et al., "Unpaired Image-to-Image Translation ...", ICCV 2017.

    As in CycleGAN's code: until the pool is full, each fake is kept and shown. Then each is, with probability 1/2, kept
    in the place of a random earlier one, which is shown instead; otherwise it is shown and not kept.

    size: how many are kept; the paper: 50.

    What is kept is the task's, in its ``state``, so that it is in the checkpoint:

        shown, self.state["pool"] = pool.exchange(self.state.get("pool"), fake.detach(), draws.of("pool", index))
    """

    def __init__(self, size: int = 50) -> None:
        if size < 1:
            raise ValueError(f"a pool of {size} fakes; needed: at least 1")
        self.size = size

    def exchange(self, earlier: Any, fake: Sample, generator: torch.Generator) -> tuple[Sample, Any]:
        """What the discriminator is shown, as much as ``fake``, and what is kept from now on.

        earlier: what was kept before; None before the first. It may come from a checkpoint, on another device. fake: a
        tensor (B, ...), or a tuple of such, whose parts stay together; of a named tuple the names are not kept, since
        checkpoints know none. generator: on the CPU, so that nothing waits for another device.
        """
        kept = 0 if earlier is None else _count(earlier)
        places = list(range(kept))  # of the kept, then the new ones, in one row
        shown = []
        for place in range(kept, kept + _count(fake)):
            if len(places) < self.size:
                places.append(place)
            elif torch.rand((), generator=generator) < 0.5:
                chosen = int(torch.randint(self.size, (), generator=generator))
                places[chosen], place = place, places[chosen]
            shown.append(place)
        return _gathered(earlier, fake, shown), _unnamed(_gathered(earlier, fake, places))


def _count(sample: Any) -> int:
    return len(sample) if isinstance(sample, Tensor) else _count(next(part for part in sample if part is not None))


def _gathered(earlier: Any, fake: Any, places: list[int]) -> Any:
    """What stands at these places of the earlier fakes and the new ones in a row."""

    def gather(new: Tensor, old: Tensor | None = None) -> Tensor:
        row = new.detach() if old is None else torch.cat([old.to(new.device), new.detach()])
        return row[torch.tensor(places).to(new.device, non_blocking=True)]

    return map_tensors(gather, fake) if earlier is None else map_tensors(gather, fake, earlier)


def _unnamed(sample: Any) -> Any:
    return tuple(map(_unnamed, sample)) if isinstance(sample, tuple) else sample
