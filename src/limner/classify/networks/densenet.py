"""Densely connected networks: every layer sees all before it in its block."""

import re
from pathlib import Path

from torch import Tensor

from limner.classify.networks.picture_network import IMAGENET_MEAN, IMAGENET_STD, PublishedNetwork, read_bands
from limner.foundation.errors import UserError

BLOCKS: dict[int, tuple[int, tuple[int, int, int, int], int]] = {
    121: (32, (6, 12, 24, 16), 64),
    161: (48, (6, 12, 36, 24), 96),
    169: (32, (6, 12, 32, 32), 64),
    201: (32, (6, 12, 48, 32), 64),
    264: (32, (6, 12, 64, 48), 64),
}
"""depth -> maps that each layer adds, layers in each block, maps of the stem (Huang et al. 2017, Table 1)."""
PUBLISHED = (121, 161, 169, 201)
_DOTTED = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.(\d\..*)$")


class DenseNet(PublishedNetwork):
    """DenseNet-121 to 264, by torchvision, with ImageNet weights up to 201 where wanted.

    Huang et al. 2017: in each of four blocks a layer reads the maps of all before it and adds 32 (161: 48) of its own;
    between blocks their number and the picture's size are halved. 7,978,856 parameters at depth 121 for 1,000 classes.

    channels: bands of the picture. classes: to tell apart. depth: layers with weights. pretrained: begin with
    ImageNet's weights. weights: or with those of a file.

    Raises `UserError` for another depth, and for pretrained with 264, which nobody publishes.
    """

    first, last = "features.conv0.weight", "classifier"
    input_mean, input_std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1000,
        depth: int = 121,
        pretrained: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise UserError(f"densenet has no depth {depth}; choose one of {', '.join(map(str, BLOCKS))}")
        from torchvision.models import densenet  # takes seconds: only now

        growth, blocks, stem = BLOCKS[depth]
        body = densenet.DenseNet(growth, blocks, stem, num_classes=classes)
        read_bands(body, self.first, channels)
        self.take_body(body, channels, pretrained, weights, f"densenet{depth}" if depth in PUBLISHED else "")

    def renamed(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The published files are older than the names without a dot: ``norm.1`` is ``norm1``."""
        return {_DOTTED.sub(r"\1\2", name): tensor for name, tensor in state.items()}
