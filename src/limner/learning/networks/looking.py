"""The verb `look`: one offline page about what a network makes of a picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.idx import one_picture
from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.several import tell_several
from limner.foundation.errors import UserError
from limner.foundation.files.writing import must_exist, write_text
from limner.foundation.progress import say
from limner.learning.networks.inspecting import parse_size, whole_size
from limner.learning.networks.known import KnownNetwork, find_network
from limner.nn.inspection.inspection import Inspection
from limner.nn.looking.view import as_png, look_into

NEAREST, MOST_COMPARED, LONGEST_PX = 6, 500, 384


@dataclass(frozen=True)
class Looked:
    """page: the HTML file. warnings: what it does not show, and why."""

    page: Path
    warnings: list[str]


def look(
    network: str | Path | nn.Module,
    picture: str | Path,
    *,
    out: str | Path | None = None,
    size: str | Sequence[int] | None = None,
    classes: int | None = None,
    index: int | None = None,
    among: str | Path | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
) -> Looked:
    """Write one HTML page, which needs nothing else, about what a network makes of a picture: its layers with their
    maps and kernels, which pixels a place sees, where the evidence for the answer lies, what maps answer to most.

    network: a module, a run, a network of a room (as it is before training), or ``FILE.py:NAME``. picture: any that
    limner decodes. out: the page (default: ``look.html``). size: of what the network reads, as (C, H, W) or text.
    index: which picture of an idx file, as of MNIST, from 0. among: a folder of pictures; the nearest of them, by the
    network's last stage, stand on the page.

    Raises `UserError` for a network or a picture that is not there, and a page that is, unless ``overwrite``.
    """
    page = Path(out or "look.html")
    must_exist([Path(picture)])
    if Path(picture).is_dir():
        raise UserError(f"{picture}: a folder; give one picture, a PNG or JPEG file")
    if page.exists() and not overwrite:
        raise UserError(f"{page} is there already; add --overwrite, or name another page with --out")
    given = parse_size(size) if isinstance(size, str) else tuple(size or ())
    if isinstance(network, nn.Module):
        known = KnownNetwork(network, type(network).__name__)
    else:
        channels = given[0] if len(given) == 3 else 3
        known = find_network(network, channels=channels, classes=classes, overrides=overrides)
    with one_picture(Path(picture), index) as path:
        bands, height, width = _size(known, path, given)
        tell_several([path])
        pixels = _seen(known, path, (bands, height, width))
    device = next(known.network.parameters(), torch.empty(0)).device
    image = _as_read(known, pixels).to(device)
    shown = np.repeat(pixels, 3, axis=2) if bands == 1 else pixels[..., :3]
    names = getattr(known.predictor, "class_names", ())
    view = look_into(known.network, image, np.ascontiguousarray(shown), known.title, names)
    facts = view.facts | {"warnings": view.warnings, "nearest": []}
    if known.predictor is None and not isinstance(network, nn.Module) and ".py:" not in str(network):
        facts["summary"] += "; not trained: its weights are as they begin"
    if among is not None:
        facts["nearest"] = _nearest(known, image, Path(among), (bands, height, width))
    text = resources.files("limner.nn.looking").joinpath("look_template.html").read_text(encoding="utf-8")
    # "</" could end the script that holds the facts.
    write_text(page, text.replace("__FACTS__", json.dumps(facts).replace("</", "<\\/")))
    for warning in view.warnings:
        say(f"Careful: {warning}")
    return Looked(page, view.warnings)


def _size(known: KnownNetwork, picture: Path, given: Sequence[int]) -> tuple[int, int, int]:
    """What the network reads: what was given, what it or its run says of itself, else the picture's own shape."""
    crop = getattr(known.predictor, "crop_px", None)
    if not given and crop is not None:
        return known.predictor.channels, crop, crop
    if given or getattr(known.network, "input_size", None):
        return whole_size(known.network, given, known.channels)
    wide, high = decode(picture, "rgb").size
    shrink = min(1.0, LONGEST_PX / max(wide, high))
    bands, *_ = whole_size(known.network, (high, wide), known.channels)
    return bands, max(1, round(high * shrink)), max(1, round(wide * shrink))


def _seen(known: KnownNetwork, path: Path, size: tuple[int, int, int]) -> np.ndarray:
    """What the network sees of a picture, (H, W, bands) uint8: as its run fits pictures to itself, where it does and
    nobody asked for another size."""
    fits = getattr(known.predictor, "as_seen", None)
    own = getattr(known.predictor, "crop_px", None)
    pixels: np.ndarray = fits(path) if fits is not None and size[1:] == (own, own) else read_picture(path, *size)
    return pixels


def read_picture(path: Path, bands: int, height: int, width: int) -> np.ndarray:
    """(height, width, bands) uint8: the middle of the picture of that shape, resized. Raises `UserError` for what is no
    picture, and for another number of bands than 1 and 3."""
    if bands not in (1, 3):
        raise UserError(f"{path}: read as 1 or 3 bands; the network reads {bands}: look takes gray and RGB pictures")
    picture = decode(path, "gray" if bands == 1 else "rgb")
    wide, high = picture.size
    side = min(wide / width, high / height)
    left, top = (wide - side * width) / 2, (high - side * height) / 2
    box = (left, top, left + side * width, top + side * height)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))
    return pixels[..., None] if bands == 1 else pixels


def _as_read(known: KnownNetwork, pixels: np.ndarray) -> Tensor:
    """(1, C, H, W) float32 as the network takes it: in 0..1, by its run's statistics, or else each band standardized by
    itself."""
    values = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    predictor: Any = known.predictor
    if getattr(known.network, "unit_range", False):
        return values / 255
    if hasattr(predictor, "standardize"):
        return predictor.standardize(values / 255).float()
    statistics = getattr(predictor, "statistics", None)
    if statistics is not None:
        mean, std = (torch.tensor(each).float().view(1, -1, 1, 1) for each in (statistics.mean, statistics.std))
        return (values - mean) / std
    mean, std = values.mean((2, 3), keepdim=True), values.std((2, 3), keepdim=True, correction=0)
    return (values - mean) / std.clamp_min(1e-6)


def _nearest(known: KnownNetwork, image: Tensor, folder: Path, size: tuple[int, int, int]) -> list[dict[str, Any]]:
    """The pictures of a folder that the network's last stage finds most alike, by the cosine of its maps' means."""
    must_exist([folder])
    paths = picture_files(folder)[:MOST_COMPARED]
    tell_several(paths)
    found = Inspection(known.network, size)
    last = [stage.name for stage in found.stages][-1:]
    if not paths or not last:
        return []

    def describe(read: Tensor) -> Tensor:
        return nn.functional.normalize(found.features(read)[last[0]].float().mean((2, 3))[0], dim=0)

    asked = describe(image)
    rows = []
    for path in paths:
        pixels = _seen(known, path, size)
        rows.append((float(asked @ describe(_as_read(known, pixels).to(image.device))), path, pixels))
    rows.sort(key=lambda row: -row[0])
    return [
        {"name": path.name, "likeness": round(alike, 3), "picture": as_png(np.repeat(px, 3, 2) if size[0] == 1 else px)}
        for alike, path, px in rows[:NEAREST]
    ]
