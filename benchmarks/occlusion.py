"""Occlusion maps beside captum's: the same answers, and processor time on one thread.

    python benchmarks/occlusion.py [--network efficientnet-lite] [--rounds 3]

A standardized picture of noise of 224 x 224, squares of 32 pixels every 16 (169 of them), EfficientNet-Lite0 with fresh
weights. captum (needed: pip install captum) answers with its default of one square at a time, and with as many at once
as ours. Prints Markdown with the largest difference of the maps.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import captum
import torch
from captum.attr import Occlusion
from torch import Tensor

from limner.learning.networks.known import find_network
from limner.nn.looking.evidence import class_answer, occlusion

WINDOW, STRIDE, BATCH, CLASS = 32, 16, 16, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="efficientnet-lite")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = find_network(given.network, classes=10).network.eval()
    image = torch.randn(1, 3, 224, 224)

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


if __name__ == "__main__":
    main()
