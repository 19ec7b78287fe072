"""A discriminator of pairs: pictures with the latents that belong to them."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks.dcgan import SLOPE
from limner.generate.networks.discriminator import Discriminator

SEEN_PX = 4
"""The side to which larger maps of features are averaged before the latent joins them."""


class PairDiscriminator(nn.Module):
    """Tells (picture, its latent by the encoder) from (made picture, the latent it is made of).

    u(x) + v(f(x), z): what a discriminator says of the picture alone, plus what a small network says of the picture's
    features together with the latent. Donahue et al., "Adversarial Feature Learning", ICLR 2017, have v alone; the sum
    is that of Donahue and Simonyan, "Large Scale Adversarial Representation Learning", NeurIPS 2019, eq. 2, whose third
    term, of the latent alone, v holds.

    picture: the discriminator of pictures. latent: numbers in a latent. hidden: units of both layers of v.

    Raises `UserError` for a discriminator whose features do not lie open.
    """

    def __init__(self, picture: nn.Module, latent: int, hidden: int = 256) -> None:
        super().__init__()
        if not isinstance(picture, Discriminator) or not picture.open_features:
            raise UserError(
                "encoder is on, but this discriminator shows no features that a latent could be held against; choose "
                "discriminator dcgan, sngan, light or resnet-18"
            )
        self.picture = picture
        self.joint = nn.Sequential(
            nn.Linear(_feature_count(picture) + latent, hidden), nn.LeakyReLU(SLOPE),
            nn.Linear(hidden, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, image_pm1: Tensor, label: Tensor | None, latent: Tensor) -> Tensor:
        """image_pm1: (B, channels, S, S) float in [-1, 1]. label: (B,) int64, or None without classes. latent:
        (B, latent) float. Gives logits (B,)."""
        features, logits = self.picture.see(image_pm1, label)
        pair = torch.cat([_seen(features), latent.to(features.dtype)], dim=1)
        return logits + self.joint(pair).flatten()


def _seen(features: Tensor) -> Tensor:
    """(B, maps, h, w) -> (B, maps x at most 4 x 4)."""
    if features.shape[-1] > SEEN_PX:
        features = functional.adaptive_avg_pool2d(features, SEEN_PX)
    return features.flatten(1)


def _feature_count(picture: Discriminator) -> int:
    with torch.no_grad():
        copied = copy.deepcopy(picture).to("meta").eval()
        shown = torch.empty(1, picture.inputs, picture.size_px, picture.size_px, device="meta")
        return _seen(copied.features(shown)).shape[1]
