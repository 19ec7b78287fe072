"""GoogLeNet as torchvision keeps it, for its weights: batch normalization, and 3 x 3 where the paper has 5 x 5."""

from pathlib import Path

from torch import Tensor

from limner.classify.networks.picture_network import PublishedNetwork, read_bands


class GoogLeNetBN(PublishedNetwork):
    """GoogLeNet with batch normalization, by torchvision, with its ImageNet weights where wanted.

    Szegedy et al. 2015 after Ioffe and Szegedy 2015, and with 3 x 3 convolutions where the paper has 5 x 5, which
    torchvision keeps for its weights' sake: 6,624,904 parameters for 1,000 classes. Without auxiliary heads.

    channels: bands of the picture. classes: to tell apart. pretrained: begin with ImageNet's weights. weights: or with
    those of a file.

    The published weights were ported and read pictures as (x - 0.5) / 0.5.
    """

    first, last = "conv1.conv.weight", "fc"

    def __init__(
        self, channels: int = 3, classes: int = 1000, pretrained: bool = False, weights: Path | None = None
    ) -> None:
        super().__init__()
        from torchvision.models import googlenet  # takes seconds: only now

        self.input_mean = self.input_std = (0.5, 0.5, 0.5)
        body = googlenet(weights=None, num_classes=classes, aux_logits=False, init_weights=False)
        read_bands(body, self.first, channels)
        self.take_body(body, channels, pretrained, weights, "googlenet")

    def renamed(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Without the auxiliary heads of the published file."""
        return {name: tensor for name, tensor in state.items() if not name.startswith("aux")}
