"""LeNet-5 as it is taught today: the network to begin with on small pictures."""

from typing import Literal

from torch import Tensor, nn

from limner.classify.networks.picture_network import PictureNetwork
from limner.nn.initialize import he_initialize

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
POOLS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


class LeNet(PictureNetwork):
    """LeNet-5 with plain pooling, full connections and a linear output, as it is taught today.

    6 maps of 5 x 5 on the picture padded by 2; 2 x 2 pooling; 16 maps of 5 x 5 that see all six; pooling; 120 of 5 x 5;
    84 units; the classes (after LeCun et al. 1998). 61,706 parameters for one band and ten classes. `LeNet1998` is the
    paper's own.

    channels: bands of the picture. classes: to tell apart. activation: relu, tanh or sigmoid. pool: max or average.
    dropout: share of the 84 units that is dropped while it trains.

    It was made for 28 x 28 px, of which the 120 maps keep one value each; of larger pictures their mean is taken.
    """

    least_px = 28

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        activation: Literal["relu", "tanh", "sigmoid"] = "relu",
        pool: Literal["max", "average"] = "max",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        act, pooling = ACTIVATIONS[activation], POOLS[pool]
        self.maps = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2), act(), pooling(2),
            nn.Conv2d(6, 16, 5), act(), pooling(2),
            nn.Conv2d(16, 120, 5), act(),
        )  # fmt: skip
        self.units = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(120, 84), act(), nn.Dropout(dropout)
        )
        self.classes = nn.Linear(84, classes)
        if activation == "relu":
            he_initialize(self)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W at least 28 -> (B, classes)."""
        return self.classes(self.units(self.maps(image)))

    def head(self) -> nn.Module:
        """The last layer."""
        return self.classes
