"""Dense predictors side by side on street scenes split by sequence, or on satellite pictures split by area: at equal
pictures seen, and at equal processor time.

    python benchmarks/dense.py --data DATA [--seeds 0,1,2] [--steps 120] [--seconds 40] [--out dense.json]

DATA (default: $LIMNER_DATA) is one of two. camvid-sample holds ``images/SEQUENCE_*.jpg`` and ``labels/SEQUENCE_*.png``
of class numbers, 11 and above being unlabelled; the sequence with most pictures is held out, pictures are 96 x 128.
dubai-aerial holds ``tileN/images/*.jpg`` and ``tileN/masks/*.png`` of five classes by color; the middle square of each
is shrunk to 128 x 128, and the last tile is held out: another area at another scale. Each data set wants a file of its
own. Every network reads the same pictures in the same order, mirrored or not by the same draws, and learns by AdamW at
1e-3 from batches of 4 with cross-entropy weighted by median frequency. Paper networks have a quarter of their width.
Each is scored after so many steps, and after so many seconds of processor time on one thread. Done cells are kept in
the file, so the same command goes on; Markdown is printed.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.files.writing import write_json
from limner.nn.parameters import count_parameters
from limner.segment.networks import NETWORKS
from limner.segment.training.pixel_weights import median_frequency

STREETS, AREAS = (96, 128), (128, 128)
STREET_CLASSES, IGNORE = 11, 255
AREA_COLORS = (0x3C1098, 0x8429F6, 0x6EC1E4, 0xFEDD3A, 0xE2A929)
"""Building, land, road, vegetation and water; all other colors are unlabelled."""
BATCH, RATE, TOLERANCE_PX = 4, 1e-3, 2
WIDTH = {"width": 0.25}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn-32s": ("fcn", {"output_stride": 32, **WIDTH}),
    "fcn-8s": ("fcn", {"output_stride": 8, **WIDTH}),
    "segnet": ("segnet", WIDTH),
    "segnet, corners": ("segnet", {"switches": False, **WIDTH}),
    "segnet-basic": ("segnet", {"basic": True, "width": 0.5}),
    "deconvnet": ("deconvnet", WIDTH),
    "dilated": ("dilated", WIDTH),
    "dilated, context": ("dilated", {"context": "basic", **WIDTH}),
    "unet-valid": ("unet-valid", WIDTH),
    "fcn-8s, Lite0": ("fcn", {"backbone": "efficientnet-lite0", "pretrained": True}),
    "dilated, Lite0": ("dilated", {"backbone": "efficientnet-lite0", "pretrained": True}),
    "lite-unet": ("lite-unet", {}),
}


class Data(NamedTuple):
    """Pictures (n, 3, H, W) float32 standardized over all, and masks (n, H, W) int64, by sequence or area."""

    groups: dict[str, tuple[Tensor, Tensor]]
    classes: int
    held_out: str


def read(folder: Path) -> Data:
    """Streets or areas, see above."""
    if (folder / "images").is_dir():
        found, classes = read_streets(folder), STREET_CLASSES
        held_out = max(found, key=lambda name: len(found[name]))
    else:
        found, classes = read_areas(folder), len(AREA_COLORS)
        held_out = max(found, default="")
    if len(found) < 2:
        raise SystemExit(f"{folder}: {len(found)} groups; needed: images/SEQUENCE_*.jpg of two or more, or two tiles")
    everything = np.stack([pixels for pairs in found.values() for pixels, _ in pairs])
    mean, std = everything.mean((0, 1, 2)), everything.std((0, 1, 2))
    groups = {
        name: (
            torch.from_numpy(np.stack([(pixels - mean) / std for pixels, _ in pairs])).permute(0, 3, 1, 2).contiguous(),
            torch.from_numpy(np.stack([mask for _, mask in pairs]).astype(np.int64)),
        )
        for name, pairs in found.items()
    }
    return Data(groups, classes, held_out)


def read_streets(folder: Path) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """By sequence: pairs of a picture (H, W, 3) float32 and its mask (H, W)."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for path in sorted((folder / "images").iterdir()):
        with Image.open(path) as picture, Image.open(folder / "labels" / f"{path.stem}.png") as labels:
            pixels = shrunk(picture, STREETS)
            mask = np.asarray(labels.resize(STREETS[::-1], Image.Resampling.NEAREST))
        found.setdefault(path.stem.split("_")[0], []).append((pixels, np.where(mask < STREET_CLASSES, mask, IGNORE)))
    return found


def read_areas(folder: Path) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """By tile: as `read_streets`."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for path in sorted(folder.glob("tile*/images/*.jpg")):
        tile = path.parent.parent
        with Image.open(path) as picture, Image.open(tile / "masks" / f"{path.stem}.png") as labels:
            side = min(picture.size)
            left, top = ((length - side) // 2 for length in picture.size)
            square = (left, top, left + side, top + side)
            colors = labels.convert("RGB").crop(square).resize(AREAS[::-1], Image.Resampling.NEAREST)
            codes = np.asarray(colors).astype(int) @ [65536, 256, 1]
            mask = np.select([codes == color for color in AREA_COLORS], range(len(AREA_COLORS)), IGNORE)
            found.setdefault(tile.name, []).append((shrunk(picture.crop(square), AREAS), mask))
    return found


def shrunk(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) float32 in 0..255, means of what each pixel covers."""
    return np.asarray(picture.convert("RGB").resize(size[::-1], Image.Resampling.BOX), np.float32)


def score(network: nn.Module, pictures: Tensor, masks: Tensor, classes: int) -> dict[str, float]:
    """Pixel accuracy, F1 and IoU as means over the classes that occur, F1 of borders within 2 px; all 0 to 1."""
    network.eval()
    with torch.inference_mode():
        found = torch.cat([network(part).argmax(1) for part in pictures.split(BATCH)])
    network.train()
    return score_maps(found, masks, classes)


def score_maps(found: Tensor, masks: Tensor, classes: int) -> dict[str, float]:
    """`score` of maps (n, H, W)."""
    known = masks != IGNORE
    pairs = torch.bincount(masks[known] * classes + found[known], minlength=classes**2)
    matrix = pairs.view(classes, classes).double()
    right, truth, said = matrix.diag(), matrix.sum(1), matrix.sum(0)
    occurs = truth > 0
    return {
        "accuracy": float(right.sum() / matrix.sum()),
        "mF1": float((2 * right / (truth + said).clamp(min=1))[occurs].mean()),
        "mIoU": float((right / (truth + said - right).clamp(min=1))[occurs].mean()),
        "boundary F1": border_f1(found.numpy(), masks.numpy()),
    }


def border_f1(found: np.ndarray, masks: np.ndarray) -> float:
    """F1 of the borders between classes, each matched within 2 px by the other's; where nothing is known is no
    border."""
    hits = np.zeros(4)
    for one, truth in zip(found, masks, strict=True):
        known = ndimage.binary_erosion(truth != IGNORE, iterations=TOLERANCE_PX, border_value=1)
        ours, theirs = borders(one) & known, borders(truth) & known
        near_ours, near_theirs = (
            ndimage.distance_transform_edt(~each) <= TOLERANCE_PX if each.any() else np.zeros_like(each)
            for each in (ours, theirs)
        )
        hits += [(ours & near_theirs).sum(), ours.sum(), (theirs & near_ours).sum(), theirs.sum()]
    precision, recall = hits[0] / max(1, hits[1]), hits[2] / max(1, hits[3])
    return float(2 * precision * recall / max(1e-12, precision + recall))


def borders(mask: np.ndarray) -> np.ndarray:
    """Pixels whose right or lower neighbor has another class."""
    border = np.zeros(mask.shape, bool)
    border[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    border[:-1] |= mask[:-1] != mask[1:]
    return border


def train(form: str, seed: int, data: Data, steps: int, seconds: float) -> dict[str, Any]:
    """One network from its beginning to both marks; scores at each."""
    learned = [pair for name, pair in data.groups.items() if name != data.held_out]
    pictures, masks = (torch.cat(parts) for parts in zip(*learned, strict=True))
    counts = np.stack([np.bincount(mask[mask != IGNORE], minlength=data.classes) for mask in masks.numpy()])
    weights = torch.tensor(median_frequency(counts))
    name, options = FORMS[form]
    torch.manual_seed(seed)
    network = NETWORKS[name](channels=3, classes=data.classes, **options).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
    draws = torch.Generator().manual_seed(seed)
    spent, step, found = 0.0, 0, {}
    while len(found) < 2:
        chosen = torch.randint(len(pictures), (BATCH,), generator=draws)
        image, mask = pictures[chosen], masks[chosen]
        if torch.rand((), generator=draws) < 0.5:
            image, mask = image.flip(3), mask.flip(2)
        before = time.process_time()
        optimizer.zero_grad()
        functional.cross_entropy(network(image), mask, weights, ignore_index=IGNORE).backward()
        optimizer.step()
        spent, step = spent + time.process_time() - before, step + 1
        for mark, reached in (("pictures", step == steps), ("time", spent >= seconds)):
            if reached and mark not in found:
                found[mark] = {
                    **score(network, *data.groups[data.held_out], data.classes),
                    "steps": step,
                    "seconds": spent,
                }
    return {"parameters": count_parameters(network), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--out", type=Path, default=Path("dense.json"))
    given = parser.parse_args()
    if given.data is None:
        raise SystemExit("no data: give --data DATA or set LIMNER_DATA")
    torch.set_num_threads(1)
    data = read(Path(given.data))
    done = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    for seed in map(int, given.seeds.split(",")):
        for form in FORMS:
            cell = f"{form} | {seed} | {given.steps} | {given.seconds:g}"
            if cell not in done:
                done[cell] = train(form, seed, data, given.steps, given.seconds)
                write_json(given.out, done)
    print(tables(done, data, given.steps, given.seconds))


def tables(done: dict[str, Any], data: Data, steps: int, seconds: float) -> str:
    """Means over the seeds that are done, with their least and most."""
    masks = data.groups[data.held_out][1]
    commonest = int(torch.bincount(masks[masks != IGNORE]).argmax())
    constant = score_maps(torch.full_like(masks, commonest), masks, data.classes)
    scores = list(constant)
    lines: list[str] = []
    for mark, told in (("pictures", f"after {steps} steps of {BATCH}"), ("time", f"after {seconds:g} s of one thread")):
        heads = ["network", "parameters", "seeds", "steps", "s", *scores]
        shown = [f"{constant[each]:.3f}" for each in scores]
        lines += [
            "",
            f"{told}, held out: {data.held_out}",
            "",
            line(heads),
            line(["---", *["---:"] * (len(heads) - 1)]),
        ]
        lines.append(line(["one class everywhere", "", "", "", "", *shown]))
        for form in FORMS:
            ends = f"| {steps} | {seconds:g}"
            cells = [cell for name, cell in done.items() if name.startswith(f"{form} | ") and name.endswith(ends)]
            if cells:
                rows = [cell[mark] for cell in cells]
                spent = [f"{statistics.mean(row[key] for row in rows):.0f}" for key in ("steps", "seconds")]
                size = f"{cells[0]['parameters'] / 1e6:.2f} M"
                lines.append(line([form, size, str(len(rows)), *spent, *(spread(rows, key) for key in scores)]))
    return "\n".join(lines)


def spread(rows: list[dict[str, float]], key: str) -> str:
    """The mean, and of several their least and most."""
    values = [row[key] for row in rows]
    ends = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{ends}"


def line(cells: list[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
