"""Networks of this room: generators make pictures of latents, discriminators tell them from real ones.

Each takes ``size_px``, ``channels`` and ``classes`` and then options of its own: see `Generator` and `Discriminator`.
Any generator can learn against any discriminator.
"""

from torch import nn

from limner.generate.networks.arguments import SIZES_PX
from limner.generate.networks.biggan import BigGANDiscriminator, BigGANGenerator
from limner.generate.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from limner.generate.networks.dcgan_bigger import BiggerDiscriminator, BiggerGenerator
from limner.generate.networks.discriminator import Discriminator
from limner.generate.networks.gated import GatedGenerator
from limner.generate.networks.generator import Generator
from limner.generate.networks.light import LightDiscriminator, LightGenerator
from limner.generate.networks.projected.discriminator import ProjectedDiscriminator
from limner.generate.networks.resnet import (
    ResNet18Discriminator,
    ResNet18Generator,
    ResNet34Discriminator,
    ResNet34Generator,
)
from limner.generate.networks.sngan import SNGANDiscriminator, SNGANGenerator
from limner.generate.networks.stylegan2.discriminator import StyleGAN2Discriminator
from limner.generate.networks.stylegan2.generator import StyleGAN2Generator

GENERATORS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANGenerator, "dcgan-bigger": BiggerGenerator, "sngan": SNGANGenerator, "light": LightGenerator,
    "projected": GatedGenerator,
    "resnet-18": ResNet18Generator, "resnet-34": ResNet34Generator, "biggan": BigGANGenerator,
    "stylegan2": StyleGAN2Generator,
}  # fmt: skip
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANDiscriminator,
    "dcgan-bigger": BiggerDiscriminator,
    "sngan": SNGANDiscriminator,
    "light": LightDiscriminator,
    "projected": ProjectedDiscriminator,
    "resnet-18": ResNet18Discriminator,
    "resnet-34": ResNet34Discriminator,
    "biggan": BigGANDiscriminator,
    "stylegan2": StyleGAN2Discriminator,
}

__all__ = [
    "DISCRIMINATORS", "GENERATORS", "SIZES_PX", "BigGANDiscriminator", "BigGANGenerator", "BiggerDiscriminator",
    "BiggerGenerator", "DCGANDiscriminator", "DCGANGenerator", "Discriminator", "GatedGenerator", "Generator",
    "LightDiscriminator", "LightGenerator", "ProjectedDiscriminator", "ResNet18Discriminator", "ResNet18Generator",
    "ResNet34Discriminator", "ResNet34Generator", "SNGANDiscriminator", "SNGANGenerator",
    "StyleGAN2Discriminator", "StyleGAN2Generator",
]  # fmt: skip
