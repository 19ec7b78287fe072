"""Features of pictures: what a network sees in them, as the numbers that every score here is computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn

from limner.fidelity.inception import INPUT_PX, Inception, draw_weights, fold_normalizations
from limner.fidelity.resizing import RESIZERS
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.nn.initialize import shapes_only
from limner.nn.pretrained import INCEPTION, LITE0, load_weights

BATCH, GPU_BATCH = 32, 128
LITE2 = "efficientnet-lite2"
LITE_PX = {LITE0: 224, LITE2: 260}
"""The side that each was trained with."""


class NetworkOutputs(NamedTuple):
    """What a network sees in n pictures, float32 on the CPU. features: (n, d). logits: (n, classes), for the IS."""

    features: Tensor
    logits: Tensor


class FeatureExtractor:
    """A network with all that decides its features of a picture: its weights, its input's size and how that is reached.

    network: (B, 3, input_px, input_px) float32 0..255 -> features (B, d), logits (B, classes). resizer: a key of
    `RESIZERS`. digest: of the weights.
    """

    def __init__(
        self, name: str, network: nn.Module, digest: str, *, input_px: int, resizer: str, device: torch.device | str
    ) -> None:
        self.name, self.digest, self.input_px, self.resizer = name, digest, input_px, resizer
        self.device = torch.device(device)
        if resizer not in RESIZERS:
            raise UserError(f"no resizing is called {resizer!r}; {did_you_mean(resizer, RESIZERS)}")
        network = network.eval().requires_grad_(False)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @staticmethod
    def of(name: str, *, device: torch.device | str = "cpu", resizer: str | None = None) -> FeatureExtractor:
        """The extractor ``inception``, ``efficientnet-lite0`` or ``efficientnet-lite2`` with its published weights.

        resizer: a key of `RESIZERS`, by default the extractor's own.

        Raises `UserError` for an unknown name of either, and where the weights are not on this machine.
        """
        if name not in FEATURES:
            raise UserError(f"no features are called {name!r}; {did_you_mean(name, FEATURES)}")
        return FEATURES[name](device, resizer)

    @staticmethod
    def inception(
        weights: Path | str | None = None,
        *,
        seed: int | None = None,
        device: torch.device | str = "cpu",
        resizer: str | None = None,
    ) -> FeatureExtractor:
        """FID's Inception: 2048 features, pictures brought to 299 px by `bicubic`.

        weights: a file of them (default: the published ones, as `limner.nn.pretrained` finds them). seed: draw random
        ones instead, to test what does not depend on them.
        """
        with shapes_only():  # nothing is drawn here: a training may be in the middle of its own draws
            network = Inception()
        if seed is None:
            try:
                state = load_weights(INCEPTION, path=weights)
            except UserError as error:  # scores have an option for the networks that come with limner
                raise UserError(str(error).replace(f"or use {LITE0}", f"or use --features {LITE0}")) from None
            try:
                network.load_state_dict(state, assign=True)
            except RuntimeError:
                raise UserError(
                    f"{weights}: not the weights of FID's Inception; needed: torch-fidelity's file"
                ) from None
        else:
            draw_weights(network.to_empty(device="cpu"), torch.Generator().manual_seed(seed))
        digest = weights_digest(network)
        fold_normalizations(network.eval())
        return FeatureExtractor(
            INCEPTION, network, digest, input_px=INPUT_PX, resizer=resizer or "bicubic", device=device
        )

    @staticmethod
    def lite0(*, device: torch.device | str = "cpu", resizer: str | None = None) -> FeatureExtractor:
        """EfficientNet-Lite0: 1280 features, the mean over the last maps; pictures brought to 224 px by `bilinear`."""
        return FeatureExtractor.lite(LITE0, device=device, resizer=resizer)

    @staticmethod
    def lite(name: str, *, device: torch.device | str = "cpu", resizer: str | None = None) -> FeatureExtractor:
        """EfficientNet-Lite0, or Lite2 at 260 px, which judges what learned against Lite0 as a stranger does.

        Both: 1280 features, the mean over the last maps; pictures resized by `bilinear`. name: a key of `LITE_PX`.
        """
        weights = load_weights(name)
        with shapes_only():
            network = Lite(name)
        network.body.load_state_dict(weights, assign=True)
        digest = weights_digest(network.body)
        return FeatureExtractor(
            name, network, digest, input_px=LITE_PX[name], resizer=resizer or "bilinear", device=device
        )

    @property
    def batch(self) -> int:
        """How many pictures at once suit the device."""
        return BATCH if self.device.type == "cpu" else GPU_BATCH

    def see(self, batches: Tensor | Iterable[Tensor]) -> NetworkOutputs:
        """Features and logits of pictures, in their order.

        batches: (n, 3, H, W) uint8, or any number of such, each of a size of its own, on any device.

        Raises `ValueError` for pictures that are not (n, 3, H, W) uint8, or for none.
        """
        if isinstance(batches, Tensor):
            batches = batches.split(self.batch)
        seen = [self._see(batch) for batch in batches]
        if not seen:
            raise ValueError("no pictures to take features of")
        features, logits = (torch.cat(parts) for parts in zip(*seen, strict=True))
        return NetworkOutputs(features, logits)

    def extract(self, batches: Tensor | Iterable[Tensor]) -> Tensor:
        """The features alone of `see`, (n, d) float64 on the CPU."""
        return self.see(batches).features.double()

    @torch.inference_mode()
    def _see(self, pictures: Tensor) -> NetworkOutputs:
        if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[1] != 3:
            raise ValueError(f"{pictures.dtype} pictures of shape {tuple(pictures.shape)}; needed: uint8 (n, 3, H, W)")
        with _whole_float32(self.device):
            image = RESIZERS[self.resizer](pictures.to(self.device).float(), self.input_px)
            features, logits = self.network(image.contiguous(memory_format=torch.channels_last))
        return NetworkOutputs(features.cpu(), logits.cpu())


@contextmanager
def _whole_float32(device: torch.device) -> Iterator[None]:
    """No bfloat16 and no TF32, whatever a training around it has chosen: they would move the scores."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


class Lite(nn.Module):
    """EfficientNet-Lite by timm. image: (B, 3, 224 or 260, same) float32 0..255 -> features (B, 1280), logits
    (B, 1000)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.body: Any = timm.create_model(f"tf_{name.replace('-', '_')}", pretrained=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body.forward_head(self.body.forward_features(image / 127.5 - 1), pre_logits=True)
        return features, self.body.get_classifier()(features)


def weights_digest(network: nn.Module) -> str:
    """The first 16 hexadecimal digits of a SHA-256 over all tensors with their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


FEATURES: dict[str, Callable[[torch.device | str, str | None], FeatureExtractor]] = {
    INCEPTION: lambda device, resizer: FeatureExtractor.inception(device=device, resizer=resizer),
    LITE0: lambda device, resizer: FeatureExtractor.lite(LITE0, device=device, resizer=resizer),
    LITE2: lambda device, resizer: FeatureExtractor.lite(LITE2, device=device, resizer=resizer),
}
