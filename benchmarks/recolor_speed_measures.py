"""What `recolor_speed.py` measures, one measure a process: its name and options come as JSON, numbers go out as JSON.

A process of its own makes the peak of memory that of the measure, and not of what ran before it.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from torch import Tensor
from torch.nn import functional

from limner.colors.classic import FITS
from limner.photos.photos import read_photo
from limner.recolor.fusion.fuse import fuse, fuse_exactly
from limner.recolor.matching.features import features_of
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.superpixel import PALETTE, PERPLEXITY, superpixel
from limner.recolor.superpixels.pooling import measure_regions, pool_features
from limner.recolor.superpixels.segmentation import superpixels
from recolor_peers import PEERS, versions
from recolor_plain import cut, plain_features, plain_network, plain_transfer

MIB = 1 << 20
WARM_PX = 200
RATIO, STEP_PX = 1.5, 8
"""Width to height, and what the height is a multiple of, so that no way of features has to pad."""
GRAIN = 0.01
"""Deviation of the noise put on enlarged photographs, as fine structure has gone."""
EXACT_PX = 100_000
"""The exact sum is measured on so many pixels, against all superpixels, and multiplied."""
SAME_METHOD = {
    "reinhard": ("color-matcher reinhard", "colortrans reinhard"),
    "mkl": ("color-matcher mkl", "POT linear"),
    "histogram": ("color-matcher hm",),
    "idt": ("python-color-transfer pdf",),
}


def pictures(megapixels: float, data: str | None) -> tuple[Tensor, Tensor]:
    """Target and reference, (3, H, W) float32, of that size."""
    if data:
        found = sorted(path for path in Path(data).rglob("*") if path.suffix.lower() in {".jpg", ".png", ".tif"})
        photos = [read_photo(path).picture for path in found[:2]]
    else:
        sources = skimage.data.coffee(), skimage.data.rocket()
        photos = [torch.from_numpy(source.copy()).movedim(2, 0).float() / 255 for source in sources]
    return enlarged(photos[0], megapixels, seed=0), enlarged(photos[1], megapixels, seed=1)


def enlarged(photo: Tensor, megapixels: float, seed: int) -> Tensor:
    """A photograph at another size, with grain: (3, H, W) float32 in 0..1."""
    height = STEP_PX * round((megapixels * 1e6 / RATIO) ** 0.5 / STEP_PX)
    size = height, round(height * RATIO)
    grain = torch.randn(1, *size, generator=torch.Generator().manual_seed(seed)).mul_(GRAIN)
    picture = functional.interpolate(photo[None], size, mode="bicubic", align_corners=False)[0]
    return picture.add_(grain).clamp_(0, 1)


def timed(work: Callable[[], Any], repeat: int) -> tuple[float, float, Any]:
    """Seconds of the clock and of the processor, each the least of ``repeat``, and what the work gave."""
    walls, processors = [], []
    for _ in range(repeat):
        began, spent = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - began)
        processors.append(time.process_time() - spent)
    return min(walls), min(processors), result


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def about(data: str | None) -> dict[str, Any]:
    """The machine and the packages."""
    packages = ("limner", "torch", "numba", "timm", "scikit-image", "numpy")
    found = {name: metadata.version(name) for name in packages} | versions()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {"packages": found, "processor": names[0] if names else "unknown", "threads": torch.get_num_threads()}


def whole(data: str | None, megapixels: float, repeat: int) -> dict[str, Any]:
    """The transfer, its stages in the quickest run, and the peak of memory."""
    target, reference = pictures(megapixels, data)
    superpixel(Pictures(target[:, :WARM_PX, :WARM_PX], [reference[:, :WARM_PX, :WARM_PX]]))
    before = peak_mib()
    runs = [timed(lambda: superpixel(Pictures(target, [reference])), 1) for _ in range(repeat)]
    wall, _, done = min(runs, key=lambda run: run[0])
    return {
        "size": f"{target.shape[2]} x {target.shape[1]}", "superpixels": done.numbers["target superpixels"],
        "seconds": dict(done.seconds), "wall": wall, "processor": min(run[1] for run in runs),
        "peak": peak_mib(), "before": before,
    }  # fmt: skip


def parts(data: str | None, megapixels: float, repeat: int, plain: bool) -> dict[str, Any]:
    """Superpixels, features and fusion beside what is plain: seconds and processor seconds of both.

    plain: whether one pass of the network over the whole picture is measured too; it takes much memory.
    """
    target, _ = pictures(megapixels, data)
    source, network = features_of(), plain_network()
    small = target[:, :WARM_PX, :WARM_PX]
    small_labels = superpixels(small)
    pool_features(small, small_labels, source)
    fuse(small, measure_regions(small, small_labels), torch.rand(int(small_labels.max()) + 1, 3), labels=small_labels)
    wall, slic, labels = timed(lambda: superpixels(target), repeat)
    regions = measure_regions(target, labels)
    colors = torch.rand(len(regions.count), 3, generator=torch.Generator().manual_seed(0))
    fused = timed(lambda: fuse(target, regions, colors, labels=labels), repeat)
    rows = max(1, EXACT_PX // target.shape[2])
    exact = timed(lambda: fuse_exactly(target[:, :rows].contiguous(), regions, colors), 1)
    scale = target.shape[1] / rows
    features = timed(lambda: pool_features(target, labels, source), repeat)
    found = {
        "superpixels": [wall, slic, *timed(lambda: cut(target), 1)[:2]],
        "features": [*features[:2], None, None],
        "fusion": [*fused[:2], exact[0] * scale, exact[1] * scale],
        "candidates": fused[2].candidates,
        "count": len(colors),
    }
    if plain:
        numbers = labels.long().numpy()
        *seconds, slow = timed(lambda: plain_features(target, numbers, network), 1)
        found["features"][2:] = seconds
        found["apart"] = float((slow - features[2]).norm() / (slow - slow.mean(0)).norm())
    return found


def beside_plain(data: str | None, megapixels: float, repeat: int) -> dict[str, Any]:
    """The whole against the same put together plainly."""
    target, reference = pictures(megapixels, data)
    superpixel(Pictures(target[:, :WARM_PX, :WARM_PX], [reference[:, :WARM_PX, :WARM_PX]]))
    ours = timed(lambda: superpixel(Pictures(target, [reference])), repeat)
    theirs = timed(lambda: plain_transfer(target, reference, PERPLEXITY, PALETTE), 1)
    apart = float((ours[2].picture - theirs[2]).abs().mean())
    return {"ours": ours[:2], "plain": theirs[:2], "apart": apart, "peak": peak_mib()}


def classics(data: str | None, megapixels: float, repeat: int) -> dict[str, Any]:
    """Fit and application of global methods from and to pictures in memory, beside the peers that have them."""
    target, reference = (
        (255 * picture).round().byte().permute(1, 2, 0).contiguous().numpy() for picture in pictures(megapixels, data)
    )
    installed = {package for package, version in versions().items() if version != "not installed"}
    found: dict[str, Any] = {}
    for name, fit in FITS.items():
        work = partial(by_map, fit, target, reference)
        timed(work, 1)  # compiles
        found[name] = {"limner": timed(work, repeat)[:2]}
        for peer in SAME_METHOD.get(name, ()):
            there = any(peer.startswith(f"{package} ") for package in installed)
            found[name][peer] = timed(partial(PEERS[peer], target, reference), repeat)[:2] if there else None
    return found


def by_map(fit: Callable[..., Any], target: np.ndarray, reference: np.ndarray) -> Tensor:
    """A global method from (H, W, 3) uint8 to (3, n) float32."""
    colors, wanted = (torch.from_numpy(picture).view(-1, 3).T.float().div_(255) for picture in (target, reference))
    return fit(colors, wanted)(colors)


def first_run(data: str | None) -> dict[str, float]:
    """The first transfer of a small picture on a machine, where all loops are compiled, and the second."""
    picture = enlarged(pictures(0.1, data)[0], 0.04, seed=0)
    first, second = (timed(lambda: superpixel(Pictures(picture, [picture])), 1)[0] for _ in range(2))
    return {"first": first, "second": second}


def main() -> None:
    """One measure, named on the command line."""
    name, options = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(options.pop("threads"))
    measures = {work.__name__: work for work in (about, whole, parts, beside_plain, classics, first_run)}
    print(json.dumps(measures[name](**options)), flush=True)
    os._exit(0)  # spares the seconds that freeing a large process takes


if __name__ == "__main__":
    main()
