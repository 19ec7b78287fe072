"""How well networks map a place that no training picture came from: candidates of limner beside a plain U-Net.

    python benchmarks/unseen_places.py WORK [--data DATA] [--seeds 0 1 2] [--candidates NAME...]
    python benchmarks/unseen_places.py WORK --report

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. Each place is left
out in turn; a network learns for 240 steps of 8 crops of 256 px from the other three and maps the fourth. The peer is
the U-Net of segmentation_models_pytorch (``pip install segmentation-models-pytorch``) with the same encoder and the
same ImageNet weights, AdamW at 1e-3, cosine, flips and quarter turns, cross-entropy. WORK is a folder for what is made:
the places brought to one form, runs, and what each network says of the place left out. Whatever is there already is not
done again, so a stopped benchmark goes on. ``--report`` prints the tables of what is finished, as Markdown.
"""

import argparse
import copy
import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor, nn
from torch.nn import functional

from doubt import Scene, Score, building, scenes
from harmonize_places import PLACES, UNKNOWN, prepare
from limner.foundation.files.writing import replacing
from limner.foundation.machine.precision import processor_has_bf16
from limner.learning.runs.opening import open_run
from limner.learning.train import train
from limner.nn.pretrained import LITE0, load_weights
from limner.scenes.rasters import open_raster
from limner.segment.measures.calibration import STEPS as STEPS_OF_PROBABILITY
from limner.segment.measures.thresholds import Look, Meaning, meaning_of
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.predicting.turns import turned

STEPS, BATCH, CROP_PX = 240, 8, 256
RECIPE = "segment/modern"
SHARED = (
    "--epochs", "8", "--steps-per-epoch", str(STEPS // 8), "--batch", str(BATCH), "--loop.keep", "last",
    "--data.validation-share", "0.1", "--data.crop-px", str(CROP_PX),
)  # fmt: skip
CANDIDATES: dict[str, tuple[str, ...]] = {
    "modern": (),
    "modern, tones": ("--data.curves", "0.4", "--data.band-mixing", "0.2"),
    "modern, lite2": ("--network.encoder", "efficientnet-lite2"),
}
PEER = "plain U-Net"
PEER_WAYS = ("plain", "matched")
"""The peer's own forms; limner's threshold on its probabilities is a row besides."""
SEEDS = (0, 1, 2)


def main() -> None:
    """Train and predict what is missing, or print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the four data sets")
    given.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    given.add_argument("--candidates", nargs="+", default=[PEER, *CANDIDATES], choices=[PEER, *CANDIDATES])
    given.add_argument("--threads", type=int, default=1)
    given.add_argument("--report", action="store_true", help="print the tables of what is finished")
    options = given.parse_args()
    torch.set_num_threads(options.threads)
    if options.report:
        print(report(options.work, options.seeds))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    for place in PLACES:
        prepare(place, Path(options.data), options.work / "places")
    for seed, place, candidate in itertools.product(options.seeds, PLACES, options.candidates):
        file = said_file(options.work, candidate, place, seed)
        if file.exists():
            continue
        print(f"{time.strftime('%H:%M:%S')} {file.stem}", flush=True)
        make = learn_peer if candidate == PEER else learn
        keep(make(options.work, candidate, place, seed), options.work, place, file)


def said_file(work: Path, candidate: str, place: str, seed: int) -> Path:
    """Where is kept what a network says of the place left out."""
    return work / "said" / f"{candidate.replace(', ', '+').replace(' ', '_')}-{place}-{seed}.npz"


Answer = Callable[[Scene], np.ndarray]
"""A picture -> the probability of building (H, W)."""


def keep(answers: dict[str, Answer], work: Path, place: str, file: Path) -> None:
    """Keep each way of mapping the place's pictures, by name."""
    found = {}
    for way, answer in answers.items():
        for scene in scenes(work, place):
            found[f"{way}/{scene.name}"] = answer(scene).astype(np.float16)
    with replacing(file) as temporary:
        np.savez_compressed(temporary, **found)


# --- limner's candidates ---------------------------------------------------------------------------------------------


def learn(work: Path, candidate: str, place: str, seed: int) -> dict[str, Answer]:
    """Train on the other places; a run that is finished is found so. The ways in which its network maps."""
    others = [work / "places" / other for other in PLACES if other != place]
    out = work / "runs" / said_file(work, candidate, place, seed).stem
    tokens = [*SHARED, *CANDIDATES[candidate], "--seed", str(seed)]
    done = train(RECIPE, data=others, overrides=tokens, out=out)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    predictor = load_predictor(open_run(out), "cpu")
    settled = settled_on(predictor, list(scenes(work, place)))
    return {
        "plain": lambda scene: building(predictor, scene),
        "turned": lambda scene: building(turned(predictor), scene),
        "settled": lambda scene: building(settled, scene),
        "settled, turned": lambda scene: building(turned(settled), scene),
    }


def settled_on(predictor: SegmentPredictor, pictures: Sequence[Scene]) -> SegmentPredictor:
    """The same network with the means and deviations of its batch normalization taken from the pictures to be mapped.

    (Li et al. 2017, "Revisiting batch normalization for practical domain adaptation".)
    """
    network = copy.deepcopy(predictor.network)
    settle(network, pictures)
    return replace(predictor, network=network)


@torch.no_grad()
def settle(network: nn.Module, pictures: Sequence[Scene]) -> None:
    """Take the statistics of batch normalization anew, as means over crops of the pictures, (C, H, W) standardized."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain means over all that comes
    network.train()
    crops = crops_of(pictures)
    for first in range(0, len(crops), BATCH):
        network(torch.from_numpy(np.stack(crops[first : first + BATCH])).contiguous(memory_format=torch.channels_last))
    network.eval()


def crops_of(pictures: Sequence[Scene], most: int = 96) -> list[np.ndarray]:
    """Up to ``most`` crops side by side, in an order drawn by a fixed seed."""
    crops = []
    for scene in pictures:
        _, height, width = scene.picture.shape
        for row, column in itertools.product(starts(height), starts(width)):
            crop = scene.picture[:, row : row + CROP_PX, column : column + CROP_PX]
            if crop.shape[1:] == (CROP_PX, CROP_PX):
                crops.append(crop)
    order = np.random.default_rng(0).permutation(len(crops))[:most]
    return [crops[number] for number in order]


def starts(length: int) -> list[int]:
    """Where crops begin along an edge: side by side, the last one flush."""
    return sorted({*range(0, length - CROP_PX, CROP_PX), max(0, length - CROP_PX)})


# --- the peer --------------------------------------------------------------------------------------------------------


def learn_peer(work: Path, candidate: str, place: str, seed: int) -> dict[str, Answer]:
    """A plain loop around the U-Net of segmentation_models_pytorch, on the same three places."""
    import segmentation_models_pytorch as smp

    torch.manual_seed(seed)
    model = smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None, classes=2)
    weights = load_weights(LITE0)
    encoder = model.encoder.model.state_dict()
    model.encoder.model.load_state_dict({name: weights[name] for name in encoder})
    model.to(memory_format=torch.channels_last)
    others = {other: peer_pictures(work, other) for other in PLACES if other != place}
    every = [picture[:, valid] for pictures in others.values() for picture, valid, _ in pictures]
    mean = np.mean([each.mean(1) for each in every], axis=0)
    std = np.mean([each.std(1) for each in every], axis=0)
    generator = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    model.train()
    for _ in range(STEPS):
        names = generator.choice(list(others), BATCH)
        batch = [peer_crop(others[name], generator) for name in names]
        image, mask = (torch.from_numpy(np.stack(each)) for each in zip(*batch, strict=True))
        with torch.autocast("cpu", torch.bfloat16, enabled=processor_has_bf16()):
            logits = model(image.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), mask, ignore_index=UNKNOWN)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    raw = {scene.name: peer for scene, peer in zip(scenes(work, place), peer_pictures(work, place), strict=True)}

    def plain(scene: Scene) -> np.ndarray:
        return peer_answer(model, raw[scene.name][0])

    def matched(scene: Scene) -> np.ndarray:
        picture, valid, _ = raw[scene.name]
        ours = picture[:, valid]
        change = (std / np.maximum(ours.std(1), 1e-3))[:, None, None]
        return peer_answer(model, ((picture - ours.mean(1)[:, None, None]) * change + mean[:, None, None]))

    return {"plain": plain, "matched": matched}


def peer_pictures(work: Path, place: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The pictures of a place as the peer reads them, in `scenes`' order: (x - 0.5) / 0.5, valid and truth (H, W)."""
    found = []
    for scene in scenes(work, place):
        (path,) = (work / "places" / place / "images").glob(f"{scene.name}.tif")
        with open_raster(path) as raster:
            pixels = raster.read()
        found.append(((pixels.values / np.float32(127.5) - 1).astype(np.float32), scene.valid, scene.truth))
    return found


def peer_crop(pictures: list[tuple[np.ndarray, np.ndarray, np.ndarray]], generator: np.random.Generator) -> tuple:
    """A crop (3, 256, 256) float32 and its mask (256, 256) int64, turned by quarters and mirrored by chance."""
    sizes = np.array([picture.shape[1] * picture.shape[2] for picture, _, _ in pictures], float)
    picture, _, truth = pictures[generator.choice(len(pictures), p=sizes / sizes.sum())]
    row, column = (int(generator.integers(0, max(1, length - CROP_PX + 1))) for length in truth.shape)
    window = np.s_[row : row + CROP_PX, column : column + CROP_PX]
    image, mask = picture[(slice(None), *window)], truth[window]
    short = [(0, CROP_PX - length) for length in mask.shape]
    image = np.pad(image, ((0, 0), *short))
    mask = np.pad(mask, short, constant_values=UNKNOWN)
    turns, mirror = int(generator.integers(4)), generator.random() < 0.5
    image, mask = np.rot90(image, turns, (1, 2)), np.rot90(mask, turns)
    if mirror:
        image, mask = image[:, :, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(mask).astype(np.int64)


@torch.inference_mode()
def peer_answer(model: nn.Module, picture: np.ndarray) -> np.ndarray:
    """The probability of building (H, W) of a whole picture, padded to the network's stride."""
    _, height, width = picture.shape
    image = functional.pad(torch.from_numpy(picture.astype(np.float32))[None], (0, -width % 32, 0, -height % 32))
    logits: Tensor = model(image.contiguous(memory_format=torch.channels_last))
    return logits.float().softmax(1)[0, 1, :height, :width].numpy()


# --- tables ----------------------------------------------------------------------------------------------------------


def report(work: Path, seeds: Sequence[int]) -> str:
    """F1 of every candidate and way by place, and the paired difference to the peer's better form, as Markdown."""
    truths = {place: list(scenes(work, place)) for place in PLACES}
    rows: dict[str, dict[tuple[str, int], float]] = {}
    for candidate, place, seed in itertools.product([PEER, *CANDIDATES], PLACES, seeds):
        file = said_file(work, candidate, place, seed)
        if not file.exists():
            continue
        said, meaning = np.load(file), what_it_means(work, file)
        for way in dict.fromkeys(name.split("/")[0] for name in said.files):
            answers = [said[f"{way}/{scene.name}"].astype(np.float32) for scene in truths[place]]
            threshold = threshold_for(answers, truths[place], meaning)
            usual, chosen = Score(), Score()
            for probability, scene in zip(answers, truths[place], strict=True):
                usual.add(probability, scene.truth)
                chosen.add((probability >= threshold).astype(np.float32), scene.truth)
            for name, result in ((way, usual), (f"{way}, threshold auto", chosen)):
                rows.setdefault(f"{candidate}; {name}", {})[place, seed] = result.f1
    peers = [f"{PEER}; {way}" for way in PEER_WAYS if f"{PEER}; {way}" in rows]
    best = max(peers, key=lambda name: np.mean(list(rows[name].values())), default=None)
    lines = ["| candidate; way | seeds | " + " | ".join(PLACES) + " | mean | against the peer (95 %) |"]
    lines.append("| --- | ---: |" + " ---: |" * (len(PLACES) + 2))
    for name, found in rows.items():
        cells = [[found[place, seed] for seed in seeds if (place, seed) in found] for place in PLACES]
        means = [float(np.mean(values)) if values else math.nan for values in cells]
        against = "" if best is None else paired(found, rows[best])
        shown = " | ".join(f"{value:.1f}" for value in [*means, float(np.mean(means))])
        lines.append(f"| {name} | {min(len(values) for values in cells)} | {shown} | {against} |")
    every = []
    for place in PLACES:
        result = Score()
        for scene in truths[place]:
            result.add(np.ones(scene.truth.shape, np.float32), scene.truth)
        every.append(result.f1)
    lines.append("| all building | | " + " | ".join(f"{value:.1f}" for value in [*every, np.mean(every)]) + " | |")
    return "\n".join(lines)


def what_it_means(work: Path, file: Path) -> Meaning:
    """What probabilities mean, as limner takes them; of the peer, which holds no ground out, what they say."""
    run = work / "runs" / file.stem
    return meaning_of([open_run(run)] if run.exists() else [])


def threshold_for(answers: Sequence[np.ndarray], pictures: Sequence[Scene], meaning: Meaning) -> float:
    """The threshold that `limner segment --threshold auto` chooses for a folder of its pictures, without labels.

    It looks at all of them here.
    """
    said = np.zeros(STEPS_OF_PROBABILITY)
    for probability, scene in zip(answers, pictures, strict=True):
        steps = np.minimum(probability[scene.valid] * STEPS_OF_PROBABILITY, STEPS_OF_PROBABILITY - 1).astype(int)
        said += np.bincount(steps, minlength=STEPS_OF_PROBABILITY)
    return Look(said, len(answers), len(answers)).threshold(meaning)


def paired(found: dict[tuple[str, int], float], peer: dict[tuple[str, int], float]) -> str:
    """The mean difference over places and seeds that both have, with its 95 % interval (Student's t)."""
    gains = [found[key] - peer[key] for key in found if key in peer]
    if len(gains) < 2:
        return ""
    half = student.ppf(0.975, len(gains) - 1) * np.std(gains, ddof=1) / math.sqrt(len(gains))
    return f"{np.mean(gains):+.1f} ({np.mean(gains) - half:+.1f} to {np.mean(gains) + half:+.1f})"


if __name__ == "__main__":
    main()
