"""A network run for where its values go instead of what they are: the ground on which receptive fields are measured.

Every operation is replaced by one that reads the same places with positive weights: convolutions by means over their
windows, maxima by means, activations and normalizations by nothing. Then no gradient is lost to a ReLU that is shut, a
weight of 0 or a maximum elsewhere, and what the gradient of one output reaches is exactly what that output can see.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

POINTWISE = frozenset(
    [
        "relu", "relu_", "relu6", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "elu", "elu_", "celu",
        "selu", "selu_", "gelu", "silu", "mish", "sigmoid", "sigmoid_", "tanh", "tanh_", "hardswish",
        "hardsigmoid", "logsigmoid", "softplus", "softsign", "prelu", "rrelu", "softmax", "log_softmax",
        "dropout", "dropout_", "dropout2d", "feature_dropout", "alpha_dropout", "batch_norm", "instance_norm",
        "group_norm", "layer_norm", "rms_norm", "local_response_norm", "normalize", "clamp", "clamp_min",
        "clamp_max", "abs", "sqrt", "exp", "log",
    ]
)  # fmt: skip
"""Functions of one value, or of statistics that no receptive field counts: they give what they get."""


@contextmanager
def spreading(network: nn.Module) -> Iterator[Callable[..., Any]]:
    """A function that calls the network with float64 tensors on the CPU so that each value goes where it can.

    The network may stand on any device, ``meta`` included, and is not changed: its parameters are replaced by ones for
    the call, and its layers are as in evaluation.
    """
    one = torch.ones((), dtype=torch.float64)
    given: dict[str, Tensor] = {name: one.expand(value.shape) for name, value in network.named_parameters()}
    for name, buffer in network.named_buffers():
        given[name] = one.expand(buffer.shape) if buffer.is_floating_point() else torch.zeros_like(buffer, device="cpu")
    with evaluating(network), _Spreading():
        yield lambda *inputs: torch.func.functional_call(network, given, inputs)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within this context the network and its parts are as in evaluation; afterwards each is as it was."""
    learning = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in learning:
            module.training = True


class _Spreading(TorchFunctionMode):
    """Answers torch's functions by their spreading counterparts."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in POINTWISE:
            return args[0] if args else (kwargs or {})["input"]
        return _INSTEAD.get(name, func)(*args, **(kwargs or {}))


def _convolve(
    input: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The mean over each window and all channels. Groups read windows alike, so they are taken together."""
    size = weight.shape[2:]
    kernel = input.new_full((1, 1, *size), 1 / prod(size))
    found = _CONVOLVE[len(size)](one_channel(input), kernel, None, stride, padding, dilation)
    return _in_channels(found, weight.shape[0])


def _convolve_transposed(
    input: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    size = weight.shape[2:]
    kernel = input.new_full((1, 1, *size), 1 / prod(size))
    found = _TRANSPOSED[len(size)](one_channel(input), kernel, None, stride, padding, output_padding, 1, dilation)
    return _in_channels(found, weight.shape[1] * groups)


def _linear(input: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    """Takes any number of inputs: behind a picture of another size than the layer was made for, there are more."""
    return input.mean(-1, keepdim=True).expand(*input.shape[:-1], weight.shape[0])


def _max_pool(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The mean over each window, beside the places of real maxima, those of one channel, where they are asked for."""
    dimensions = input.dim() - 2
    one = one_channel(input)
    real = _MAX_POOL[dimensions](one.detach(), kernel_size, stride, padding, dilation, ceil_mode, True)
    kernel, steps, pads, dilations = (
        _each(value, dimensions) for value in (kernel_size, stride or kernel_size, padding, dilation)
    )
    missing: list[int] = []  # what ceil_mode reads behind the end
    for axis in reversed(range(dimensions)):
        reach = (real[0].shape[2 + axis] - 1) * steps[axis] + (kernel[axis] - 1) * dilations[axis] + 1
        missing += [pads[axis], max(0, reach - input.shape[2 + axis] - pads[axis])]
    window = input.new_full((1, 1, *kernel), 1 / prod(kernel))
    padded = functional.pad(one, missing)
    found = _CONVOLVE[dimensions](padded, window, None, steps, 0, dilations)
    for axis, places in enumerate(real[0].shape[2:], start=2):
        found = found.narrow(axis, 0, places)
    found = _in_channels(found, input.shape[1])
    return (found, real[1].expand(found.shape)) if return_indices else found


def _max_pool_with_indices(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    given = {**dict(zip(names, args, strict=False)), **kwargs, "return_indices": True}
    return _max_pool(input, **given)


def _unpool(values: Tensor, switches: Any) -> Tensor:
    """Each value all over its cell: `limner.nn.layers.unpooling.unpool` puts it at one place, nobody knows which."""
    one = one_channel(values)
    for axis, size in zip((2, 3), switches.size, strict=True):
        one = one.repeat_interleave(-(-size // one.shape[axis]), axis).narrow(axis, 0, size)
    return _in_channels(one, values.shape[1])


def _take(maps: Tensor, index: Any) -> Tensor:
    """A part of the places, of all channels at once."""
    found: Tensor = maps[index]
    one: Tensor | None = getattr(maps, "one_channel", None)
    if one is None or not isinstance(index, tuple) or index[0] is not Ellipsis or len(index) > maps.dim() - 1:
        return found
    if all(isinstance(each, slice) for each in index[1:]):
        found.one_channel = one[index]  # type: ignore[attr-defined]
    return found


def _add(one: Any, other: Any, **_: Any) -> Any:
    """The sum, in one channel: all have the same places."""
    if not (isinstance(one, Tensor) and isinstance(other, Tensor) and one.dim() > 2 and one.shape == other.shape):
        return torch.add(one, other)
    return _in_channels(one_channel(one) + one_channel(other), one.shape[1])


def _of_one_channel(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of each channel by itself, done once for all."""

    def apply(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if input.dim() < 3:
            return function(input, *args, **kwargs)
        return _in_channels(function(one_channel(input), *args, **kwargs), input.shape[1])

    return apply


def _pad(input: Tensor, pad: Sequence[int], *args: Any, **kwargs: Any) -> Tensor:
    only_places = len(pad) <= 2 * (input.dim() - 2)
    return (_of_one_channel(functional.pad) if only_places else functional.pad)(input, pad, *args, **kwargs)


def _concatenate(tensors: Sequence[Tensor], dim: int = 0, **_: Any) -> Tensor:
    """Maps side by side as they are, for who takes some of them; together they see what any of them sees."""
    found = torch.cat(list(tensors), dim)
    if dim == 1 and found.dim() > 2:
        found.one_channel = torch.stack([one_channel(each) for each in tensors]).mean(0)  # type: ignore[attr-defined]
    return found


def one_channel(maps: Tensor) -> Tensor:
    """(B, C, ...) -> (B, 1, ...), which stands for all channels."""
    found: Tensor | None = getattr(maps, "one_channel", None)
    return maps.mean(1, keepdim=True) if found is None else found


def _in_channels(one: Tensor, channels: int) -> Tensor:
    """(B, 1, ...) -> (B, channels, ...), all the same and without memory. The one is kept, so that gradients need not
    be summed over channels."""
    maps = one.expand(-1, channels, *[-1] * (one.dim() - 2))
    maps.one_channel = one  # type: ignore[attr-defined]
    return maps


def _each(value: Any, dimensions: int) -> list[int]:
    return [int(value)] * dimensions if isinstance(value, int) else [int(each) for each in value]


_CONVOLVE: dict[int, Callable[..., Tensor]] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d,
}  # fmt: skip
_MAX_POOL: dict[int, Callable[..., Any]] = {
    1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d,
}  # fmt: skip
_INSTEAD: dict[str, Callable[..., Any]] = {
    "linear": _linear, "unpool": _unpool, "__getitem__": _take, "pad": _pad,
    "interpolate": _of_one_channel(functional.interpolate),
}  # fmt: skip
for _dimensions in (1, 2, 3):
    _INSTEAD[f"conv{_dimensions}d"] = _convolve
    _INSTEAD[f"conv_transpose{_dimensions}d"] = _convolve_transposed
    _INSTEAD[f"max_pool{_dimensions}d"] = _INSTEAD[f"_max_pool{_dimensions}d"] = _max_pool
    _INSTEAD[f"max_pool{_dimensions}d_with_indices"] = _max_pool_with_indices
    _mean = _of_one_channel(getattr(functional, f"avg_pool{_dimensions}d"))
    _to_grid = _of_one_channel(getattr(functional, f"adaptive_avg_pool{_dimensions}d"))
    _INSTEAD[f"avg_pool{_dimensions}d"] = _mean
    _INSTEAD[f"adaptive_avg_pool{_dimensions}d"] = _INSTEAD[f"adaptive_max_pool{_dimensions}d"] = _to_grid
for _name in ("add", "add_", "__add__", "__radd__", "__iadd__"):
    _INSTEAD[_name] = _add
for _name in ("cat", "concat", "concatenate"):
    _INSTEAD[_name] = _concatenate
