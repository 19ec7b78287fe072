"""Many pictures that differ from one in a window each, through a network, computing only what changes.

The idea is that of Nakandala, Kumar and Papakonstantinou 2019 ("Incremental and approximate inference for faster
occlusion-based deep CNN explanations"): a square that covers a corner of a picture changes a corner of the first
layers' maps, and the rest of them is what the picture itself gives. Here it is a kind of tensor, so that networks need
no change: convolutions, poolings and what works value by value keep to the window, which grows by each layer's reach;
what else a network does, or a window that has grown over most of the maps, makes whole maps of it, and plain torch
goes on from there. The answers are the whole network's, but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from limner.nn.looking.reach import Windows, reach_of, worth_it

aten = torch.ops.aten


class Known:
    """What a network makes of the unchanged picture, kept for the next windows.

    Only operations are kept whose tensors are the network's parameters and buffers, or made of the picture by these.
    """

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        self.image = image
        self.stable = {id(value) for value in (image, *network.parameters(), *network.buffers())}
        self.made: dict[Any, Any] = {}

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """function(*args, **kwargs), or what it gave when it was called so before."""
        values = [*args, *kwargs.values()]
        tensors = [value for value in values if isinstance(value, Tensor)]
        if not all(id(value) in self.stable for value in tensors):
            return function(*args, **kwargs)
        key = (function, *kwargs, *(id(value) if isinstance(value, Tensor) else repr(value) for value in values))
        if key not in self.made:
            found = self.made[key] = function(*args, **kwargs)
            self.stable.update(id(value) for value in (found if isinstance(found, tuple) else (found,)))
        return self.made[key]


class Changed(Tensor):
    """(B, C, H, W): ``usual`` (1, C, H, W) everywhere but in each picture's window: there ``patches`` (B, C, h, w).

    Only for inference. In-place operations of the network change it as they would a tensor.
    """

    usual: Tensor
    patches: Tensor
    windows: Windows
    known: Known

    @staticmethod
    def __new__(cls, usual: Tensor, patches: Tensor, windows: Windows, known: Known) -> Changed:
        made: Changed = Tensor._make_wrapper_subclass(
            cls, (len(patches), *usual.shape[1:]), dtype=usual.dtype, device=usual.device
        )
        made.usual, made.patches, made.windows, made.known = usual, patches, windows, known
        return made

    def of(self, usual: Tensor, patches: Tensor, windows: Windows | None = None) -> Changed:
        """What an operation made of this one."""
        return Changed(usual, patches, windows or self.windows, self.known)

    def whole(self) -> Tensor:
        """The same as a plain tensor, (B, C, H, W)."""
        made = self.usual.repeat(len(self.patches), 1, 1, 1).contiguous(memory_format=torch.channels_last)
        for picture, patch, (row, column) in zip(made, self.patches, self.windows.corners, strict=True):
            picture[:, row : row + self.windows.height, column : column + self.windows.width] = patch
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch's own signature says less
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        name = func.overloadpacket
        in_place = INTO_NEW.get(name)
        local = LOCAL.get(in_place or name)
        found = local(*args, **given) if local else None
        if found is None:
            plain, named = tree_map(lambda value: value.whole() if isinstance(value, Changed) else value, (args, given))
            if not isinstance(args[0], Changed):
                return func(*plain, **named)
            found = (in_place or func)(*plain, **named)
        return found if in_place is None else _replace(args[0], found)


def _replace(changed: Changed, found: Tensor) -> Changed:
    """What an operation in place leaves in its first argument."""
    if not isinstance(found, Changed):  # whole maps, kept as windows over all of them
        found = changed.of(found[:1], found, Windows(((0, 0),) * len(found), *found.shape[2:]))
    changed.usual, changed.patches, changed.windows = found.usual, found.patches, found.windows
    return changed


# --- operations ------------------------------------------------------------------------------------------------------


def _each_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation on each value by itself, the other arguments being numbers."""

    def apply(changed: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(changed, Changed) or any(isinstance(value, Tensor) for value in args):
            return None
        return changed.of(
            changed.known(function, changed.usual, *args, **kwargs), function(changed.patches, *args, **kwargs)
        )

    return apply


def _combine(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation on two tensors, value by value; or on one and numbers, or one value a channel."""

    def apply(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(first, Changed) and isinstance(second, Changed):
            if first.shape != second.shape:
                return None
            both = _common((first, second))
            if both is None:
                return None
            windows, (one, other) = both
            usual = first.known(function, first.usual, second.usual, *args, **kwargs)
            return first.of(usual, function(one, other, *args, **kwargs), windows)
        if isinstance(first, Changed) and _of_channels(second, first):
            usual = first.known(function, first.usual, second, *args, **kwargs)
            return first.of(usual, function(first.patches, second, *args, **kwargs))
        if isinstance(second, Changed) and _of_channels(first, second):
            usual = second.known(function, first, second.usual, *args, **kwargs)
            return second.of(usual, function(first, second.patches, *args, **kwargs))
        return None

    return apply


def _of_channels(value: Any, changed: Changed) -> bool:
    """Whether it is a number, or (1, C, 1, 1), (C, 1, 1) or less: the same for all places and pictures."""
    if not isinstance(value, Tensor):
        return True
    shape = (1,) * (4 - value.dim()) + tuple(value.shape)
    return value.dim() <= 4 and shape[0] == shape[2] == shape[3] == 1 and shape[1] in (1, changed.shape[1])


def _common(parts: Sequence[Changed]) -> tuple[Windows, list[Tensor]] | None:
    """The least window that holds the windows of all, which are of one height and width, and the patches cut to it."""
    height, width = parts[0].shape[2:]
    if any(part.shape[2:] != (height, width) for part in parts):
        return None
    firsts, size = [], []
    for axis, edge in enumerate((height, width)):
        starts = [[corner[axis] for corner in part.windows.corners] for part in parts]
        ends = [[first + part.windows.size[axis] for first in each] for part, each in zip(parts, starts, strict=True)]
        low = [min(of_picture) for of_picture in zip(*starts, strict=True)]
        high = [max(of_picture) for of_picture in zip(*ends, strict=True)]
        longest = max(last - first for first, last in zip(low, high, strict=True))
        firsts.append([min(first, edge - longest) for first in low])
        size.append(longest)
    windows = Windows(tuple(zip(*firsts, strict=True)), *size)
    if not worth_it(windows, height, width):
        return None
    return windows, [_cut(part, windows) for part in parts]


def _cut(changed: Changed, windows: Windows, pad: tuple[int, int] = (0, 0), value: float = 0.0) -> Tensor:
    """What lies within another window, (B, C, height, width), of maps padded by ``value`` on all sides.

    window: its corners count from the padded maps' first row and column.
    """
    inner = changed.windows
    if pad == (0, 0) and inner == windows:
        return changed.patches
    usual = changed.usual
    if any(pad):
        usual = changed.known(aten.constant_pad_nd, usual, [pad[1], pad[1], pad[0], pad[0]], value)
    shape = (len(changed.patches), changed.shape[1], windows.height, windows.width)
    made = torch.empty(shape, dtype=usual.dtype, device=usual.device, memory_format=torch.channels_last)
    for picture, patch, corner, place in zip(made, changed.patches, windows.corners, inner.corners, strict=True):
        picture.copy_(usual[0, :, corner[0] : corner[0] + windows.height, corner[1] : corner[1] + windows.width])
        into, of = [], []
        for axis in range(2):
            first = place[axis] + pad[axis] - corner[axis]
            start, end = max(0, first), min(windows.size[axis], first + inner.size[axis])
            into.append(slice(start, max(start, end)))
            of.append(slice(start - first, max(start, end) - first))
        picture[:, into[0], into[1]] = patch[:, of[0], of[1]]
    return made


def _convolve(
    changed: Any,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    more: Any,
    groups: int,
) -> Any:
    if not isinstance(changed, Changed) or transposed or weight.dim() != 4:
        return None
    usual = changed.known(aten.convolution, changed.usual, weight, bias, stride, padding, dilation, False, more, groups)
    stride, padding, dilation = (_pair(value) for value in (stride, padding, dilation))
    kernel = [(size - 1) * space + 1 for size, space in zip(weight.shape[2:], dilation, strict=True)]
    outputs, inputs = reach_of(changed.windows, changed.shape[2:], usual.shape[2:], kernel, stride, padding)
    if not worth_it(outputs, *usual.shape[2:]):
        return None
    cut = _cut(changed, inputs, padding)
    return changed.of(
        usual, aten.convolution(cut, weight, bias, stride, [0, 0], dilation, False, more, groups), outputs
    )


def _max_pool(
    changed: Any, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """Values and their indices, which count over the whole map."""
    if not isinstance(changed, Changed) or ceil_mode:
        return None
    kernel, padding, dilation = (_pair(value) for value in (kernel, padding, dilation))
    stride = _pair(stride) if stride else kernel
    usual, indices = changed.known(aten.max_pool2d_with_indices, changed.usual, kernel, stride, padding, dilation)
    reach = [(size - 1) * space + 1 for size, space in zip(kernel, dilation, strict=True)]
    outputs, inputs = reach_of(changed.windows, changed.shape[2:], usual.shape[2:], reach, stride, padding)
    if not worth_it(outputs, *usual.shape[2:]):
        return None
    cut = _cut(changed, inputs, padding, -torch.inf)
    patches, places = aten.max_pool2d_with_indices(cut, kernel, stride, [0, 0], dilation)
    corners = torch.tensor(inputs.corners, device=places.device)
    rows = places // inputs.width + corners[:, 0].view(-1, 1, 1, 1) - padding[0]
    columns = places % inputs.width + corners[:, 1].view(-1, 1, 1, 1) - padding[1]
    return changed.of(usual, patches, outputs), changed.of(indices, rows * changed.shape[3] + columns, outputs)


def _average_pool(
    changed: Any,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    inside: bool = True,
    divisor: Any = None,
) -> Any:
    kernel, padding = _pair(kernel), _pair(padding)
    if not isinstance(changed, Changed) or ceil_mode or (any(padding) and not inside):
        return None
    stride = _pair(stride) if stride else kernel
    usual = changed.known(aten.avg_pool2d, changed.usual, kernel, stride, padding, False, inside, divisor)
    outputs, inputs = reach_of(changed.windows, changed.shape[2:], usual.shape[2:], kernel, stride, padding)
    if not worth_it(outputs, *usual.shape[2:]):
        return None
    cut = _cut(changed, inputs, padding)
    return changed.of(usual, aten.avg_pool2d(cut, kernel, stride, [0, 0], False, inside, divisor), outputs)


def _normalize(
    changed: Any, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float
) -> Any:
    """Batch normalization by what was learned, and the empty statistics that torch gives with it."""
    if not isinstance(changed, Changed) or training:
        return None
    how = (weight, bias, mean, variance, False, momentum, eps)
    usual = changed.known(aten.native_batch_norm, changed.usual, *how)[0]
    found = changed.of(usual, aten.native_batch_norm(changed.patches, *how)[0])
    return found, usual.new_empty(0), usual.new_empty(0)


def _concatenate(tensors: Sequence[Any], dim: int = 0) -> Any:
    if dim not in (1, -3) or not all(isinstance(value, Changed) for value in tensors):
        return None
    common = _common(tensors)
    if common is None:
        return None
    usual = torch.cat([part.usual for part in tensors], 1)
    return tensors[0].of(usual, torch.cat(common[1], 1), common[0])


def _pad(changed: Any, pad: Sequence[int], value: float = 0.0) -> Any:
    if not isinstance(changed, Changed) or len(pad) > 4 or min(pad) < 0:
        return None
    left, _, top, _ = (*pad, 0, 0)[:4]
    corners = tuple((row + top, column + left) for row, column in changed.windows.corners)
    usual = changed.known(aten.constant_pad_nd, changed.usual, list(pad), value)
    return changed.of(usual, changed.patches, changed.windows._replace(corners=corners))


def _pair(value: Any) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * 2 if len(values) == 1 else values


VALUE_BY_VALUE = (
    aten.relu, aten.hardtanh, aten.clamp, aten.silu, aten.sigmoid, aten.tanh, aten.leaky_relu, aten.elu, aten.gelu,
    aten.hardswish, aten.hardsigmoid, aten.softplus, aten.mish, aten.clone, aten.detach, aten.neg, aten.abs, aten.exp,
    aten.pow, aten.sqrt, aten.rsub, aten._to_copy, aten.alias,
)  # fmt: skip
LOCAL: dict[Any, Callable[..., Any]] = {
    **{operation: _each_value(operation) for operation in VALUE_BY_VALUE},
    **{operation: _combine(operation) for operation in (aten.add, aten.sub, aten.mul, aten.div)},
    aten.convolution: _convolve,
    aten.max_pool2d_with_indices: _max_pool,
    aten.avg_pool2d: _average_pool,
    aten.native_batch_norm: _normalize,
    aten.cat: _concatenate,
    aten.constant_pad_nd: _pad,
}
"""What keeps to the window; each gives None where it can't, and whole maps are computed."""
INTO_NEW = {
    aten.relu_: aten.relu, aten.hardtanh_: aten.hardtanh, aten.clamp_: aten.clamp, aten.silu_: aten.silu,
    aten.sigmoid_: aten.sigmoid, aten.tanh_: aten.tanh, aten.leaky_relu_: aten.leaky_relu, aten.elu_: aten.elu,
    aten.hardswish_: aten.hardswish, aten.hardsigmoid_: aten.hardsigmoid, aten.mish_: aten.mish, aten.add_: aten.add,
    aten.sub_: aten.sub, aten.mul_: aten.mul, aten.div_: aten.div,
}  # fmt: skip
"""Operations in place, by the ones that give a new tensor."""


def changed_by(known: Known, window: int, corners: Sequence[tuple[int, int]], covered: float) -> Changed:
    """The picture with a square painted ``covered`` in each of many copies; squares are cut off at the border.

    known: of the network that is to see them, and of the picture (1, C, H, W). corners: (row, column) of each square,
    within the picture.
    """
    image = known.image
    height, width = image.shape[2:]
    inside = tuple((min(row, height - window), min(column, width - window)) for row, column in corners)
    patches = torch.stack([image[0, :, row : row + window, column : column + window] for row, column in inside])
    for patch, (row, column), (top, left) in zip(patches, corners, inside, strict=True):
        patch[:, row - top :, column - left :] = covered
    patches = patches.contiguous(memory_format=torch.channels_last)
    return Changed(image, patches, Windows(inside, window, window), known)
