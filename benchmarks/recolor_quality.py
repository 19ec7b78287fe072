"""What each color transfer keeps of a picture and how near it comes to the reference's colors: limner and its peers.

    python benchmarks/recolor_quality.py --data FOLDER --out FOLDER [--methods NAME...] [--pairs NAME...]
    python benchmarks/recolor_quality.py --data FOLDER --out FOLDER --grid GRID.json

FOLDER (default: $LIMNER_DATA) holds `sct/` and `wct2/` (see recolor_pairs.py). Peers that are installed take part (see
recolor_peers.py). The same command again goes on where it stopped: each result and its score are kept in OUT/results,
until --again names the method or --longest-px changes. Written to OUT: `choosing.md`, `reporting.md` and `all.md` (and
.csv, .png: the trade-off), `pairs.csv`, and a sheet for each pair in `sheets/`.

--grid: a list of options of the method `superpixel`, such as [{"temperature": 0.02}, {"perplexity": 30}]; each is run
on the half "choosing" only, and they are ranked by the SSIM of those that close at least half of the distance.
"""

import argparse
import csv
import json
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from limner.recolor.methods import METHODS
from PIL import Image
from torch import Tensor

from limner.files import make_folder, replacing, write_json, write_text
from limner.pictures import write_picture
from limner.recolor.score import TransferScore, score_transfer
from limner.recolor.sheet import Transfers, method_sheet, trade_off_plot
from recolor_pairs import PAIRS, Pair, read_picture
from recolor_peers import PEERS, versions

DEFAULT_METHOD = "superpixel"
LEAST_CLOSED = 0.5
"""The share of the distance that the default method must close on the median pair."""
SCORES = [field.name for field in fields(TransferScore)]

Method = Callable[[Tensor, Tensor], Tensor]
Scores = dict[str, dict[str, TransferScore]]
"""method -> pair -> score."""


def main() -> None:
    """Run what is missing, then write the tables, plots and sheets."""
    options = read_options()
    methods = grid_methods(options.grid) if options.grid else all_methods()
    chosen = [name for name in methods if not options.methods or name in options.methods]
    pairs = [pair for pair in PAIRS if not options.pairs or pair.name in options.pairs]
    if options.grid:
        pairs = [pair for pair in pairs if pair.half == "choosing"]
    make_folder(options.out)
    scores: Scores = {name: {} for name in chosen}
    for pair in pairs:
        target, reference = (
            as_tensor(read_picture(name, options.data, options.longest_px)) for name in (pair.target, pair.reference)
        )
        for name in chosen:
            files = ResultFiles(options.out, pair, name)
            score = None if name in options.again else files.read_score(options.longest_px)
            scores[name][pair.name] = score or run(methods[name], target, reference, files, options.longest_px)
        write_sheet(options.out, pair, target, reference, {name: scores[name][pair.name] for name in chosen})
    write_tables(options.out, pairs, scores)
    print(table(scores) if not options.grid else ranking(scores))
    if DEFAULT_METHOD in scores:
        print(verdict(scores))


def read_options() -> argparse.Namespace:
    """The command line, with a data folder that is there."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="the folder with the pictures")
    given.add_argument("--out", type=Path, required=True)
    given.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="only these; default: all")
    given.add_argument("--pairs", nargs="+", default=[], metavar="TARGET--REFERENCE", help="only these; default: all")
    given.add_argument("--again", nargs="+", default=[], metavar="NAME", help="methods whose kept results are stale")
    given.add_argument("--grid", type=Path, help="a JSON list of options of the superpixel method")
    given.add_argument("--longest-px", type=int, help="shrink pictures to this edge; default: to a million pixels")
    options = given.parse_args()
    options.data = Path(options.data or ".")
    if not (options.data / "sct").is_dir():
        given.error(f"no folder sct in {options.data}; name the folder of the pictures by --data or LIMNER_DATA")
    return options


def all_methods() -> dict[str, Method]:
    """The identity, limner's methods by their own names, and the peers that are installed."""
    installed = {package for package, version in versions().items() if version != "not installed"}
    peers = {name: partial(by_peer, name) for name in PEERS if any(name.startswith(f"{one} ") for one in installed)}
    return {
        "identity": lambda target, reference: target,
        **{name: partial(by_limner, name) for name in METHODS},
        **peers,
    }


def grid_methods(path: Path) -> dict[str, Method]:
    """The identity, and the superpixel method under each of the options, named by them."""
    methods: dict[str, Method] = {"identity": lambda target, reference: target}
    for choice in json.loads(path.read_text(encoding="utf-8")):
        name = " ".join(f"{option}={value}" for option, value in choice.items()) or "defaults"
        methods[name] = partial(by_limner, DEFAULT_METHOD, **choice)
    return methods


def by_limner(name: str, target: Tensor, reference: Tensor, **choice: object) -> Tensor:
    """The result of one of limner's methods."""
    return METHODS[name](target, [reference], **choice).picture


def by_peer(name: str, target: Tensor, reference: Tensor) -> Tensor:
    """The result of another package, which is given the same 8 bits."""
    return as_tensor(PEERS[name](as_bytes(target), as_bytes(reference)))


class ResultFiles:
    """Where the result of one method on one pair is kept."""

    def __init__(self, out: Path, pair: Pair, method: str) -> None:
        readable = "".join(letter if letter.isalnum() or letter in "-.=" else "-" for letter in method)[:60]
        stem = f"{readable}-{zlib.crc32(method.encode()):08x}"  # options of a grid may be longer than a name can be
        self.picture = out / "results" / pair.name / f"{stem}.png"
        self.score = self.picture.with_suffix(".json")

    def read_score(self, longest_px: int | None) -> TransferScore | None:
        """What was measured before on pictures of the same size, if it was."""
        if not self.score.exists():
            return None
        kept = json.loads(self.score.read_text(encoding="utf-8"))
        return TransferScore(**kept["score"]) if kept["longest_px"] == longest_px else None


def run(method: Method, target: Tensor, reference: Tensor, files: ResultFiles, longest_px: int | None) -> TransferScore:
    """Run a method, keep its picture and its score; the picture is scored before it is rounded to 8 bits."""
    start = time.perf_counter()
    result = method(target.clone(), reference.clone())
    seconds = time.perf_counter() - start
    score = score_transfer(target, result, reference)
    write_picture(files.picture, as_bytes(result))
    write_json(files.score, {"longest_px": longest_px, "seconds": round(seconds, 3), "score": score.to_json()})
    print(f"{files.picture.parent.name:36} {files.picture.stem[:40]:40} {seconds:7.2f} s", flush=True)
    return score


def write_sheet(out: Path, pair: Pair, target: Tensor, reference: Tensor, scores: Mapping[str, TransferScore]) -> None:
    """All results on a pair, from the kept pictures."""
    results = {}
    for name in scores:
        with Image.open(ResultFiles(out, pair, name).picture) as opened:
            results[name] = as_tensor(np.asarray(opened))
    sheet = method_sheet(Transfers(target, reference, results, scores), columns=6, title=f"{pair.name} ({pair.half})")
    write_picture(out / "sheets" / f"{pair.name}.jpg", sheet)


def write_tables(out: Path, pairs: Sequence[Pair], scores: Scores) -> None:
    """Tables and plots of each half and of all pairs, and a table of every single score."""
    for half in ("choosing", "reporting", "all"):
        names = [pair.name for pair in pairs if half in (pair.half, "all")]
        if not names:
            continue
        part = {method: {name: values[name] for name in names} for method, values in scores.items()}
        write_text(out / f"{half}.md", table(part))
        ours = [name for name in part if name not in PEERS and name != "identity"]
        title = f"{len(names)} pairs" if half == "all" else f'{len(names)} pairs, half "{half}"'
        trade_off_plot(
            out / f"{half}.png", {name: list(values.values()) for name, values in part.items()}, ours=ours, title=title
        )
    with replacing(out / "pairs.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["half", "pair", "method", *SCORES])
        for pair in pairs:
            for method, values in scores.items():
                numbers = values[pair.name].to_json()
                writer.writerow([pair.half, pair.name, method, *(numbers[field] for field in SCORES)])


def table(scores: Scores) -> str:
    """Markdown: a row for each method with the median of each score, and the quartiles of the two that matter most."""
    heads = ["method", "closed", "quartiles", "pairs nearer", "SSIM", "quartiles", "gradients", "Delta E", "histogram"]
    heads += ["chroma", "clipped", "banding"]
    count = len(next(iter(scores.values())))
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for name, values in sorted(scores.items(), key=lambda item: -middle(item[1], "closed")):
        cells = [
            name,
            f"{100 * middle(values, 'closed'):.0f}%",
            "{:.0f} to {:.0f}%".format(*100 * quartiles(values, "closed")),
            f"{sum(score.closed > 0 for score in values.values())} of {count}",
            f"{middle(values, 'ssim'):.3f}",
            "{:.3f} to {:.3f}".format(*quartiles(values, "ssim")),
            f"{middle(values, 'gradient_correlation'):.3f}",
            f"{middle(values, 'color_distance'):.1f}",
            f"{middle(values, 'histogram_intersection'):.2f}",
            f"{middle(values, 'chroma_ratio'):.2f}",
            f"{100 * middle(values, 'clipped'):.1f}%",
            f"{100 * middle(values, 'banding'):.1f}%",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    packages = ", ".join(f"{package} {version}" for package, version in versions().items())
    return "\n".join([*lines, "", f"Medians over {count} pairs. Peers: {packages}.", ""])


def ranking(scores: Scores) -> str:
    """The table, and the choices that close enough, the one that keeps most structure first."""
    enough = [name for name, values in scores.items() if middle(values, "closed") >= LEAST_CLOSED]
    best = sorted(enough, key=lambda name: -middle(scores[name], "ssim"))
    lines = [
        f"{place}. {name}: SSIM {middle(scores[name], 'ssim'):.3f}, closes {100 * middle(scores[name], 'closed'):.0f}%,"
        f" nearer on {sum(score.closed > 0 for score in scores[name].values())} of {len(scores[name])}"
        for place, name in enumerate(best, 1)
    ]
    return "\n".join([table(scores), "Of those that close half of the distance on the median pair:", *lines])


def verdict(scores: Scores) -> str:
    """Whether the default method is what it should be: nearer on every pair, by half, and none better on both sides."""
    ours = scores[DEFAULT_METHOD]
    closed, ssim = middle(ours, "closed"), middle(ours, "ssim")
    away = [name for name, score in ours.items() if score.closed <= 0]
    rivals = {name: values for name, values in scores.items() if name != DEFAULT_METHOD}
    as_near = {name: middle(values, "ssim") for name, values in rivals.items() if middle(values, "closed") >= closed}
    better = [name for name, rival in as_near.items() if rival > ssim]
    lines = [
        f"{DEFAULT_METHOD}: closes {100 * closed:.0f}% on the median pair, SSIM {ssim:.3f}",
        f"{'no ' if away else 'yes'} nearer to the reference on every pair"
        + (f": not on {', '.join(away)}" * bool(away)),
        f"{'yes' if closed >= LEAST_CLOSED else 'no '} closes at least half on the median pair",
        f"{'no ' if better else 'yes'} at least the SSIM of the {len(as_near)} that close as much:",
        *(f"      {name}: SSIM {rival:.3f}" for name, rival in sorted(as_near.items(), key=lambda item: -item[1])),
    ]
    return "\n".join(lines)


def middle(values: Mapping[str, TransferScore], field: str) -> float:
    """The median over the pairs."""
    return median(getattr(score, field) for score in values.values())


def quartiles(values: Mapping[str, TransferScore], field: str) -> np.ndarray:
    """(2,): a quarter of the pairs lies below, and a quarter above."""
    return np.percentile([getattr(score, field) for score in values.values()], (25, 75))


def as_tensor(picture: np.ndarray) -> Tensor:
    """(3, H, W) float32 in [0, 1] of (H, W, 3), uint8 or float in 0..255."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255)


def as_bytes(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (3, H, W) in [0, 1], clipped."""
    return np.asarray((picture.clip(0, 1) * 255).round().byte().permute(1, 2, 0))


if __name__ == "__main__":
    main()
