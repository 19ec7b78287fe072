"""Networks of this room: generators make pictures of latents, discriminators tell them from real ones.

Each takes ``size_px``, ``channels`` and ``classes`` and then options of its own: see `Generator` and `Discriminator`.
Any generator can learn against any discriminator.
"""

from torch import nn

from limner.generate.networks.arguments import SIZES_PX
from limner.generate.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from limner.generate.networks.dcgan_bigger import BiggerDiscriminator, BiggerGenerator
from limner.generate.networks.discriminator import Discriminator
from limner.generate.networks.generator import Generator
from limner.generate.networks.light import LightDiscriminator, LightGenerator
from limner.generate.networks.sngan import SNGANDiscriminator, SNGANGenerator

GENERATORS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANGenerator, "dcgan-bigger": BiggerGenerator, "sngan": SNGANGenerator, "light": LightGenerator,
}  # fmt: skip
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANDiscriminator,
    "dcgan-bigger": BiggerDiscriminator,
    "sngan": SNGANDiscriminator,
    "light": LightDiscriminator,
}

__all__ = [
    "DISCRIMINATORS", "GENERATORS", "SIZES_PX", "BiggerDiscriminator", "BiggerGenerator", "DCGANDiscriminator",
    "DCGANGenerator", "Discriminator", "Generator", "LightDiscriminator", "LightGenerator", "SNGANDiscriminator",
    "SNGANGenerator",
]  # fmt: skip
