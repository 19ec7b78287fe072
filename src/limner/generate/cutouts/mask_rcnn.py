"""The detector that decides by default: torchvision's Mask R-CNN, as COCO taught it.

K. He et al., "Mask R-CNN", ICCV 2017; the weights are torchvision's ``maskrcnn_resnet50_fpn_v2`` (Y. Li et al.,
"Benchmarking Detection Transfer Learning with Vision Transformers", 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torchvision.models.detection import MaskRCNN, MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2

from limner.foundation.errors import UserError
from limner.generate.cutouts.detector import Finding
from limner.nn.pretrained import LITE0, MASK_RCNN, load_weights, weights_path

NAMES: tuple[str, ...] = tuple(MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.meta["categories"])
"""COCO's classes by the network's numbers, with what stands in the gaps of the numbering."""
NOT_NAMES = ("__background__", "N/A")
BATCH = 4
"""Pictures at once; the network enlarges each to 800 px."""


class MaskRcnn:
    """torchvision's Mask R-CNN, asked for one class a picture.

    network: in eval mode. digest: of its weights. Its masks are not computed: a score and a box are all that is asked.
    """

    def __init__(self, network: MaskRCNN, digest: str, device: torch.device | str = "cpu", batch: int = BATCH) -> None:
        network.roi_heads.mask_roi_pool = None  # torchvision then leaves out the masks
        self.network, self.digest, self.device, self.batch = network.to(device).eval(), digest, device, batch
        self.names = tuple(name for name in NAMES if name not in NOT_NAMES)

    @classmethod
    def pretrained(cls, weights: Path | None, *, download: bool, device: torch.device) -> MaskRcnn:
        """With the weights that COCO taught, found as `limner.nn.pretrained` finds them.

        Raises `UserError` where they are not, or where the file holds others.
        """
        try:
            path = weights_path(MASK_RCNN, path=weights, download=download)
        except UserError as error:
            raise UserError(str(error).replace(f"or use {LITE0}", "or add --no-filter")) from None
        state = load_weights(MASK_RCNN, path=path)
        network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
        try:
            network.load_state_dict(state)
        except RuntimeError:
            raise UserError(
                f"{path}: not weights of {MASK_RCNN}; give torchvision's file, or add --no-filter"
            ) from None
        with path.open("rb") as file:
            return cls(network, hashlib.file_digest(file, "sha256").hexdigest()[:16], device)

    @torch.inference_mode()
    def find(self, pictures: Sequence[np.ndarray], names: Sequence[str]) -> list[Finding | None]:
        """As `Detector.find` says."""
        found: list[Finding | None] = []
        for start in range(0, len(pictures), self.batch):
            part = pictures[start : start + self.batch]
            image01 = [torch.from_numpy(picture).to(self.device).permute(2, 0, 1).float() / 255 for picture in part]
            for output, name in zip(self.network(image01), names[start : start + self.batch], strict=True):
                right = output["labels"] == NAMES.index(name)
                scores, boxes = output["scores"][right].tolist(), output["boxes"][right].tolist()
                best = max(range(len(scores)), key=scores.__getitem__, default=None)
                found.append(None if best is None else Finding(scores[best], tuple(boxes[best])))
        return found
