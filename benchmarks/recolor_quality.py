"""What each color transfer keeps of a picture and how near it comes to the reference's colors: limner and its peers.

    python benchmarks/recolor_quality.py --data FOLDER --out FOLDER [--methods NAME...] [--pairs NAME...]
    python benchmarks/recolor_quality.py --data FOLDER --out FOLDER --grid GRID.json

FOLDER (default: $LIMNER_DATA) holds `sct/` and `wct2/` (see recolor_pairs.py). Peers that are installed take part (see
recolor_peers.py). The same command again goes on where it stopped: each result and its score are kept in OUT/results,
until --again names the method or --longest-px changes. Written to OUT: `choosing.md`, `reporting.md` and `all.md` (and
.png: the trade-off), `pairs.csv` with every score, a sheet for each pair in `sheets/`, and `comparison.jpg`, rows of
pairs and columns of limner's methods.

--grid: a list of options of the method `superpixel`, such as [{"temperature": 0.02}, {"perplexity": 30}] (ours:
recolor_grid.json, and recolor_temperatures.json for the figure over temperatures); each is run
on the half "choosing" only, and they are ranked by the SSIM of those that close at least half of the distance. Where
they differ in one option alone, each pair is also drawn over its values.
"""

import argparse
import csv
import json
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.foundation.files.writing import replacing, write_json, write_text
from limner.recolor.fusion.fuse import Kernel
from limner.recolor.methods.methods import METHODS, transfer_color
from limner.recolor.scoring.score import TransferScore, score_transfer
from limner.recolor.scoring.sheet import Transfers, comparison_sheet, method_sheet, sweep_sheet, trade_off_plot
from limner.reporting.pictures import resized, write_picture
from recolor_pairs import HALVES, PAIRS, Pair, read_picture
from recolor_peers import PEERS, versions
from recolor_tables import DEFAULT_METHOD, Scores, ranking, table, verdict

SHEET_PX = 360
KERNEL_OPTIONS = [field.name for field in fields(Kernel)]
SCORES = [field.name for field in fields(TransferScore)]

Method = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Run what is missing, then write the tables, plots and sheets."""
    options = read_options()
    choices = json.loads(options.grid.read_text(encoding="utf-8")) if options.grid else []
    methods = grid_methods(choices) if choices else all_methods()
    chosen = [name for name in methods if not options.methods or name in options.methods]
    pairs = [pair for pair in PAIRS if not options.pairs or pair.name in options.pairs]
    if choices:
        pairs = [pair for pair in pairs if pair.half == "choosing"]
    scores: dict[str, dict[str, TransferScore]] = {name: {} for name in chosen}
    rows = []
    for pair in pairs:
        target, reference = (
            as_tensor(read_picture(name, options.data, options.longest_px)) for name in (pair.target, pair.reference)
        )
        for name in chosen:
            files = ResultFiles(options.out, pair, name)
            score = None if name in options.again else files.read_score(options.longest_px)
            scores[name][pair.name] = score or run(methods[name], target, reference, files, options.longest_px)
        rows.append(kept_transfers(options.out, pair, target, reference, scores))
        sheet = method_sheet(rows[-1], columns=6, cell_px=SHEET_PX, title=f"{pair.name} ({pair.half})")
        write_picture(options.out / "sheets" / f"{pair.name}.jpg", sheet)
    write_tables(options.out, pairs, scores)
    write_figures(options.out, pairs, rows, swept_setting(choices))
    print(ranking(scores) if choices else table(scores))
    for half in HALVES if DEFAULT_METHOD in chosen else ():
        part = of_pairs(scores, [pair.name for pair in pairs if pair.half == half])
        print(f"Half {half}: {verdict(part)}" if part[DEFAULT_METHOD] else f"Half {half}: no pair")


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


def grid_methods(choices: Sequence[Mapping[str, object]]) -> dict[str, Method]:
    """The identity, and the default method under each of the options, named by them."""
    methods: dict[str, Method] = {"identity": lambda target, reference: target}
    for choice in choices:
        name = " ".join(f"{option}={value}" for option, value in choice.items()) or "defaults"
        methods[name] = partial(by_limner, DEFAULT_METHOD, **choice)
    return methods


def swept_setting(choices: Sequence[Mapping[str, object]]) -> str | None:
    """The one option that every choice of a grid gives, if there is one and nothing else."""
    given = {option for choice in choices for option in choice}
    return given.pop() if len(given) == 1 and all(choices) else None


def by_limner(name: str, target: Tensor, reference: Tensor, **choice: object) -> Tensor:
    """The result of one of limner's methods. choice: its options; those of the fusion's kernel stand among them."""
    of_kernel = {option: choice.pop(option) for option in KERNEL_OPTIONS if option in choice}
    if of_kernel:
        choice["kernel"] = Kernel(**of_kernel)
    return transfer_color(target, [reference], replace(METHODS[name], **choice)).picture


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
        """What was measured before on pictures of the same size, by the same measures, if it was."""
        if not self.score.exists():
            return None
        kept = json.loads(self.score.read_text(encoding="utf-8"))
        of_today = kept["longest_px"] == longest_px and set(kept["score"]) == set(SCORES)
        return TransferScore(**kept["score"]) if of_today else None


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


def kept_transfers(out: Path, pair: Pair, target: Tensor, reference: Tensor, scores: Scores) -> Transfers:
    """All results on a pair, small enough for a sheet."""
    results = {}
    for name in scores:
        with Image.open(ResultFiles(out, pair, name).picture) as opened:
            results[name] = as_tensor(resized(np.asarray(opened), SHEET_PX))
    target, reference = (as_tensor(resized(as_bytes(picture), SHEET_PX)) for picture in (target, reference))
    return Transfers(target, reference, results, {name: values[pair.name] for name, values in scores.items()})


def write_figures(out: Path, pairs: Sequence[Pair], rows: Sequence[Transfers], setting: str | None) -> None:
    """limner's methods over all pairs on one sheet, or each pair over the values of the one option of a grid."""
    ours = [name for name in rows[0].results if name not in PEERS and name != "identity"]
    if setting is None:
        part = [replace(row, results={name: row.results[name] for name in ours}) for row in rows]
        write_picture(out / "comparison.jpg", comparison_sheet(part, cell_px=SHEET_PX))
        return
    for pair, row in zip(pairs, rows, strict=True):
        values = {name.partition("=")[2]: name for name in ours}
        named = replace(
            row,
            results={value: row.results[name] for value, name in values.items()},
            scores={value: row.scores[name] for value, name in values.items()},
        )
        write_picture(out / f"{setting}-{pair.name}.jpg", sweep_sheet(named, setting=setting, title=pair.name))


def write_tables(out: Path, pairs: Sequence[Pair], scores: Scores) -> None:
    """Tables and plots of each half and of all pairs, and a table of every single score."""
    for half in ("choosing", "reporting", "all"):
        names = [pair.name for pair in pairs if half in (pair.half, "all")]
        if not names:
            continue
        part = of_pairs(scores, names)
        write_text(out / f"{half}.md", table(part))
        ours = [name for name in part if name not in PEERS and name != "identity"]
        title = f"{len(names)} pairs" if half == "all" else f'{len(names)} pairs, half "{half}"'
        listed = {name: list(values.values()) for name, values in part.items()}
        trade_off_plot(out / f"{half}.png", listed, ours=ours, title=title)
        trade_off_plot(out / f"{half}-blotches.png", listed, against="blotches", ours=ours, title=title)
    with replacing(out / "pairs.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["half", "pair", "method", *SCORES])
        for pair in pairs:
            for method, values in scores.items():
                numbers = values[pair.name].to_json()
                writer.writerow([pair.half, pair.name, method, *(numbers[field] for field in SCORES)])


def of_pairs(scores: Scores, names: Sequence[str]) -> dict[str, dict[str, TransferScore]]:
    """The scores on some of the pairs."""
    return {method: {name: values[name] for name in names} for method, values in scores.items()}


def as_tensor(picture: np.ndarray) -> Tensor:
    """(3, H, W) float32 in [0, 1] of (H, W, 3), uint8 or float in 0..255."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255)


def as_bytes(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (3, H, W) in [0, 1], clipped."""
    return np.asarray((picture.clip(0, 1) * 255).round().byte().permute(1, 2, 0))


if __name__ == "__main__":
    main()
