"""Draw docs/pictures/recolor-*: superpixel color transfer explained, beside other methods, and over temperatures.

    python tools/draw_recolor.py

recolor-trade-off.png is drawn from the table of the half "reporting" in docs/results/recolor.md, so it says the same.

The photos come with scikit-image: coffee (CC0, Rachel Michetti), chelsea (CC0, Stefan van der Walt), astronaut (NASA,
public domain) and rocket (SpaceX, public domain). The pictures stand on the page docs/recolor/superpixel.md.
"""

import re
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from limner.recolor.methods.methods import METHODS, transfer_color
from limner.recolor.methods.recolored import Recolored
from limner.recolor.methods.superpixel import SuperpixelOptions
from limner.recolor.scoring.explain import explain
from limner.recolor.scoring.score import TransferScore, score_transfer
from limner.recolor.scoring.sheet import Transfers, comparison_sheet, sweep_sheet, trade_off_plot
from limner.reporting.pictures import resized, write_picture

DOCS = Path(__file__).parents[1] / "docs"
PICTURES, RESULTS = DOCS / "pictures", DOCS / "results" / "recolor.md"
PAIRS = (("coffee", "rocket"), ("chelsea", "coffee"), ("astronaut", "chelsea"), ("rocket", "coffee"))
"""Target and reference; the last one failed before smooth areas were kept smooth."""
NEAREST_THE_PAPER = SuperpixelOptions(
    centering="channel", palette=0.0, diffusion=0.0, contrast=0.0, global_share=0.0, soft_range=0.0, fusion="colors"
)
COLUMNS = {
    "superpixel": METHODS["superpixel"],
    "superpixel, nearest the paper": NEAREST_THE_PAPER,
    "mkl": METHODS["mkl"],
    "idt-regrain": METHODS["idt-regrain"],
}
TEMPERATURES = (0.001, 0.02, 0.1, 1.0)
LONGEST_PX, QUALITY = 1400, 82


def main() -> None:
    """Write the pictures."""
    draw_trade_off()
    draw_explained("coffee", "rocket")
    pairs = [draw_pair(*names) for names in PAIRS]
    write("recolor-pairs.jpg", comparison_sheet(pairs))
    write("recolor-temperature.jpg", sweep_sheet(sweep("chelsea", "coffee")))


def draw_trade_off() -> None:
    """The medians of the table of the half "reporting", ours filled."""
    text = RESULTS.read_text(encoding="utf-8")
    part = text.partition('## The half "reporting"')[2].partition("\n## ")[0]
    scores, ours = {}, []
    for row in re.findall(r"^\| (?!method|---)(.+?) \|$", part, re.MULTILINE):
        name, closed, _, ssim, *_ = (cell.strip() for cell in row.split("|"))
        plain = name.replace("**", "")
        if name.startswith("**"):
            ours.append(plain)
        numbers = dict.fromkeys((field.name for field in fields(TransferScore)), 0.0)
        scores[plain] = [TransferScore(**numbers | {"closed": int(closed[:-1]) / 100, "ssim": float(ssim.strip("*"))})]
    trade_off_plot(PICTURES / "recolor-trade-off.png", scores, ours=ours, title='Medians of 10 pairs, half "reporting"')


def draw_explained(target: str, reference: str) -> None:
    """Attention, regions and stages of one pair."""
    pictures = photo(target), photo(reference)
    with tempfile.TemporaryDirectory() as folder:
        explain(Path(folder), pictures[0], [pictures[1]], transfer_color(*pictures))
        for name in ("attention", "matches", "stages"):
            with Image.open(Path(folder) / f"{name}.png") as drawn:
                write(f"recolor-{name}.jpg", np.asarray(drawn))


def draw_pair(target: str, reference: str) -> Transfers:
    """One pair by each of the methods."""
    pictures = photo(target), photo(reference)
    return scored(*pictures, {name: transfer_color(*pictures, options) for name, options in COLUMNS.items()})


def sweep(target: str, reference: str) -> Transfers:
    """One pair at several temperatures, without the completion of the palette, as the paper has it."""
    pictures = photo(target), photo(reference)
    options = {f"{value:g}": replace(NEAREST_THE_PAPER, temperature=value) for value in TEMPERATURES}
    return scored(*pictures, {name: transfer_color(*pictures, each) for name, each in options.items()})


def scored(target: Tensor, reference: Tensor, results: dict[str, Recolored]) -> Transfers:
    """Results with their numbers."""
    scores = {name: score_transfer(target, done.picture, reference) for name, done in results.items()}
    return Transfers(target, reference, {name: done.picture for name, done in results.items()}, scores)


def photo(name: str) -> Tensor:
    """(3, H, W) float32 of one of scikit-image's photos."""
    return torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1).float() / 255


def write(name: str, picture: np.ndarray) -> None:
    """Write a picture of the page."""
    write_picture(PICTURES / name, resized(picture, LONGEST_PX), QUALITY)
    print(f"{name}: {(PICTURES / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
