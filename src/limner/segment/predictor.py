"""A trained network that gives class probabilities: what a run of this room hands out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.errors import UserError
from limner.precision import choose_precision
from limner.recipe import Choice
from limner.segment.networks import NETWORKS
from limner.segment.rasters import open_raster
from limner.segment.statistics import Statistics, measure_raster

if TYPE_CHECKING:
    from limner.run import Run

FACTS = ("network", "channels", "class_names", "statistics", "threshold")
"""What ``model.json`` must say for a network to predict."""

STRIDE = 32
"""Of a network that does not say its own: crops are multiples of it too."""


def standardize(image: Tensor, valid: Tensor, statistics: Sequence[Statistics]) -> Tensor:
    """Subtract each band's mean and divide by its deviation; invalid pixels become the mean, 0.

    image: (B, C, H, W) float in the file's own units. valid: (B, H, W) bool. statistics: one, or one for each of B.
    """
    mean = image.new_tensor([item.mean for item in statistics])[:, :, None, None]
    deviation = image.new_tensor([item.deviation for item in statistics])[:, :, None, None]
    return torch.where(valid.unsqueeze(1), (image - mean) / deviation, 0.0)


@dataclass
class SegmentPredictor:
    """Class probabilities and maps from a trained network."""

    network: nn.Module
    channels: int
    class_names: tuple[str, ...]
    statistics: Statistics
    """Of the training areas: what ``normalize="run"`` uses."""
    threshold: float
    """Two classes: a pixel is class 1 where its probability reaches this."""
    ground_m: float | None
    normalize: str
    """How it was trained to see colors, "run" or "scene": what ``--normalize auto`` means."""
    device: torch.device
    precision: str
    digest: str = ""
    """Tells models apart, so that a finished map is not made again by another one's name."""

    @property
    def stride(self) -> int:
        """Heights and widths that the network takes are multiples of this."""
        return int(getattr(self.network, "stride", STRIDE))

    @torch.inference_mode()
    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics | None = None) -> np.ndarray:
        """Probability of each class at each pixel: (B, classes, H, W) float32.

        pixels: (B, channels, H, W) in the file's own units and type; valid: (B, H, W) bool; both of any size (padded
        here to the network's stride). statistics: of the pixels' scene, or None for the training areas'.
        """
        if pixels.shape[1] != self.channels:
            raise UserError(f"the picture has {pixels.shape[1]} bands, this run was trained on {self.channels}")
        height, width = pixels.shape[2:]
        image = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).float()
        image = standardize(image, torch.from_numpy(valid).to(self.device), [statistics or self.statistics])
        image = functional.pad(image, (0, -width % self.stride, 0, -height % self.stride))
        image = image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16-mixed"):
            logits = self.network(image)
        return logits[..., :height, :width].float().softmax(1).cpu().numpy()

    def classes_of(self, probabilities: np.ndarray) -> np.ndarray:
        """The class of each pixel, (B, H, W) uint8, from `probabilities`."""
        if len(self.class_names) == 2:
            return (probabilities[:, 1] >= self.threshold).astype(np.uint8)
        return probabilities.argmax(1).astype(np.uint8)

    def normalization(self, wanted: str) -> str:
        """Whose mean and deviation to use, "run" or "scene": as ``wanted``, or for "auto" as it was trained."""
        if wanted not in ("auto", "run", "scene"):
            raise UserError(f"normalize is '{wanted}'; needed: auto, run or scene")
        return self.normalize if wanted == "auto" else wanted

    def predict(self, picture: Path | str, normalize: str = "auto") -> np.ndarray:
        """The classes of a picture that fits in memory, (H, W) uint8; for larger scenes use `limner.map_scenes`.

        normalize: standardize by the training areas' mean and deviation ("run"), by the picture's own ("scene"), or as
        the run was trained ("auto").
        """
        normalize = self.normalization(normalize)
        with open_raster(picture) as raster:
            pixels = raster.read()
            statistics = measure_raster(raster) if normalize == "scene" else None
        return self.classes_of(self.probabilities(pixels.values[None], pixels.valid[None], statistics))[0]

    def _repr_html_(self) -> str:
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        return (
            f"<b>limner segment</b>: {', '.join(self.class_names)}; {self.channels} bands; "
            f"{parameters / 1e6:.2f} M parameters; threshold {self.threshold:.2f}"
        )


def load_predictor(run: "Run", device: str = "auto", precision: str = "auto") -> SegmentPredictor:
    """The predictor of a run of the segment room. device: auto, cpu or cuda. precision: auto, bf16 or fp32."""
    facts = run.facts
    if missing := [name for name in FACTS if name not in facts]:
        raise UserError(f"{run.folder}: model.json says nothing of {', '.join(missing)}; the run is damaged")
    place = choose_device(device)
    network = build_network(facts)
    weights = run.weights()
    try:
        network.load_state_dict({key.removeprefix("network."): value for key, value in weights.items()})
    except RuntimeError:
        raise UserError(f"{run.folder}: model.safetensors does not fit model.json; the run is damaged") from None
    network.eval().to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SegmentPredictor(
        network=network,
        channels=facts["channels"],
        class_names=tuple(facts["class_names"]),
        statistics=Statistics.from_json(facts["statistics"]),
        threshold=facts["threshold"],
        ground_m=facts.get("ground_m"),
        normalize="scene" if facts.get("normalize") == "area" else "run",
        device=place,
        precision=choose_precision(precision),
        digest=run.digest(),
    )


def choose_device(wanted: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` means; `UserError` for one that is not here."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = wanted.partition(":")
    if kind == "cuda" and (number or "0").isdecimal():
        if int(number or 0) < torch.cuda.device_count():
            return torch.device(wanted)
        raise UserError(
            f"device is {wanted!r}, but {torch.cuda.device_count()} CUDA devices are here; take auto or cpu"
        )
    if wanted != "cpu":
        raise UserError(f"device is {wanted!r}; needed: auto, cpu or cuda")
    return torch.device("cpu")


def build_network(facts: dict[str, Any]) -> nn.Module:
    """The network that ``model.json`` describes, with weights still to be loaded."""
    chosen = facts["network"]
    if chosen["name"] not in NETWORKS:
        raise UserError(
            f"the run's network is a {chosen['name']}, which limner does not have; put its class into NETWORKS"
        )
    options = {key: value for key, value in chosen.items() if key != "name"}
    if "pretrained" in options:
        options["pretrained"] = False  # the run's own weights follow
    network: nn.Module = Choice(chosen["name"], options).build(
        NETWORKS, channels=facts["channels"], classes=len(facts["class_names"])
    )
    return network
