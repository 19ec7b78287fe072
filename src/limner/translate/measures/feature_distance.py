"""How unlike two pictures look to a network: a distance of its maps, under the network's own name.

The form is LPIPS' (Zhang et al., CVPR 2018) without its learned weights: maps of several layers, each position's vector
brought to length 1, squared differences summed over channels and averaged over positions and layers. It is not LPIPS,
whose numbers it cannot be compared with.
"""

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.initialize import shapes_only
from limner.nn.pretrained import LITE0, load_weights

STAGES = (0, 1, 2, 3)
"""Stages of EfficientNet-Lite0: maps at a half, a quarter, an eighth and a sixteenth of the picture."""
VGG_LAYERS = {"conv3_3": 15, "conv5_4": 36}
"""How many layers of torchvision's VGG-19 ``features``: DeblurGAN's conv3_3 before its ReLU, SRGAN's conv5_4 behind "
"it."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEAST_PX = 32


class LiteMaps(nn.Module):
    """The maps of EfficientNet-Lite0's first four stages. image01: (B, 3, H, W) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        with shapes_only():
            whole: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        whole.load_state_dict(load_weights(LITE0), assign=True)
        self.stem = nn.Sequential(whole.conv_stem, whole.bn1)
        self.stages = nn.ModuleList(list(whole.blocks)[: STAGES[-1] + 1])
        self.requires_grad_(False).eval()

    def forward(self, image01: Tensor) -> list[Tensor]:
        """Four maps (B, C, h, w)."""
        x, found = self.stem(image01 * 2 - 1), []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class VGGMaps(nn.Module):
    """The maps of one layer of VGG-19 with ImageNet weights. image01: (B, 3, H, W) in [0, 1].

    layer: a key of `VGG_LAYERS`. normalize: by ImageNet's mean and deviation; DeblurGAN's code gives it [-1, 1]
    instead.
    """

    def __init__(self, layer: str, *, normalize: bool = True) -> None:
        super().__init__()
        from torchvision.models import vgg19  # takes seconds, and most users of this file need nothing of it

        with shapes_only():
            whole = vgg19(weights=None)
        whole.load_state_dict(load_weights("vgg19"), assign=True)
        self.layers = whole.features[: VGG_LAYERS[layer]].requires_grad_(False).eval()
        self.normalize = normalize

    def forward(self, image01: Tensor) -> list[Tensor]:
        """One map (B, C, h, w)."""
        if not self.normalize:
            return [self.layers(image01 * 2 - 1)]
        mean, std = (image01.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        return [self.layers((image01 - mean) / std)]


def three_channels(image01: Tensor) -> Tensor:
    """(B, 3, H, W) of (B, 1 or more, H, W): gray is repeated, of more bands the first three are taken."""
    return image01.expand(-1, 3, -1, -1) if image01.shape[1] < 3 else image01[:, :3]


class FeatureDistance:
    """The distance of pictures through EfficientNet-Lite0; see the module. name: what its numbers are called."""

    name = f"features[{LITE0}]"

    def __init__(self, maps: nn.Module | None = None, device: torch.device | str = "cpu") -> None:
        self.maps = (LiteMaps() if maps is None else maps).to(device)
        self.device = torch.device(device)

    @torch.no_grad()
    def __call__(self, made01: Tensor, true01: Tensor) -> float:
        """0 for equal pictures. Both: (C, H, W) in [0, 1], sides of 32 px or more. Raises `UserError` for smaller."""
        if min(true01.shape[1:]) < LEAST_PX:
            raise UserError(
                f"pictures of {true01.shape[2]} x {true01.shape[1]} px; the feature distance needs {LEAST_PX} px"
            )
        both = three_channels(torch.stack([made01, true01]).to(self.device)).contiguous()
        return float(distance(self.maps(both)))


def distance(maps: Sequence[Tensor]) -> Tensor:
    """0-d: of maps (2, C, h, w) of two pictures."""
    parts = []
    for found in maps:
        unit = nn.functional.normalize(found, dim=1, eps=1e-10)
        parts.append((unit[0] - unit[1]).square().sum(0).mean())
    return torch.stack(parts).mean()
