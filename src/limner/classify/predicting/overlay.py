"""Evidence laid over pictures, for people."""

import numpy as np
from PIL import Image
from torch import Tensor

from limner.datasets.pictures.quantized import as_rgb


def as_picture(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (C, H, W) uint8."""
    return np.ascontiguousarray(as_rgb(picture[None])[0].permute(1, 2, 0).cpu().numpy())


def overlay_evidence(picture: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the picture gray where nothing was seen, and red to yellow where something was.

    picture: (H, W, 3) uint8. evidence: (H, W) float in [0, 1], of any size.
    """
    height, width = picture.shape[:2]
    strength = np.asarray(
        Image.fromarray(evidence.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    )
    strength = strength.clip(0, 1)[..., None]
    gray = picture.astype(np.float32).mean(axis=2, keepdims=True)
    hot = np.concatenate([np.full_like(strength, 255), 255 * strength, np.zeros_like(strength)], axis=2)
    mixed = gray * (1 - 0.7 * strength) + hot * (0.7 * strength)
    return mixed.round().clip(0, 255).astype(np.uint8)
