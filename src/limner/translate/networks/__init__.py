"""Networks of this room: a picture in, a picture out; and those that tell made pictures from real ones."""

from torch import nn

from limner.translate.networks.context_encoder import ContextEncoder, RandomContextEncoder
from limner.translate.networks.dense import ContextDiscriminator, SRGANDiscriminator
from limner.translate.networks.light_residual import LightResidual
from limner.translate.networks.patch import PatchDiscriminator
from limner.translate.networks.resnet import ResNet
from limner.translate.networks.srresnet import SRResNet
from limner.translate.networks.translator import Translator
from limner.translate.networks.unet import UNet

GENERATORS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "resnet": ResNet,
    "light-residual": LightResidual,
    "srresnet": SRResNet,
    "context-encoder": ContextEncoder,
    "context-encoder-random": RandomContextEncoder,
}
"""Each takes ``inputs``, ``outputs`` and ``scale``, and then options of its own: see `Translator`."""
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "patch": PatchDiscriminator,
    "srgan": SRGANDiscriminator,
    "context": ContextDiscriminator,
}
"""Each takes ``channels`` and ``size_px`` of what it sees, and then options of its own."""

__all__ = [
    "DISCRIMINATORS", "GENERATORS", "ContextDiscriminator", "ContextEncoder", "LightResidual", "PatchDiscriminator",
    "RandomContextEncoder", "ResNet", "SRGANDiscriminator", "SRResNet", "Translator", "UNet",
]  # fmt: skip
