"""The convolutions of VGG-16, from which the first dense predictors were made (Simonyan and Zisserman 2015)."""

from typing import Any

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.layers.unpooling import MaxPoolWithSwitches, Switches
from limner.nn.pretrained import load_weights
from limner.nn.pretraining import load_encoder

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Maps and 3 x 3 convolutions of each block; each ends with 2 x 2 max pooling."""
WEIGHTS = "vgg16"


def scaled(maps: int, width: float) -> int:
    """So many maps of a network whose every layer is ``width`` times as wide as the paper's; at least one."""
    return max(1, round(maps * width))


class VggEncoder(nn.Module):
    """VGG-16 without its classifier, in torchvision's numbering, so that its weights fit.

    channels: bands. width: of every layer, as a share of the paper's. batch_norm: BN behind each convolution, as SegNet
    and DeconvNet have. switches: remember where each maximum stood. pools: how many of the five poolings there are;
    behind a missing one, convolutions are dilated by 2 (and 4 behind the second), so that they see as much.
    """

    def __init__(
        self,
        channels: int,
        width: float = 1.0,
        batch_norm: bool = False,
        switches: bool = False,
        pools: int = 5,
    ) -> None:
        super().__init__()
        if not 0 < width <= 4:
            raise UserError(f"width is {width}; needed: a share of the paper's above 0, such as 0.125, at most 4")
        layers: list[nn.Module] = []
        inputs = channels
        for number, (maps, count) in enumerate(BLOCKS):
            dilation = 2 ** max(0, number - pools)
            for _ in range(count):
                layers.append(nn.Conv2d(inputs, scaled(maps, width), 3, padding=dilation, dilation=dilation))
                inputs = scaled(maps, width)
                layers += [nn.BatchNorm2d(inputs)] if batch_norm else []
                layers.append(nn.ReLU(inplace=True))
            pool: nn.Module = MaxPoolWithSwitches() if switches else nn.MaxPool2d(2)
            layers.append(pool if number < pools else nn.Identity())
        self.features = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (B, channels, H, W), H and W multiples of 32. Gives what each pooling gives, at 1/2 to 1/32."""
        return [maps for maps, _ in self._pooled(image)]

    def with_switches(self, image: Tensor) -> tuple[Tensor, list[Switches]]:
        """The last pooling's maps, and the switches of all."""
        pooled = self._pooled(image)
        return pooled[-1][0], [switches for _, switches in pooled]

    def _pooled(self, image: Tensor) -> list[tuple[Tensor, Any]]:
        found: list[tuple[Tensor, Any]] = []
        x = image
        for layer in self.features:
            if isinstance(layer, MaxPoolWithSwitches):
                x, switches = layer(x)
                found.append((x, switches))
            else:
                x = layer(x)
                if isinstance(layer, nn.MaxPool2d | nn.Identity):
                    found.append((x, None))
        return found

    def load_imagenet(self) -> None:
        """Begin with ImageNet's weights, of full width and without BN. Raises `UserError` where they are not on this
        machine."""
        if next(self.parameters()).is_meta:
            return  # a network on the meta device has shapes only
        weights = {name: value for name, value in load_weights(WEIGHTS).items() if name.startswith("features.")}
        load_encoder(self, weights, "features.0.weight", WEIGHTS)


def refuse_narrow_weights(network: str, pretrained: bool, width: float) -> None:
    """Raise `UserError` for ImageNet's weights in a network of another width than theirs."""
    if pretrained and width != 1:
        raise UserError(f"{network} got pretrained with width {width:g}; ImageNet's weights of VGG-16 need width 1")
