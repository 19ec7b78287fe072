"""Losses of content: how far a made picture is from the one that it should be.

All take pictures in [-1, 1]: made (B, C, H, W), target likewise, mask (B, 1, H, W) or None. Each gives 0-d float32.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError

Content = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def l1() -> Content:
    """Mean absolute difference, on the scale [-1, 1], as pix2pix' code has it."""
    return lambda made, target, mask: (made.float() - target).abs().mean()


def l2() -> Content:
    """Mean squared difference, on the scale [-1, 1]."""
    return lambda made, target, mask: (made.float() - target).square().mean()


def gradient_difference(alpha: float = 1.0) -> Content:
    """How much the sizes of neighboring pixels' differences differ: mean ||dy| - |dy'||^alpha along rows and columns.

    Mathieu, Couprie and LeCun, ICLR 2016, eq. 6. It is 0 for a picture that is lighter all over.
    """

    def loss(made: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        parts = []
        for axis in (2, 3):
            one, other = (each.float().diff(dim=axis).abs() for each in (made, target))
            parts.append((one - other).abs().pow(alpha).mean())
        return parts[0] + parts[1]

    return loss


def total_variation() -> Content:
    """Mean absolute difference of neighboring pixels of what is made, along rows and columns; knows no target."""
    return lambda made, target, mask: made.float().diff(dim=2).abs().mean() + made.float().diff(dim=3).abs().mean()


def symmetry() -> Content:
    """Mean absolute difference of what is made and its mirror image, left to right; knows no target.

    TP-GAN (Huang, Zhang, Li and He, ICCV 2017, sec. 3.3.2), for what is symmetric when seen from the front: faces.
    """
    return lambda made, target, mask: (made.float() - made.float().flip(3)).abs().mean()


def hole(power: Literal[1, 2] = 2, ring_px: int = 4, ring_weight: float = 10.0, outside: float = 0.0) -> Content:
    """The difference in the hole, and more on a ring around it, so that both fit together.

    Pathak et al., CVPR 2016, sec. 3.2 and their code: squares, ten times as much weight on the 4 px of the hole's
    border that overlap what is known. The weighted sum is divided by how many pixels have weight.

    power: 1 or 2. ring_px: width of the ring, outside of the mask. outside: weight of all else.
    """
    if power not in (1, 2) or ring_px < 0 or ring_weight < 0 or outside < 0:
        raise UserError(
            f"the loss hole got power {power}, ring_px {ring_px}, ring_weight {ring_weight}, outside {outside}; "
            "needed: "
            "1 or 2, and 0 or more of the others"
        )

    def loss(made: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            raise UserError("the loss hole needs pictures with holes; set degrade: hole, or take l1 or l2")
        wide = functional.max_pool2d(mask, 2 * ring_px + 1, 1, ring_px) if ring_px else mask
        weight = mask + ring_weight * (wide - mask) + outside * (1 - wide)
        error = (made.float() - target).abs().pow(power).mean(1, keepdim=True)
        return (weight * error).sum() / (weight > 0).sum().clamp(min=1)

    return loss


def features(
    maps: Literal["vgg19-conv5_4", "vgg19-conv3_3", "efficientnet-lite0"] = "efficientnet-lite0",
) -> Content:
    """Mean squared difference of a pretrained network's maps.

    ``vgg19-conv5_4`` is SRGAN's, divided by 12.75^2 (Ledig et al., CVPR 2017, sec. 2.2.1 and its footnote);
    ``vgg19-conv3_3`` is DeblurGAN's, before the ReLU, fed with [-1, 1] as its code does (the paper says layer 3,3 and
    no more). Their weights are on few machines (see docs/weights.md). ``efficientnet-lite0`` is always there: the
    mean over its first four stages. Neither stands for the other: a recipe says which.
    """
    from limner.translate.measures.feature_distance import LiteMaps, VGGMaps, three_channels

    known = ("vgg19-conv5_4", "vgg19-conv3_3", "efficientnet-lite0")
    if maps not in known:
        raise UserError(f"maps of the loss features is '{maps}'; choose one of {', '.join(known)}")
    factor = 1 / 12.75**2 if maps == "vgg19-conv5_4" else 1.0
    network: nn.Module
    if maps == "efficientnet-lite0":
        network = LiteMaps()
    else:
        network = VGGMaps(maps.removeprefix("vgg19-"), normalize=maps == "vgg19-conv5_4")

    def loss(made: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        network.to(made.device)
        one, other = (network((three_channels(each.float()) + 1) / 2) for each in (made, target))
        return factor * torch.stack([(a - b).square().mean() for a, b in zip(one, other, strict=True)]).mean()

    return loss


CONTENT: dict[str, Callable[..., Content]] = {
    "l1": l1, "l2": l2, "gradient-difference": gradient_difference, "total-variation": total_variation,
    "symmetry": symmetry, "hole": hole, "features": features,
}  # fmt: skip
