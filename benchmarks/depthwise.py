"""A training step of networks with depthwise convolutions, their gradients by bf16 autocast alone and in float32.

    python benchmarks/depthwise.py [--steps 5] [--threads 1]

For each network both forms take turns on the same random batch; printed are the seconds of processor time of a step
(forward, cross-entropy, backward), the least of all steps, and the quotient. No data is needed.
"""

import argparse
import time
from collections.abc import Callable

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.depthwise import quicken_depthwise
from limner.segment.networks import NETWORKS

BATCH, SIDE_PX = 8, 256


def lite_unet() -> nn.Module:
    """The network of `segment/modern`."""
    return NETWORKS["lite-unet"](channels=3, classes=2)


def lite0() -> nn.Module:
    """The network of `classify/tune`."""
    network: nn.Module = timm.create_model("tf_efficientnet_lite0", num_classes=2)
    return network


MAKERS: dict[str, Callable[[], nn.Module]] = {"lite-unet": lite_unet, "efficientnet-lite0": lite0}


def main() -> None:
    """Measure, and print a table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--steps", type=int, default=5)
    given.add_argument("--threads", type=int, default=1)
    options = given.parse_args()
    torch.set_num_threads(options.threads)
    print("| network | bf16 autocast, s | depthwise gradients in float32, s | times as quick |")
    print("| --- | ---: | ---: | ---: |")
    for name, make in MAKERS.items():
        plain, quick = prepared(make), prepared(make)
        quicken_depthwise(quick)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(options.steps + 1):  # the first of each is a warm-up
            for quickened, network in ((False, plain), (True, quick)):
                seconds[quickened].append(step(network))
        before, after = (min(seconds[quickened][1:]) for quickened in (False, True))
        print(f"| {name} | {before:.2f} | {after:.2f} | {before / after:.2f} |")


def prepared(make: Callable[[], nn.Module]) -> nn.Module:
    """A network of seed 0 as it is trained."""
    torch.manual_seed(0)
    return make().to(memory_format=torch.channels_last).train()


def step(network: nn.Module) -> float:
    """Processor seconds of one step on a batch of noise."""
    picture = torch.randn(BATCH, 3, SIDE_PX, SIDE_PX).contiguous(memory_format=torch.channels_last)
    begin = time.process_time()
    with torch.autocast("cpu", torch.bfloat16):
        answer: Tensor = network(picture)
    truth = torch.zeros(answer.shape[:1] + answer.shape[2:], dtype=torch.int64)
    functional.cross_entropy(answer.float(), truth).backward()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
