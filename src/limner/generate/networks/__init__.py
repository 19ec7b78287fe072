"""Networks of this room: generators, which make pictures of latents, and discriminators, which tell them from real ones.

Each takes ``size_px``, ``channels`` and ``classes`` and then options of its own: see `Generator` and `Discriminator`.
Any generator can play against any discriminator.
"""

from torch import nn

from limner.generate.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from limner.generate.networks.players import SIZES_PX, Discriminator, Generator

GENERATORS: dict[str, type[nn.Module]] = {"dcgan": DCGANGenerator}
DISCRIMINATORS: dict[str, type[nn.Module]] = {"dcgan": DCGANDiscriminator}

__all__ = [
    "DISCRIMINATORS", "GENERATORS", "SIZES_PX", "DCGANDiscriminator", "DCGANGenerator", "Discriminator", "Generator",
]  # fmt: skip
