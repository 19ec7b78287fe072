"""One interface for networks: named stages, strides, channels, receptive fields, and the table of all layers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.inspection.fields import Field, receptive_fields
from limner.nn.inspection.layers import Calls, Layer, call_layers, fixed_numbers
from limner.nn.inspection.sharing import SHARINGS, Shared, Sharing, share_otherwise
from limner.nn.inspection.stages import Stage, find_stages
from limner.nn.inspection.text import inspection_text


@dataclass(frozen=True, eq=False)
class Inspection:
    """What any `nn.Module` that takes pictures tells of itself; nothing is learned or changed, and no memory is taken.

    network: on any device, ``meta`` included. size: (C, H, W) of a picture that it takes. title: what to call it.

    >>> layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3))
    >>> found = Inspection(layers, (1, 28, 28))
    >>> [(stage.name, stage.channels, stage.receptive_field) for stage in found.stages]
    [('1', 4, 3), ('2', 4, 4), ('3', 8, 8)]
    >>> found.parameters, found.multiply_adds
    (336, 59184)
    """

    network: nn.Module
    size: tuple[int, int, int]
    title: str = ""

    @cached_property
    def calls(self) -> Calls:
        """What one run showed. Raises `UserError` for a network that does not take pictures of this size."""
        try:
            return call_layers(self.network, self.size)
        except UserError:
            raise
        except Exception as error:
            picture = "x".join(map(str, self.size))
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"{self.name} does not take pictures of {picture}: {reason}; give another --input"
            ) from error

    @property
    def name(self) -> str:
        """The title, or the network's class."""
        return self.title or type(self.network).__name__

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that do something themselves, in the order of their calls."""
        return self.calls.layers

    @cached_property
    def fields(self) -> dict[str, Field | None]:
        """What one place of each layer's and stage's output sees; None: the whole picture, or it has no places."""
        maps = [name for name, shape in self.calls.outputs.items() if len(shape) == 3 and shape[1] > 1]
        wanted = [layer.name for layer in self.layers if layer.name in maps and _reads_windows(layer)]
        return receptive_fields(self.network, list(dict.fromkeys([*wanted, *self._ends])), self.size)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stretches between two changes of resolution."""
        found = []
        for name in self._ends:
            channels, height, _ = self.calls.outputs[name]
            field = self.fields.get(name)
            stride = self.size[1] / height if field is None else field.stride
            found.append(Stage(name, channels, stride, None if field is None else field.rows))
        return tuple(found)

    @cached_property
    def _ends(self) -> list[str]:
        return find_stages(self.network, self.calls.outputs)

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """What each stage makes of pictures: (B, C, H, W) as the network takes them -> (B, channels, H', W') by the
        stages' names. As in evaluation, without gradients."""
        kept: dict[str, Tensor] = {}
        modules = dict(self.network.named_modules())
        hooks = [
            modules[name].register_forward_hook(lambda _, __, output, name=name: kept.setdefault(name, output))
            for name in self._ends
        ]
        learning = self.network.training
        try:
            with torch.no_grad():
                self.network.eval()(picture)
        finally:
            self.network.train(learning)
            for hook in hooks:
                hook.remove()
        return kept

    @property
    def parameters(self) -> int:
        """Numbers that learn; shared ones count once."""
        return sum(each.numel() for each in self.network.parameters() if each.requires_grad)

    @property
    def fixed(self) -> int:
        """Numbers that do not learn: frozen parameters, fixed kernels. Running statistics are not among them."""
        return sum(fixed_numbers(module) for module in self.network.modules())

    @property
    def multiply_adds(self) -> int:
        """Of convolutions and matrix products, for one picture of this size."""
        return self.calls.multiply_adds

    @property
    def output_values(self) -> int:
        """Numbers that all layers give for one picture: what learning keeps in memory, times the batch."""
        return sum(prod(layer.shape) for layer in self.layers if layer.shape)

    @cached_property
    def sharing(self) -> list[Shared]:
        """Each convolution with other ways of sharing its weights."""
        return share_otherwise(self.network, self.layers)

    def to_json(self, compare: Sequence[Sharing] = ()) -> dict[str, Any]:
        """All of it, with the ways of sharing in ``compare``."""
        seen = {name: None if field is None else field.rows for name, field in self.fields.items()}
        found: dict[str, Any] = {
            "network": self.name,
            "input": list(self.size),
            "parameters": self.parameters,
            "fixed": self.fixed,
            "multiply_adds": self.multiply_adds,
            "output_values": self.output_values,
            "stages": [asdict(stage) for stage in self.stages],
            "layers": [{**asdict(layer), "receptive_field": seen.get(layer.name)} for layer in self.layers],
        }
        if compare:
            kept = ("name", "convolution", *compare)
            rows = [asdict(each) for each in self.sharing]
            found["sharing"] = [{key: row[key] for key in kept} for row in rows]
        return found

    def to_text(self, compare: Sequence[Sharing] = ()) -> str:
        """The table of layers, the stages and the sums, for a terminal."""
        return inspection_text(self.to_json(compare))


def checked_sharings(words: Sequence[str]) -> tuple[Sharing, ...]:
    """Ways of sharing by their names. Raises `UserError` for others."""
    unknown = [word for word in words if word not in SHARINGS]
    if unknown:
        raise UserError(f"--compare got '{unknown[0]}'; needed: {', '.join(SHARINGS)}, separated by commas")
    return tuple(each for each in SHARINGS if each in words)


def _reads_windows(layer: Layer) -> bool:
    """Whether a layer may see more than the one before it: all but activations and normalizations, whose field is that
    of their input."""
    known = any(word in layer.kind for word in ("Conv", "Pool", "Upsample", "Local", "Tiled"))
    return known or (layer.parameters + layer.fixed > 0 and "Norm" not in layer.kind)
