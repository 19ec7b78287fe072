"""Memory that mapping a scene takes beyond the program and its network, as scenes grow; MONAI's sliding window beside.

    python benchmarks/segment_memory.py --out WORK [--scenes 8700x6600 20000x20000 100000x3000] [--network trivial]

Each scene (4 bands of uint16, drawn block by block, georeferenced, 0.3 m a pixel) is mapped by a process of its own:
first a small scene that fills one batch, so that all code is loaded and the network has its buffers; then the peak of
resident memory is set back, and the scene is mapped, polygons included. What is told is its peak minus what was
resident after the small one. Linux only.

--network: "trivial" is a rule on the first band in the place of a network, so that what is told is mapping alone and
hundreds of megapixels take minutes; a run or a bundled model of 3 bands maps with that, scenes of 3 bands of uint8.
--peers-px: MONAI's sliding window by the same rule maps scenes of up to so many pixels, for it holds them whole: read,
mapped and written, without polygons.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio import Affine
from rasterio.windows import Window
from torch import Tensor

from limner.scenes.rasters import open_raster
from limner.scenes.statistics import Statistics
from limner.segment.mapping.map import map_raster
from limner.segment.predicting.predictor import load_predictor

BLOCK_PX, OBJECT_PX, EVERY_PX = 1024, 40, 64
"""Of the drawn scenes: a block that is repeated, and squares on it, so far apart."""
DARK, LIGHT = 900, 2400
SMALL = (1024, 512)
PIXEL_M = 0.3


@dataclass(frozen=True)
class Rule:
    """In the place of a network: the first band's brightness as the probability of class 1, in float32 by torch."""

    bands_count: int
    class_names: tuple[str, ...] = ("background", "building")
    bands: None = None
    scale: float = 1.0
    stride: int = 32
    threshold: float = 0.5
    digest: str = "rule"
    learned_borders: bool = False

    @property
    def channels(self) -> int:
        return self.bands_count

    @property
    def statistics(self) -> Statistics:
        zeros, ones = (0.0,) * self.bands_count, (1.0,) * self.bands_count
        return Statistics(zeros, ones)

    def __call__(self, image: Tensor) -> Tensor:
        """(B, bands, H, W) float32 -> (B, 2, H, W)."""
        light = ((image[:, :1] - DARK) / (LIGHT - DARK)).clamp(0, 1)
        return torch.cat([1 - light, light], 1)

    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics) -> np.ndarray:
        made: np.ndarray = self(torch.from_numpy(pixels.astype(np.float32))).numpy()
        return made

    answers = probabilities


def draw_scene(path: Path, width: int, height: int, bands: int) -> Path:
    """A scene of light squares of several sizes on dark noise."""
    if path.exists():
        return path
    deep = bands == 4
    draw = np.random.default_rng(0)
    block = draw.integers(DARK - 100, DARK + 100, (bands, BLOCK_PX, BLOCK_PX))
    for row in range(8, BLOCK_PX - OBJECT_PX, EVERY_PX):
        for column in range(8, BLOCK_PX - OBJECT_PX, EVERY_PX):
            side = int(draw.integers(OBJECT_PX // 2, OBJECT_PX))
            block[:, row : row + side, column : column + side] += LIGHT - DARK
    block = block.astype(np.uint16) if deep else (block // 12).astype(np.uint8)
    temporary = path.with_suffix(".part.tif")
    with rasterio.open(
        temporary, "w", driver="GTiff", width=width, height=height, count=bands, dtype=block.dtype.name, tiled=True,
        blockxsize=256, blockysize=256, compress="lzw", bigtiff="yes", crs="EPSG:32645",
        transform=Affine(PIXEL_M, 0, 300_000, 0, -PIXEL_M, 3_000_000),
    ) as file:  # fmt: skip
        for row in range(0, height, BLOCK_PX):
            for column in range(0, width, BLOCK_PX):
                high, wide = min(BLOCK_PX, height - row), min(BLOCK_PX, width - column)
                file.write(block[:, :high, :wide], window=Window(column, row, wide, high))
    temporary.rename(path)
    return path


def resident_mb(name: str) -> float:
    """VmRSS, what is resident now, or VmHWM, its peak, of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {name} in /proc/self/status")


def begin_peak() -> float:
    """Set the peak back to what is resident now; gives that."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_mb("VmRSS")


def measure_limner(scene: Path, small: Path, network: str, out: Path) -> dict[str, float]:
    with open_raster(scene) as raster:
        predictor = Rule(raster.bands) if network == "trivial" else load_predictor(_run(network))
    with open_raster(small) as raster:
        map_raster(predictor, raster, out, overwrite=True)
    began, before = time.monotonic(), begin_peak()
    with open_raster(scene) as raster:
        made = map_raster(predictor, raster, out, overwrite=True)
    return {
        "before": before, "more": resident_mb("VmHWM") - before, "seconds": time.monotonic() - began,
        "polygons": made.polygon_count or 0, "objects_px": made.pixels[predictor.class_names[1]],
    }  # fmt: skip


def measure_monai(scene: Path, small: Path, network: str, out: Path) -> dict[str, float]:
    from monai.inferers import sliding_window_inference

    def mapped(path: Path) -> int:
        with rasterio.open(path) as file:
            values, profile = file.read(), file.profile
        if network == "trivial":
            ask = Rule(len(values))
        else:
            predictor = load_predictor(_run(network))
            ask = predictor.network
            mean, std = (np.array(each, np.float32)[:, None, None] for each in vars(predictor.statistics).values())
            values = (values - mean) / std
        image = torch.from_numpy(values.astype(np.float32))[None]
        with torch.inference_mode():
            made = sliding_window_inference(image, 512, 4, ask, overlap=192 / 512)
        classes = made[0, :2].argmax(0).byte().numpy()  # type: ignore[index]
        profile.update(count=1, dtype="uint8", nodata=255)
        with rasterio.open(out / f"{path.stem}_monai.tif", "w", **profile) as file:
            file.write(classes, 1)
        return int(classes.sum())

    mapped(small)
    began, before = time.monotonic(), begin_peak()
    found = mapped(scene)
    return {
        "before": before, "more": resident_mb("VmHWM") - before, "seconds": time.monotonic() - began, "polygons": 0,
        "objects_px": found,
    }  # fmt: skip


def _run(name: str):  # type: ignore[no-untyped-def]
    from limner.learning.runs.opening import open_run

    return open_run(name, "segment")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", nargs="+", default=["8700x6600", "20000x20000", "100000x3000"])
    parser.add_argument("--network", default="trivial")
    parser.add_argument("--peers-px", type=float, default=60e6)
    parser.add_argument("--measure", nargs=3, metavar=("WHO", "SCENE", "SMALL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.measure:
        who, scene, small = given.measure
        measure = {"limner": measure_limner, "MONAI": measure_monai}[who]
        print(json.dumps(measure(Path(scene), Path(small), given.network, given.out)))
        return
    bands = 4 if given.network == "trivial" else 3
    small = draw_scene(given.out / f"small-{bands}.tif", *SMALL, bands)
    peer = f", MONAI {version('monai')}" if given.peers_px else ""
    print(
        f"Network: {given.network}; {torch.get_num_threads()} threads; torch {torch.__version__}{peer}.\n\n"
        "| scene | who | resident before, MB | more at the peak, MB | seconds | polygons |\n"
        "| --- | --- | ---: | ---: | ---: | ---: |"
    )
    for size in given.scenes:
        width, height = map(int, size.split("x"))
        scene = draw_scene(given.out / f"{size}-{bands}.tif", width, height, bands)
        for who in ("limner", *(("MONAI",) if width * height <= given.peers_px else ())):
            command = [sys.executable, __file__, "--out", str(given.out), "--network", given.network]
            answer = subprocess.run(
                [*command, "--measure", who, str(scene), str(small)], stdout=subprocess.PIPE, check=True, text=True
            )
            found = json.loads(answer.stdout)
            kind = "uint16" if bands == 4 else "uint8"
            print(
                f"| {width:,} x {height:,} x {bands} {kind} | {who} | {found['before']:,.0f} | {found['more']:,.0f} | "
                f"{found['seconds']:,.0f} | {found['polygons']:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
