"""A trained detector around which pictures are looked through: what `limner.load` hands out for this room."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import paste_masks_in_image

from limner.datasets.pictures.decoding import decode
from limner.detect.boxes.objects import Detections
from limner.detect.data.pictures import Sizing, as_tensor, resized
from limner.detect.networks import GIVEN, NETWORKS
from limner.detect.networks.rcnn import Found
from limner.detect.predicting.facts import read_facts
from limner.foundation.machine.device import choose_device
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import build_fitting, described_choice
from limner.learning.runs.run import Run
from limner.nn.finite import finite
from limner.reporting.card import card

BATCH = 4
"""Pictures that are looked through at once."""


@dataclass(frozen=True)
class ObjectDetector:
    """Finds objects as a run learned to.

    network: a list of (3, H, W) float32 in 0..1 -> a list of `Found`. threshold: the score from which what it finds is
    shown. score: its run's, in words. scale, ground_m: of the pictures that it learned from, see `DetectFacts`.
    """

    network: nn.Module
    class_names: tuple[str, ...]
    sizing: Sizing
    threshold: float
    device: torch.device
    score: str = ""
    scale: float = 1.0
    ground_m: float | None = None

    @property
    def outlines(self) -> bool:
        """Whether it draws outlines beside boxes."""
        return bool(getattr(self.network, "outlines", False))

    def detect(self, picture: Path | str | Image.Image | np.ndarray, min_score: float | None = None) -> Detections:
        """The objects in a picture, the surest first, in its own pixels, with a score of ``min_score`` at least
        (default: ``threshold``). picture: a file, or (H, W, 3) uint8.

        Raises `UserError` for a file that cannot be read.
        """
        image = decode(Path(picture), "rgb") if isinstance(picture, Path | str) else picture
        image = Image.fromarray(image).convert("RGB") if isinstance(image, np.ndarray) else image.convert("RGB")
        pixels = as_tensor(resized(image, self.sizing.size(*image.size)))
        found = self.detect_all([pixels], [image.size])[0]
        return above(found, self.threshold if min_score is None else min_score)

    @torch.no_grad()
    def detect_all(self, pictures: Sequence[Tensor], sizes: Sequence[tuple[int, int]]) -> list[Detections]:
        """All that it finds, however unsure, in pixels of pictures of (width, height) ``sizes``.

        pictures: (3, H, W) uint8 each, at the size that ``sizing`` gives.
        """
        self.network.eval()
        found: list[Detections] = []
        for start in range(0, len(pictures), BATCH):
            part = pictures[start : start + BATCH]
            answers = self.network([each.to(self.device).float() / 255 for each in part])
            found += [
                _in_picture(answer, (each.shape[2], each.shape[1]), size)
                for answer, each, size in zip(answers, part, sizes[start : start + BATCH], strict=True)
            ]
        return found

    def _repr_html_(self) -> str:
        names = ", ".join(self.class_names[:12]) + (" ..." if len(self.class_names) > 12 else "")
        return card("limner object detector", {"finds": names, "score": self.score})


def above(found: Detections, score: float) -> Detections:
    """What has at least that score."""
    kept = found.scores >= score
    masks = (
        None if found.masks is None else [code for code, keep in zip(found.masks, kept.tolist(), strict=True) if keep]
    )
    return Detections(found.boxes[kept], found.labels[kept], found.scores[kept], masks)


def _in_picture(found: Found, seen: tuple[int, int], size: tuple[int, int]) -> Detections:
    """What was found in a picture at the size ``seen``, in pixels of the one of ``size``, the surest first."""
    scores = finite(found.scores.float().cpu(), "the network")
    order = scores.argsort(descending=True, stable=True)
    factor = torch.tensor([size[0] / seen[0], size[1] / seen[1]] * 2)
    boxes = finite(found.boxes.float().cpu(), "the network")[order] * factor
    masks = None if found.masks is None else _encoded(found.masks.float().cpu()[order], boxes, size)
    return Detections(boxes, found.labels.cpu()[order], scores[order], masks)


def _encoded(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> list[dict[str, Any]]:
    from pycocotools import mask as coco_mask

    codes = []
    for place in range(len(masks)):  # one at a time: all at once are gigabytes of a large picture
        one = slice(place, place + 1)
        whole = paste_masks_in_image(masks[one], boxes[one], (size[1], size[0]))[0, 0] >= 0.5
        codes.append(coco_mask.encode(np.asfortranarray(whole.numpy().astype(np.uint8))))
    return codes


def load_detector(run: Run, device: str = "auto") -> ObjectDetector:
    """The detector of a run. Raises `UserError` for a network that this limner has not, or weights that do not fit."""
    facts, place = read_facts(run), choose_device(device)
    described = described_choice(facts.network, NETWORKS, GIVEN, run.folder / "model.json", "network")
    # The run's own weights follow: none of ImageNet's are looked for.
    own = {"pretrained": False} if "pretrained" in inspect.signature(NETWORKS[described.name]).parameters else {}
    described = Choice(described.name, {**described.options, **own})

    def build() -> nn.ModuleDict:
        return nn.ModuleDict({"network": described.build(NETWORKS, channels=3, classes=len(facts.class_names))})

    kept = build_fitting(build, run.weight_shapes(), run.folder)
    kept.load_state_dict(run.weights())
    return ObjectDetector(
        network=kept["network"].eval().to(place),
        class_names=facts.class_names,
        sizing=Sizing(facts.short_px, facts.longest_px),
        threshold=facts.threshold,
        device=place,
        scale=facts.scale,
        ground_m=facts.ground_m,
    )
