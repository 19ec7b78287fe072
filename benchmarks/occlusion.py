"""Occlusion maps beside captum's: the same answers, and processor time on one thread.

    python benchmarks/occlusion.py [--network efficientnet-lite] [--rounds 3]
    python benchmarks/occlusion.py --network resnet --rates

A standardized picture of noise of 224 x 224, squares of 32 pixels every 16 (169 of them), EfficientNet-Lite0 with fresh
weights. captum (needed: pip install captum) answers with its default of one square at a time, and with as many at once
as ours. Prints Markdown with the largest difference of the maps.

``--rates`` prints instead how many operations a second (a multiply-add being two) a large matrix product and
convolutions of ResNet-50's shapes reach, how many multiply-adds of a whole pass there are and how many changed windows
leave of it, and how long a whole pass takes.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import captum
import torch
from captum.attr import Occlusion
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from limner.learning.networks.known import find_network
from limner.nn.looking.evidence import class_answer, occlusion
from limner.nn.looking.local import Changed

WINDOW, STRIDE, BATCH, CLASS = 32, 16, 16, 3
SHAPES = ((64, 64, 3, 56), (256, 64, 1, 56), (256, 256, 3, 14), (1024, 256, 1, 14), (512, 512, 3, 7), (2048, 512, 1, 7))
"""Of convolutions in ResNet-50: maps read, maps made, kernel's side, maps' side."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="efficientnet-lite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", action="store_true", help="how near the machine's most is, and what is left to do")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = find_network(given.network, classes=10).network.eval()
    image = torch.randn(1, 3, 224, 224)
    if given.rates:
        rates(network, image)
        return

    def theirs(at_once: int) -> Tensor:
        with torch.no_grad():
            found = Occlusion(network).attribute(
                image, (3, WINDOW, WINDOW), strides=(3, STRIDE, STRIDE), target=CLASS, perturbations_per_eval=at_once
            )
        return found[0, 0].float()

    ways: dict[str, Callable[[], Tensor]] = {
        f"limner, {BATCH} at once": lambda: occlusion(network, image, class_answer(CLASS), WINDOW, STRIDE, batch=BATCH),
        f"captum {captum.__version__}, as it is": lambda: theirs(1),
        f"captum {captum.__version__}, {BATCH} at once": lambda: theirs(BATCH),
    }
    maps, spent = {}, {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            before = time.process_time()
            maps[name] = way()
            spent[name].append(time.process_time() - before)
    ours = next(iter(ways))
    print("| way | seconds of one thread | times ours | largest difference |\n| --- | ---: | ---: | ---: |")
    for name, seconds in spent.items():
        middle, apart = statistics.median(seconds), (maps[name] - maps[ours]).abs().max()
        print(f"| {name} | {middle:.2f} | {middle / statistics.median(spent[ours]):.2f} | {apart:.1e} |")


def rates(network: nn.Module, image: Tensor) -> None:
    """Print what the machine reaches, and what of a pass is left."""
    with torch.inference_mode():
        first, second = torch.randn(4096, 2304), torch.randn(2304, 256)
        told = [("matrix product, 4096 x 2304 x 256", 2 * 4096 * 2304 * 256 / quickest(lambda: first @ second))]
        for maps, out, kernel, side in SHAPES:
            x = torch.randn(BATCH, maps, side, side).contiguous(memory_format=torch.channels_last)
            weight = torch.randn(out, maps, kernel, kernel).contiguous(memory_format=torch.channels_last)
            seconds = quickest(partial(functional.conv2d, x, weight, padding=kernel // 2))
            name = f"convolution, {BATCH} x {maps} x {side} x {side} to {out} maps by {kernel} x {kernel}"
            told.append((name, 2 * BATCH * maps * out * kernel**2 * side**2 / seconds))
        for name, rate in told:
            print(f"{name}: {rate / 1e9:.0f} thousand million operations a second")
        print(f"a whole pass: {quickest(lambda: network(image)) * 1000:.1f} ms of a processor")
    with Counted() as whole, torch.no_grad():
        network(image)
    with Counted() as left:
        occlusion(network, image, class_answer(CLASS), WINDOW, STRIDE, batch=BATCH)
    squares = ((image.shape[-1] - WINDOW) // STRIDE + 1) ** 2
    print(f"multiply-adds of a pass: {whole.operations / 2e9:.2f} thousand million")
    print(f"left of each of {squares} by changed windows: {left.operations / 2e9 / squares:.2f} thousand million")


class Counted(TorchDispatchMode):
    """Within it operations are counted as they are computed: of a changed window those on the window."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if any(isinstance(each, Changed) for each in tree_leaves((args, given))):
            with self:
                return Changed.__torch_dispatch__(func, types, args, given)
        found = func(*args, **given)
        if func.overloadpacket in flop_registry:
            self.operations += flop_registry[func.overloadpacket](*args, **given, out_val=found)
        return found


def quickest(work: Callable[[], object], times: int = 8) -> float:
    """Seconds of a processor that it takes, the least of some."""
    work()
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


if __name__ == "__main__":
    main()
