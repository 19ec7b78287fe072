"""Features of a picture for its regions: EfficientNet-Lite0's maps of three sizes brought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from limner.nn.initialize import he_initialize
from limner.nn.pretrained import LITE0, load_weights


class LiteFeatures(nn.Module):
    """(B, 3, H, W), photographs of 0 to 1 with sides that 32 divides -> (B, maps, H / 8, W / 8).

    Maps at 1/8, 1/16 and 1/32 of the picture's size are brought to ``maps`` by 1 x 1 convolutions and added, coarse
    ones enlarged (the way down of a feature pyramid, Lin et al. 2017); a 3 x 3 convolution reads the sum. Batch
    normalization keeps ImageNet's statistics, for a step sees one or two pictures only.

    pretrained: begin with ImageNet's weights, which come with limner. fine: give the maps at 1/4, too, by `with_fine`.
    """

    stride = 8

    def __init__(self, maps: int = 128, pretrained: bool = True, *, fine: bool = False) -> None:
        super().__init__()
        import timm  # takes seconds: only now

        encoder: Any = timm.create_model(
            "tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4) if fine else (2, 3, 4)
        )
        if pretrained and not next(encoder.parameters()).is_meta:  # on the meta device there are shapes only
            weights = load_weights(LITE0)
            encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
        self.encoder, self.maps = encoder, maps
        widths = encoder.feature_info.channels()
        self.fine_channels: int = widths[0] if fine else 0
        self.enter = nn.ModuleList(nn.Conv2d(inputs, maps, 1) for inputs in (widths[1:] if fine else widths))
        self.smooth = nn.Conv2d(maps, maps, 3, padding=1)
        for part in (self.enter, self.smooth):
            he_initialize(part)
        self.train()  # modules begin in training mode without being told so

    def train(self, mode: bool = True) -> LiteFeatures:
        super().train(mode)
        for layer in self.encoder.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        return self

    def forward(self, image01: Tensor) -> Tensor:
        return self._joined(self.encoder((image01 - 0.5) / 0.5)[-len(self.enter) :])

    def with_fine(self, image01: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, and the encoder's (B, fine_channels, H / 4, W / 4); it was made with ``fine``."""
        fine, *maps = self.encoder((image01 - 0.5) / 0.5)
        return self._joined(maps), fine

    def _joined(self, maps: Sequence[Tensor]) -> Tensor:
        found: Tensor | None = None
        for enter, part in zip(reversed(self.enter), reversed(maps), strict=True):
            here = enter(part)
            found = here if found is None else here + functional.interpolate(found, scale_factor=2.0, mode="nearest")
        assert found is not None
        return self.smooth(found).relu()
