"""``limner fid`` beside torch-fidelity's command on the same two folders: seconds of each, and whether the scores
agree.

    python benchmarks/fid_speed.py --data FOLDER [--count 1000] [--repeats 3]

The first ``count`` pictures of FOLDER (default: $LIMNER_DATA) stand for real ones, the next for generated ones. Both
commands look through the same random-weight Inception, resized as torch-fidelity does (``tensorflow``), and give FID,
KID, IS, precision and recall; limner gives density, coverage and intervals as well. A third row is limner as it is by
default (``bicubic``), and a fourth with the real features kept from before. Each command runs in a process of its own,
in turns, with a cache of its own that is empty (but for the fourth); the median of the repeats is printed as Markdown.

KID and IS are taken over all pictures by both commands (one subset of all, one split), so that they must agree as well.
A last table gives the features of both extractors, each resized as it is by default, to torch-fidelity's own functions,
with the KID over the subsets that it draws, `SUBSETS` of half of the pictures.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from limner.datasets.pictures.listing import picture_files
from limner.fidelity.coverage import support
from limner.fidelity.described import describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.frechet import frechet_distance
from limner.fidelity.inception import Inception, draw_weights
from limner.fidelity.kernel import weighted_distances
from limner.nn.pretrained import LITE0

NAMES = {
    "fid": "frechet_inception_distance",
    "kid": "kernel_inception_distance_mean",
    "is": "inception_score_mean",
    "precision": "precision",
    "recall": "recall",
}
"""limner's names of the scores, and torch-fidelity's."""
SUBSETS = 20
KEPT = "limner, real features kept"


def run(command: Sequence[str], cache: Path) -> tuple[float, dict]:
    """Seconds of a command, and the JSON that it prints."""
    start = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "LIMNER_CACHE": str(cache)}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds, json.loads(done.stdout)


def commands(real: Path, fake: Path, weights: Path, count: int) -> dict[str, list[str]]:
    on_gpu = torch.cuda.is_available()
    limner = ["limner", "fid", str(real), str(fake), "--weights", str(weights), "--json"]
    fidelity = [
        "fidelity", "--input1", str(fake), "--input2", str(real), *(("--gpu", "0") if on_gpu else ("--cpu",)), "--json",
        "--silent", "--fid", "--kid", "--isc", "--prc", "--feature-extractor", "inception-v3-compat",
        "--feature-layer-prc", "2048", "--feature-extractor-weights-path", str(weights), "--kid-subset-size",
        str(count), "--isc-splits", "1", "--no-cache",
    ]  # fmt: skip
    return {
        f"torch-fidelity {version('torch-fidelity')}": fidelity,
        "limner, resized alike": [*limner, "--resizer", "tensorflow"],
        "limner, as it is by default": limner,
        KEPT: limner,
    }


def agreement(theirs: Mapping[str, float], ours: Mapping[str, float]) -> str:
    """A table of the scores of both, by limner's names."""
    lines = ["| score | torch-fidelity | limner | difference | relative |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, own in ours.items():
        other = theirs[NAMES[name]]
        relative = abs(own - other) / abs(other) if other else float("nan")
        lines.append(f"| {name} | {other:.8g} | {own:.8g} | {abs(own - other):.1e} | {relative:.1e} |")
    return "\n".join(lines)


def on_the_same_features(real: Tensor, fake: Tensor) -> str:
    """The table for torch-fidelity's functions, which take generated features first and real ones second."""
    size = min(len(real), len(fake)) // 2
    options = {"kid_subsets": SUBSETS, "kid_subset_size": size, "rng_seed": 2020, "verbose": False}
    theirs = {
        **fid_statistics_to_metric(fid_features_to_statistics(fake), fid_features_to_statistics(real), verbose=False),
        **kid_features_to_metric(fake, real, **options),
        **prc_features_to_metric(
            fake, real, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, verbose=False
        ),
    }
    random = np.random.RandomState(2020)  # its own draws, repeated
    real_weights, fake_weights = torch.zeros(SUBSETS, len(real)), torch.zeros(SUBSETS, len(fake))
    for row in range(SUBSETS):
        fake_weights[row, random.choice(len(fake), size, replace=False)] = 1
        real_weights[row, random.choice(len(real), size, replace=False)] = 1
    overlap = support(real, fake)
    ours = {
        "fid": frechet_distance(real, fake),
        "kid": float(weighted_distances(real, fake, real_weights, fake_weights).mean()),
        "precision": float(overlap.precision.mean()),
        "recall": float(overlap.recall.mean()),
    }
    return agreement(theirs, ours)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="a folder of pictures")
    given.add_argument("--count", type=int, default=1000, help="pictures on each side")
    given.add_argument("--repeats", type=int, default=3)
    options = given.parse_args()
    if options.data is None:
        given.error("give --data, or set LIMNER_DATA")
    files = picture_files(options.data)
    if len(files) < 2 * options.count:
        given.error(f"{options.data} holds {len(files)} pictures; needed: twice --count")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, start in (("real", 0), ("fake", options.count)):
            (folder / side).mkdir()
            for path in files[start : start + options.count]:
                shutil.copy(path, folder / side)
        network = Inception()
        draw_weights(network, torch.Generator().manual_seed(0))
        torch.save(network.state_dict(), folder / "inception.pth")
        chosen = commands(folder / "real", folder / "fake", folder / "inception.pth", options.count)
        report(*timed(chosen, folder, options.repeats), options.count)
        for extractor in (FeatureExtractor.inception(folder / "inception.pth"), FeatureExtractor.of(LITE0)):
            real, fake = (describe_folder(folder / side, extractor, cached=False) for side in ("real", "fake"))
            print(f"\nThe same features of {extractor.name}:\n\n{on_the_same_features(real.features, fake.features)}")


def timed(
    chosen: Mapping[str, list[str]], folder: Path, repeats: int
) -> tuple[dict[str, list[float]], dict[str, dict]]:
    seconds: dict[str, list[float]] = {name: [] for name in chosen}
    found = {}
    for number in range(repeats):
        for place, (name, command) in enumerate(chosen.items()):
            cache = folder / f"cache-{number}-{place}"
            if name == KEPT:
                keep_real_features(folder / f"cache-{number}-{place - 1}", cache)
            took, found[name] = run(command, cache)
            seconds[name].append(took)
    return seconds, found


def keep_real_features(earlier: Path, cache: Path) -> None:
    """Into ``cache`` what the run before wrote first: the features of the real pictures."""
    written = sorted((earlier / "features").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    (cache / "features").mkdir(parents=True)
    shutil.copy(written[0], cache / "features")


def report(seconds: Mapping[str, Sequence[float]], found: Mapping[str, dict], count: int) -> None:
    names = list(seconds)
    reference = median(seconds[names[0]])
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    print(f"2 x {count} pictures, {where}, torch {torch.__version__}, {len(seconds[names[0]])} repeats\n")
    print("| command | seconds | of each repeat | torch-fidelity's time over this |\n| --- | ---: | --- | ---: |")
    for name, each in seconds.items():
        told = ", ".join(f"{value:.1f}" for value in each)
        print(f"| {name} | {median(each):.1f} | {told} | {reference / median(each):.2f} |")
    scores = found[names[1]]["scores"]
    print("\nThe first two commands:\n")
    print(agreement(found[names[0]], {name: scores[name]["value"] for name in NAMES}))


if __name__ == "__main__":
    main()
