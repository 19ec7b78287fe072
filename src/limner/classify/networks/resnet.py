"""Residual networks of 18 to 200 layers."""

from pathlib import Path

from limner.classify.networks.picture_network import IMAGENET_MEAN, IMAGENET_STD, PublishedNetwork, read_bands
from limner.foundation.errors import UserError

UNITS: dict[int, tuple[str, list[int]]] = {
    18: ("BasicBlock", [2, 2, 2, 2]),
    34: ("BasicBlock", [3, 4, 6, 3]),
    50: ("Bottleneck", [3, 4, 6, 3]),
    101: ("Bottleneck", [3, 4, 23, 3]),
    152: ("Bottleneck", [3, 8, 36, 3]),
    200: ("Bottleneck", [3, 24, 36, 3]),
}
"""depth -> the unit of torchvision, and how many there are in each stage (He et al. 2016a, Table 1; 200: 2016b)."""
PUBLISHED = (18, 34, 50, 101, 152)


class ResNet(PublishedNetwork):
    """ResNet-18 to 200, by torchvision, with ImageNet weights up to 152 where wanted.

    He et al. 2016: four stages of units y = ReLU(F(x) + x), a mean over all places, one layer for the classes.
    25,557,032 parameters at depth 50 for 1,000 classes. Torchvision's units of three layers stride in their 3 x 3
    convolution, the paper's in the first 1 x 1; as many parameters, another receptive field. Depth 200 is that of the
    second paper with the units of the first.

    channels: bands of the picture. classes: to tell apart. depth: layers with weights. pretrained: begin with
    ImageNet's weights. weights: or with those of a file.

    Raises `UserError` for another depth, and for pretrained with 200, which nobody publishes.
    """

    first, last = "conv1.weight", "fc"
    input_mean, input_std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1000,
        depth: int = 50,
        pretrained: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        if depth not in UNITS:
            raise UserError(f"resnet has no depth {depth}; choose one of {', '.join(map(str, UNITS))}")
        from torchvision.models import resnet  # takes seconds: only now

        unit, units = UNITS[depth]
        body = resnet.ResNet(getattr(resnet, unit), units, num_classes=classes)
        read_bands(body, self.first, channels)
        self.take_body(body, channels, pretrained, weights, f"resnet{depth}" if depth in PUBLISHED else "")
