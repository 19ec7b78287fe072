"""What each layer of a network gives and costs: shapes, parameters, multiply-adds."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from limner.nn.inspection.spreading import evaluating


@dataclass(frozen=True)
class Layer:
    """One layer in the order of its first call.

    name: as in ``named_modules``. kind: its class. shape: of its output without the batch, () where that is no tensor.
    inputs: the shape of its first input alike. parameters: its own that learn. fixed: its own that do not, buffers of
    statistics left out. multiply_adds: of convolutions and matrix products, for one picture.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    parameters: int
    fixed: int
    multiply_adds: int


@dataclass(frozen=True)
class Calls:
    """What one run of a network showed. layers: those that do something themselves. outputs: name -> shape of every
    module's output without the batch, in the order in which they ended. multiply_adds: of all."""

    layers: tuple[Layer, ...]
    outputs: dict[str, tuple[int, ...]]
    multiply_adds: int


def call_layers(network: nn.Module, size: tuple[int, int, int]) -> Calls:
    """Run a network on the ``meta`` device, where nothing is computed and nothing needs memory, and note its layers.

    Multiply-adds are half of what torch's own `FlopCounterMode` counts: additions of biases, pooling and activations
    are not among them. size: (C, H, W) of a picture. Raises what the network raises where it does not take this size.
    """
    modules = dict(network.named_modules())
    names = {module: name for name, module in reversed(modules.items())}
    noted: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def note(module: nn.Module, given: Any, output: Any) -> None:
        first = next((value for value in _tensors(given)), None)
        only = output if isinstance(output, Tensor) else None
        noted.setdefault(names[module], (_shape(only), _shape(first)))

    counter = FlopCounterMode(display=False)
    with _hooked(modules.values(), note), evaluating(network), torch.no_grad(), counter:
        _run(network, size)
    counts = {place: sum(found.values()) // 2 for place, found in counter.get_flop_counts().items()}
    root = type(network).__name__
    layers = []
    for name, (shape, inputs) in noted.items():
        module = modules[name]
        own = list(module.parameters(recurse=False))
        if own or next(module.children(), None) is None:
            layers.append(
                Layer(
                    name=name,
                    kind=type(module).__name__,
                    shape=shape,
                    inputs=inputs,
                    parameters=sum(each.numel() for each in own if each.requires_grad),
                    fixed=fixed_numbers(module),
                    multiply_adds=counts.get(f"{root}.{name}" if name else root, 0),
                )
            )
    return Calls(tuple(layers), {name: shape for name, (shape, _) in noted.items()}, counts.get("Global", 0))


def _run(network: nn.Module, size: tuple[int, int, int]) -> None:
    given = {name: torch.empty_like(value, device="meta") for name, value in network.state_dict(keep_vars=True).items()}
    for name, buffer in network.named_buffers():
        given.setdefault(name, torch.empty_like(buffer, device="meta"))
    torch.func.functional_call(network, given, (torch.empty(1, *size, device="meta"),))


@contextmanager
def _hooked(modules: Iterable[nn.Module], hook: Any) -> Iterator[None]:
    hooks = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()


def fixed_numbers(module: nn.Module) -> int:
    """Numbers of one module, without its parts, that it uses and does not learn: frozen parameters, and constants such
    as the kernel of a fixed upsampling; not the running statistics of normalizations."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    frozen = sum(value.numel() for value in module.parameters(recurse=False) if not value.requires_grad)
    return frozen + sum(value.numel() for name, value in module.named_buffers(recurse=False) if name not in statistics)


def _tensors(given: Any) -> Iterable[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, tuple | list):
        for each in given:
            yield from _tensors(each)


def _shape(tensor: Tensor | None) -> tuple[int, ...]:
    return () if tensor is None else tuple(tensor.shape[1:])
