"""All that the page of `limner look` shows of one network and one picture, as plain numbers and small pictures."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from limner.foundation.progress import Progress
from limner.nn.inspection.fields import field_of_place
from limner.nn.inspection.inspection import Inspection
from limner.nn.inspection.spreading import evaluating
from limner.nn.kernels.gabor import fit_gabors
from limner.nn.layers.contrast import normalize_global, normalize_local
from limner.nn.looking.evidence import Answer, class_answer, enlarge, grad_cam, occlusion
from limner.nn.looking.maximize import maximize

MOST_LAYERS, MOST_MAPS, MAP_PX = 60, 36, 48
MAXIMIZED, MAXIMIZED_PX = 4, 96
WINDOWS = 8
"""Squares of an occlusion along an edge: each is a quarter of the edge, moved by an eighth of it."""
GABOR_PX = 5
"""Least edge of kernels that Gabor functions are fitted to."""


@dataclass(frozen=True)
class View:
    """facts: what the page's script reads, ready for JSON. warnings: what could not be shown, and why."""

    facts: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def look_into(
    network: nn.Module, image: Tensor, shown: np.ndarray, title: str, class_names: Sequence[str] = ()
) -> View:
    """Run a network on a picture and gather what its layers made of it.

    image: (1, C, H, W) float32, as the network takes it. shown: (H, W, 3) uint8, the picture for people.
    class_names: of the answer's classes, as far as they are known.

    Raises `UserError` for a network that does not take the picture.
    """
    size: tuple[int, int, int] = tuple(image.shape[1:])  # type: ignore[assignment]
    warnings: list[str] = []
    with Progress("look", 4, "parts") as progress:
        progress.advance(0, "layers")
        found = Inspection(network, size, title)
        names = _chosen(found)
        outputs, answer_maps = _run(network, image, names)
        tells = getattr(network, "tells_classes", True)
        answer, classes = _answer(answer_maps, class_names) if tells else (None, [])
        progress.advance(1, "maps and kernels")
        facts: dict[str, Any] = {
            "title": title,
            "size": list(size),
            "picture": as_png(shown),
            "contrast": _contrast(shown),
            "summary": f"{found.parameters:,} parameters, {found.multiply_adds:,} multiply-adds for this picture",
            "classes": classes,
            "layers": [_layer(found, name, outputs[name]) for name in names if name in outputs],
        }
        progress.advance(1, "evidence")
        ends = [name for name in _stage_ends(found) if name in outputs]
        _add_evidence(facts, network, image, answer, ends, warnings)
        progress.advance(1, "what excites its maps most")
        _add_maximized(facts, network, outputs, found, warnings)
        progress.advance(1)
    return View(facts, warnings)


def _contrast(shown: np.ndarray) -> list[dict[str, str]]:
    """The picture after global and after local contrast normalization: what light leaves, and what it does not."""
    values = torch.from_numpy(shown.astype(np.float32) / 255).permute(2, 0, 1)[None]
    found = []
    for name, normalize in (("global", normalize_global), ("local", normalize_local)):
        drawn = ((0.5 + normalize(values)[0] / 6).clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        found.append({"name": f"{name} contrast normalization", "picture": as_png(drawn)})
    return found


def _chosen(found: Inspection) -> list[str]:
    """Layers to show: what convolves, pools, unpools, upsamples, and what ends a stage, in the order of their calls."""
    ends = set(_stage_ends(found))
    maps = {layer.name: layer for layer in found.layers}
    kinds = ("Conv", "Pool", "Unpool", "Upsampl", "LocallyConnected", "Tiled")
    names = [
        name
        for name, shape in found.calls.outputs.items()
        if name in ends
        or (name in maps and any(kind in maps[name].kind for kind in kinds))
        or (name in maps and shape == ())
    ]
    if len(names) <= MOST_LAYERS:
        return names
    step = len(names) / MOST_LAYERS
    kept = {names[int(number * step)] for number in range(MOST_LAYERS)} | ends
    return [name for name in names if name in kept]


def _stage_ends(found: Inspection) -> list[str]:
    return [stage.name for stage in found.stages]


def _run(network: nn.Module, image: Tensor, names: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
    """What the named layers give, (C, h, w) each, and the answer."""
    kept: dict[str, Tensor] = {}
    modules = dict(network.named_modules())

    def keep(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            maps = output[0] if isinstance(output, tuple) else output
            if isinstance(maps, Tensor) and maps.dim() == 4:
                kept.setdefault(name, maps[0].detach().float().clone())  # what follows may work in place

        return hook

    hooks = [modules[name].register_forward_hook(keep(name)) for name in names]
    try:
        with evaluating(network), torch.no_grad():
            output = network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return kept, output[0] if isinstance(output, tuple) else output


def _answer(output: Tensor, class_names: Sequence[str]) -> tuple[Answer | None, list[dict[str, Any]]]:
    """What the evidence is for, and the classes with their shares: the likeliest class; of a map the commonest one that
    is not the first, if there is any."""
    if output.dim() not in (2, 4) or output.shape[1] < 2:
        return None, []
    shares = output.float().softmax(1)[0]
    places = None
    if output.dim() == 4:
        winners = shares.argmax(0)
        counts = torch.bincount(winners.flatten(), minlength=len(shares))
        best = int(counts[1:].argmax()) + 1 if counts[1:].any() else 0
        places = winners == best
        shares = counts / counts.sum()
    else:
        best = int(shares.argmax())
    order = shares.argsort(descending=True)[:8].tolist()
    named = [
        {
            "name": class_names[i] if i < len(class_names) else f"class {i}",
            "share": float(shares[i]),
            "asked": i == best,
        }
        for i in order
    ]
    return class_answer(best, places), named


def _layer(found: Inspection, name: str, maps: Tensor) -> dict[str, Any]:
    """What the page shows of one layer."""
    module = dict(found.network.named_modules())[name]
    kind = type(module).__name__
    layer = next((each for each in found.layers if each.name == name), None)
    seen = found.fields.get(name)
    strongest = maps.flatten(1).mean(1).argsort(descending=True)[:MOST_MAPS].sort().values
    facts = {
        "name": name,
        "kind": kind,
        "shape": list(maps.shape),
        "parameters": 0 if layer is None else layer.parameters,
        "field": None if seen is None else seen.rows,
        "box": _box(found, name, maps),
        "maps": as_png(_sheet(maps[strongest])),
        "channels": strongest.tolist(),
        "side": _side(maps),
    }
    weight = getattr(module, "weight", None)
    if (
        isinstance(module, nn.Conv2d)
        and isinstance(weight, Tensor)
        and weight.shape[1] in (1, 3)
        and module.groups == 1
    ):
        facts |= _kernels(weight.detach().float().cpu())
    return facts


def _box(found: Inspection, name: str, maps: Tensor) -> list[float] | None:
    """(row, column) of the field's first pixel of place (0, 0), its extents, and pixels from place to place."""
    places = (maps.shape[1] // 2, maps.shape[2] // 2)
    try:
        sides = field_of_place(found.network, name, found.size, places)
    except (ValueError, IndexError):
        return None
    box = []
    rows = found.fields.get(name)
    for axis in (0, 1):
        stride = found.size[1 + axis] / maps.shape[1 + axis]
        extent, seen = sides[axis].size, rows.rows if rows is not None else None
        if (
            seen is not None and seen > extent
        ):  # cut off by the picture's border: as if it lay around the place's middle
            first = (places[axis] + 0.5) * stride - seen / 2
            extent = seen
        else:
            first = sides[axis].first
        box += [first - places[axis] * stride, extent, stride]
    return [box[0], box[3], box[1], box[4], box[2], box[5]]


def _kernels(weight: Tensor) -> dict[str, Any]:
    """Kernels (n, 1 or 3, k, k) as a sheet, and how much of each a Gabor function explains."""
    count = min(len(weight), 64)
    kernels = weight[:count]
    span = kernels.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    colors = (0.5 + 0.5 * kernels / span).expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    facts: dict[str, Any] = {"kernels": as_png(_tiled((colors.numpy() * 255).astype(np.uint8))), "kernel_count": count}
    if min(weight.shape[2:]) >= GABOR_PX and weight.shape[2] == weight.shape[3]:
        gray = kernels.mean(1)
        fits = fit_gabors(gray)
        span = fits.functions.abs().amax((1, 2), keepdim=True).clamp_min(1e-12)
        drawn = (0.5 + 0.5 * fits.functions / span)[..., None].expand(-1, -1, -1, 3)
        facts |= {
            "gabors": as_png(_tiled((drawn.numpy() * 255).astype(np.uint8))),
            "r2": [round(each, 3) for each in fits.r2.tolist()],
            "r2_median": round(float(fits.r2.median()), 3),
        }
    return facts


def _add_evidence(
    facts: dict[str, Any],
    network: nn.Module,
    image: Tensor,
    answer: Answer | None,
    ends: list[str],
    warnings: list[str],
) -> None:
    """Occlusion, and Grad-CAM of each stage, as maps over the picture."""
    facts["evidence"] = []
    if answer is None:
        warnings.append("the network gives no classes: no evidence is shown")
        return
    height, width = image.shape[2:]
    window, stride = max(2, min(height, width) // 4), max(1, min(height, width) // WINDOWS)
    fall = occlusion(network, image, answer, window, stride)
    facts["evidence"].append({"name": f"occlusion, squares of {window} px", "map": _heat(fall)})
    modules = dict(network.named_modules())
    for name in ends:
        try:
            cam = grad_cam(network, modules[name], image, answer)[0]
        except (ValueError, RuntimeError) as error:
            warnings.append(f"no Grad-CAM of {name}: {str(error).splitlines()[0]}")
            continue
        if not bool((cam > 0).any()):
            warnings.append(f"Grad-CAM of {name} is empty: nothing there speaks for the class")
        facts["evidence"].append({"name": f"Grad-CAM, {name}", "map": _heat(enlarge(cam, height, width))})


def _add_maximized(
    facts: dict[str, Any], network: nn.Module, outputs: Mapping[str, Tensor], found: Inspection, warnings: list[str]
) -> None:
    """For each stage, pictures that its strongest maps here answer to most."""
    modules = dict(network.named_modules())
    layers = {layer["name"]: layer for layer in facts["layers"]}
    own = getattr(network, "input_size", None)
    side = MAXIMIZED_PX if own is None else None
    size = found.size if side is None else (found.size[0], min(side, found.size[1]), min(side, found.size[2]))
    if found.size[0] not in (1, 3):
        warnings.append(f"pictures of {found.size[0]} bands are not drawn: no activation maximization")
        return
    for name in _stage_ends(found):
        if name not in layers:
            continue
        channels = outputs[name].flatten(1).mean(1).argsort(descending=True)[:MAXIMIZED].tolist()
        try:
            pictures = maximize(network, modules[name], channels, size)
        except Exception as error:  # whatever a user's network says of another size, or of no gradient
            warnings.append(f"no activation maximization of {name}: {str(error).splitlines()[0]}")
            continue
        shown = ((pictures.expand(-1, 3, -1, -1) / 6 + 0.5).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
        layers[name]["maximized"] = as_png(_tiled(shown, columns=MAXIMIZED))
        layers[name]["maximized_channels"] = channels


def _sheet(maps: Tensor) -> np.ndarray:
    """(n, h, w) -> a sheet of gray maps, each stretched by itself and at most `MAP_PX` large."""
    height, width = _side(maps)
    small = nn.functional.adaptive_avg_pool2d(maps, (height, width)).cpu()
    low, high = small.amin((1, 2), keepdim=True), small.amax((1, 2), keepdim=True)
    gray = ((small - low) / (high - low).clamp_min(1e-12) * 255).byte().numpy()
    return _tiled(gray[..., None].repeat(3, axis=3), columns=6, gap=0)


def _side(maps: Tensor) -> list[int]:
    """Height and width that maps (n, h, w) are shown at: as they are, or their longer edge `MAP_PX`."""
    shrink = min(1.0, MAP_PX / max(maps.shape[1:]))
    return [max(1, round(edge * shrink)) for edge in maps.shape[1:]]


def _tiled(pictures: np.ndarray, columns: int = 8, gap: int = 1) -> np.ndarray:
    """(n, h, w, 3) uint8 -> one picture, in rows of ``columns``."""
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap), columns * (width + gap), 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _heat(values: Tensor) -> str:
    """A map as a transparent picture: red speaks for the class, blue against it."""
    scaled = (values / values.abs().max().clamp_min(1e-12)).cpu().numpy()
    strength = (np.abs(scaled) * 200).astype(np.uint8)
    color = np.where(scaled[..., None] > 0, np.array([215, 48, 31], np.uint8), np.array([33, 102, 172], np.uint8))
    return as_png(np.concatenate([color, strength[..., None]], axis=2).astype(np.uint8))


def as_png(picture: np.ndarray) -> str:
    """A picture (H, W, 3 or 4) uint8 as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
