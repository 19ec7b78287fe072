"""VGG: nothing but 3 x 3 convolutions and pooling, deeper than before."""

from pathlib import Path

from limner.classify.networks.picture_network import IMAGENET_MEAN, IMAGENET_STD, PublishedNetwork, read_bands
from limner.foundation.errors import UserError

DEPTHS = (11, 13, 16, 19)


class VGG(PublishedNetwork):
    """VGG-11, 13, 16 and 19, by torchvision, with their ImageNet weights where wanted.

    Simonyan and Zisserman 2015: 3 x 3 convolutions with 64 to 512 maps, 2 x 2 pooling after each of five blocks, and
    two layers of 4,096 units, which hold 123,642,856 of VGG-16's 138,357,544 parameters for 1,000 classes. Maps before
    them are averaged to 7 x 7, so that pictures of 32 px or more are read; 224 is usual.

    channels: bands of the picture. classes: to tell apart. depth: layers with weights. pretrained: begin with
    ImageNet's weights. weights: or with those of a file.

    Raises `UserError` for another depth.
    """

    first, last = "features.0.weight", "classifier.6"
    input_mean, input_std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1000,
        depth: int = 16,
        pretrained: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise UserError(f"vgg has no depth {depth}; choose one of {', '.join(map(str, DEPTHS))}")
        from torchvision.models import get_model  # takes seconds: only now

        body = get_model(f"vgg{depth}", weights=None, num_classes=classes)
        read_bands(body, self.first, channels)
        self.take_body(body, channels, pretrained, weights, f"vgg{depth}")
