"""The Inception that FID is defined with: TensorFlow's network of 2015-12-05, not torchvision's.

Its blocks, with their departures from the paper, are torch-fidelity's; put together here so that it can be made without
weights, gives features and logits in one pass, and takes pictures resized as the protocol says.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity.feature_extractor_inceptionv3 import (
    BasicConv2d,
    InceptionA,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE_1,
    InceptionE_2,
)

INPUT_PX = 299
FEATURES = 2048
CLASSES = 1008


class Inception(nn.Module):
    """Features before the last layer, and logits without its bias, as Salimans et al. 2016 computed the IS.

    Names of weights are torch-fidelity's. image: (B, 3, 299, 299) float32 0..255 -> (B, 2048), (B, 1008) float32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.MaxPool_1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.MaxPool_2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE_1(1280)
        self.Mixed_7c = InceptionE_2(2048)
        self.AvgPool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = (image - 128) / 128
        for name, layer in self.named_children():
            if name != "fc":
                x = layer(x)
        features = x.flatten(1)
        return features, features @ self.fc.weight.T


def fold_normalizations(network: nn.Module) -> None:
    """Put each batch normalization into the convolution before it; the same function but for rounding, and quicker.

    network: in evaluation mode, its convolutions those of torch-fidelity's Inception.
    """
    for module in network.modules():
        if isinstance(module, BasicConv2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """He et al. 2015's random weights for every convolution and linear layer, in place; biases 0, normalizations the
    identity. For tests without files."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            inputs = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / inputs) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.data.zero_()
