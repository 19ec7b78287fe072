"""Networks of this room: a picture in, a picture out; and those that tell made pictures from real ones."""

from torch import nn

from limner.translate.networks.colorizer import Colorizer
from limner.translate.networks.context_encoder import ContextEncoder, RandomContextEncoder
from limner.translate.networks.dense import ContextDiscriminator, SRGANDiscriminator
from limner.translate.networks.dtn import DTNDiscriminator, DTNExtractor, DTNGenerator
from limner.translate.networks.icgan import AttributeDiscriminator, AttributeGenerator, PictureReader
from limner.translate.networks.light_residual import LightResidual
from limner.translate.networks.multi_scale import MultiScale, PyramidDiscriminator
from limner.translate.networks.patch import PatchDiscriminator
from limner.translate.networks.resnet import ResNet
from limner.translate.networks.srresnet import SRResNet
from limner.translate.networks.stargan import StarDiscriminator, StarGenerator
from limner.translate.networks.translator import Translator
from limner.translate.networks.unet import UNet
from limner.translate.networks.voxel_flow import VoxelFlow

GENERATORS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "resnet": ResNet,
    "light-residual": LightResidual,
    "srresnet": SRResNet,
    "context-encoder": ContextEncoder,
    "context-encoder-random": RandomContextEncoder,
    "multi-scale": MultiScale,
    "colorizer": Colorizer,
    "voxel-flow": VoxelFlow,
}
"""Each takes ``inputs``, ``outputs`` and ``scale``, and then options of its own: see `Translator`."""
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "patch": PatchDiscriminator,
    "srgan": SRGANDiscriminator,
    "context": ContextDiscriminator,
    "pyramid": PyramidDiscriminator,
}
"""Each takes ``channels`` and ``size_px`` of what it sees, and then options of its own."""
TOLD_GENERATORS: dict[str, type[nn.Module]] = {"stargan": StarGenerator}
"""Those that are told a domain by constant maps, and pad with zeros so that they hear it; each as `GENERATORS`."""
CLASS_DISCRIMINATORS: dict[str, type[nn.Module]] = {"stargan": StarDiscriminator}
"""Those that also tell classes; each as `DISCRIMINATORS`, and takes ``classes``."""
EXTRACTORS: dict[str, type[nn.Module]] = {"dtn": DTNExtractor}
"""Those that tell a picture in few numbers; each takes ``channels`` and ``size_px``, and has a ``code``."""
CODE_GENERATORS: dict[str, type[nn.Module]] = {"dtn": DTNGenerator}
"""Those that make a picture of such numbers; each takes ``code``, ``outputs`` and ``size_px``."""
TRANSFER_DISCRIMINATORS: dict[str, type[nn.Module]] = {"dtn": DTNDiscriminator}
"""Those that tell what was made of a source, made of a target, and true; each as `DISCRIMINATORS`."""
ATTRIBUTE_GENERATORS: dict[str, type[nn.Module]] = {"icgan": AttributeGenerator}
"""Those that draw pictures of latents and attributes; each takes ``size_px``, ``channels`` and ``attributes``."""
ATTRIBUTE_DISCRIMINATORS: dict[str, type[nn.Module]] = {"icgan": AttributeDiscriminator}
"""Those that tell whether a picture is real and has attributes; each takes the same."""
PICTURE_READERS: dict[str, type[nn.Module]] = {"icgan": PictureReader}
"""Those that read numbers of a picture; each takes ``size_px``, ``channels`` and ``outputs``."""

__all__ = [
    "ATTRIBUTE_DISCRIMINATORS", "ATTRIBUTE_GENERATORS", "CLASS_DISCRIMINATORS", "CODE_GENERATORS", "DISCRIMINATORS",
    "EXTRACTORS", "GENERATORS", "PICTURE_READERS", "TOLD_GENERATORS", "TRANSFER_DISCRIMINATORS",
    "AttributeDiscriminator", "AttributeGenerator", "Colorizer", "ContextDiscriminator", "ContextEncoder",
    "DTNDiscriminator", "DTNExtractor", "DTNGenerator", "LightResidual", "MultiScale", "PatchDiscriminator",
    "PictureReader", "PyramidDiscriminator", "RandomContextEncoder", "ResNet", "SRGANDiscriminator", "SRResNet",
    "StarDiscriminator", "StarGenerator", "Translator", "UNet", "VoxelFlow",
]  # fmt: skip
