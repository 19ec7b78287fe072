"""Processor seconds per megapixel that a run's network takes on tiles, by each engine, and how alike it answers.

    python benchmarks/segment_speed.py [RUN] [--scene SCENE] [--threads 1]

Every engine gets the same four tiles of 512 px of the scene (a bundled place unless given), three times after a first
pass that does not count; the quickest is told. Processor time, not time that passed, so that other work on the machine
changes it little. MONAI's sliding window is in the table where it is installed: around the network in torch's float32,
and in bf16, over the same pixels as one picture of 1024 px, without overlap.
"""

import argparse
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import limner
from limner.learning.runs.opening import open_run
from limner.nn.engines.openvino import OpenVinoNetwork
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import measure_raster
from limner.scenes.windows import Window
from limner.segment.predicting.predictor import load_predictor, standardize

TILE_PX, TILES, REPEATS = 512, 4, 3


def tiles_of(scene: Path) -> tuple[Tensor, str]:
    """Four standardized tiles beside each other in a square, (4, bands, 512, 512) float32."""
    with open_raster(scene) as raster:
        values, valid = raster.read(Window(0, 0, 2 * TILE_PX, 2 * TILE_PX))
        statistics = measure_raster(raster)
    image = standardize(
        torch.from_numpy(np.ascontiguousarray(values))[None].float(), torch.from_numpy(valid)[None], [statistics]
    )
    parts = image.unfold(2, TILE_PX, TILE_PX).unfold(3, TILE_PX, TILE_PX)[0]  # (bands, 2, 2, 512, 512)
    return parts.permute(1, 2, 0, 3, 4).flatten(0, 1).contiguous(), scene.name


def seconds(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Processor seconds per megapixel of the quickest of three passes, and the answer."""
    answer, best = work(), float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / (TILES * TILE_PX**2 / 1e6), answer


def in_bf16(network: nn.Module) -> Callable[[Tensor], Tensor]:
    def work(image: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            answer: Tensor = network(image).float()
        return answer

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", default="buildings")
    place = Path(limner.__file__).parent / "bundled" / "places" / "banepa" / "images" / "banepa.tif"
    parser.add_argument("--scene", type=Path, default=place)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network = load_predictor(open_run(given.run, "segment"), "cpu", "fp32").network
    image, name = tiles_of(given.scene)
    last = image.contiguous(memory_format=torch.channels_last)
    square = image.reshape(2, 2, -1, TILE_PX, TILE_PX).permute(2, 0, 3, 1, 4).reshape(1, -1, 2 * TILE_PX, 2 * TILE_PX)
    plain = network.to(memory_format=torch.contiguous_format)
    jobs: dict[str, Callable[[], Tensor]] = {"torch float32, contiguous": lambda: plain(image)}
    if find_spec("monai") is not None:
        from monai.inferers import sliding_window_inference

        def sliding(work: Callable[[Tensor], Tensor]) -> Tensor:
            made = sliding_window_inference(square, TILE_PX, TILES, work, overlap=0.0)
            assert isinstance(made, Tensor)
            parts = made.unfold(2, TILE_PX, TILE_PX).unfold(3, TILE_PX, TILE_PX)[0]
            return parts.permute(1, 2, 0, 3, 4).flatten(0, 1)

        jobs["MONAI's sliding window, float32"] = lambda: sliding(plain)
        jobs["MONAI's sliding window, bf16"] = lambda: sliding(in_bf16(plain))
    jobs["torch bf16, channels last (limner)"] = lambda: in_bf16(network)(last)
    if find_spec("openvino") is not None:
        for precision, spoken in (("fp32", "float32"), ("bf16", "bf16")):
            converted = OpenVinoNetwork(network, torch.zeros(1, image.shape[1], 64, 64), precision)
            jobs[f"OpenVINO {spoken} (limner --engine openvino)"] = lambda converted=converted: converted(image)
    packages = [f"{each} {version(each)}" for each in ("torch", "openvino", "monai") if _has(each)]
    print(f"{given.run} on {name}, {TILES} tiles of {TILE_PX} px, {given.threads} threads; {', '.join(packages)}\n")
    print("| engine | processor seconds per megapixel | times as quick | same class |\n| --- | ---: | ---: | ---: |")
    first, expected = None, None
    with torch.inference_mode():
        for engine, work in jobs.items():
            if engine.startswith("torch bf16"):
                network.to(memory_format=torch.channels_last)
            taken, answer = seconds(work)
            first, expected = first or taken, answer.argmax(1) if expected is None else expected
            same = float((answer.argmax(1) == expected).float().mean())
            print(f"| {engine} | {taken:.3f} | {first / taken:.2f} | {same:.2%} |", flush=True)


def _has(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
