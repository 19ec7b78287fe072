"""AlexNet: the two towers of 2012, and the one of 2014 that torchvision keeps with weights."""

from pathlib import Path

import torch
from torch import Tensor, nn

from limner.classify.networks.picture_network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PictureNetwork,
    PublishedNetwork,
    read_bands,
)

UNITS = 4096
"""Of each of the two layers before the classes."""


class AlexNet(PublishedNetwork):
    """AlexNet in one tower, by torchvision, with its ImageNet weights where wanted.

    Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks": 64, 192, 384, 256 and 256 maps,
    no response normalization; 61,100,840 parameters for 1,000 classes. Maps before the 4,096 units are averaged to 6 x
    6, so that pictures of 63 px or more are read; 224 is usual.

    channels: bands of the picture. classes: to tell apart. pretrained: begin with ImageNet's weights. weights: or with
    those of a file.
    """

    least_px = 63
    first, last = "features.0.weight", "classifier.6"
    input_mean, input_std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(
        self, channels: int = 3, classes: int = 1000, pretrained: bool = False, weights: Path | None = None
    ) -> None:
        super().__init__()
        from torchvision.models import alexnet  # takes seconds: only now

        body = alexnet(weights=None, num_classes=classes)
        read_bands(body, self.first, channels)
        self.take_body(body, channels, pretrained, weights, "alexnet")


class TwoTowerAlexNet(PictureNetwork):
    """AlexNet of 2012 to the letter: two towers that meet at the third layer, with response normalization.

    Krizhevsky, Sutskever and Hinton 2012: 96 maps of 11 x 11 every 4 pixels, 256 of 5 x 5, 384, 384 and 256 of 3 x 3
    (the second, fourth and fifth see their own tower only), overlapping pooling, 4,096 units twice with dropout 0.5:
    60,965,224 parameters for 1,000 classes. Weights begin N(0, 0.01), biases of the second, fourth and fifth
    convolution and of the hidden units at 1.

    channels: bands of the picture. classes: to tell apart. normalization: whether responses are normalized across maps
    (section 3.3); the paper found 1.4 points of top-1 in it.

    The paper prints pictures of 224 px, but only 227 give the 55 x 55 maps that it counts.
    """

    least_px = 227
    sizes_px = (227,)

    def __init__(self, channels: int = 3, classes: int = 1000, normalization: bool = True) -> None:
        super().__init__()

        def responses() -> nn.Module:
            # torch divides alpha by the size: 5 times the paper's 1e-4.
            return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0) if normalization else nn.Identity()

        self.maps = nn.Sequential(
            nn.Conv2d(channels, 96, 11, stride=4), nn.ReLU(inplace=True), responses(), nn.MaxPool2d(3, 2),  # 27 x 27
            nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True), responses(),
            nn.MaxPool2d(3, 2),  # 13 x 13
            nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),  # 6 x 6
        )  # fmt: skip
        self.units = nn.Sequential(
            nn.Flatten(), nn.Linear(9216, UNITS), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(UNITS, UNITS), nn.ReLU(inplace=True), nn.Dropout(0.5),
        )  # fmt: skip
        self.classes = nn.Linear(UNITS, classes)
        self.begin()

    @torch.no_grad()
    def begin(self) -> None:
        """N(0, 0.01), and the biases of section 5, by torch's global generator."""
        layers = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        for number, layer in enumerate(layers):
            layer.weight.normal_(std=0.01)
            assert layer.bias is not None
            layer.bias.fill_(1.0 if number in (1, 3, 4, 5, 6) else 0.0)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, 227, 227) -> (B, classes)."""
        return self.classes(self.units(self.maps(image)))

    def head(self) -> nn.Module:
        """The last layer."""
        return self.classes
