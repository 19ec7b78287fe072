"""A trained network that gives class probabilities: what a run of this room hands out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.foundation.machine.precision import choose_precision
from limner.foundation.progress import counted, say
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import build_fitting, described_choice
from limner.nn.finite import finite
from limner.nn.parameters import count_parameters
from limner.reporting.card import card, newest_picture
from limner.scenes.bands import Bands, parse_bands
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import Statistics, measure_raster
from limner.segment.networks import NETWORKS
from limner.segment.predicting.facts import MapFacts, read_facts
from limner.segment.predicting.fit_to_run import match_scene, network_scale
from limner.segment.predicting.tiles import whole_steps

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

PREFIX = "network."
"""Begins the names of its tensors in a run."""

STRIDE = 32
"""Of a network that does not say its own: crops are multiples of it too."""


def standardize(image: Tensor, valid: Tensor, statistics: Sequence[Statistics]) -> Tensor:
    """Subtract each band's mean and divide by its deviation; invalid pixels become the mean, 0.

    image: (B, C, H, W) float in the file's own units. valid: (B, H, W) bool. statistics: one, or one for each of B.
    """
    mean = image.new_tensor([item.mean for item in statistics])[:, :, None, None]
    deviation = image.new_tensor([item.std for item in statistics])[:, :, None, None]
    return torch.where(valid.unsqueeze(1), (image - mean) / deviation, 0.0)


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) float brought to ``height`` x ``width``: bilinear,
    each the mean of what it covers where they shrink.
    """
    return functional.interpolate(image, (height, width), mode="bilinear", antialias=True)


def _resampled(image: Tensor, valid: Tensor, step: int, seen: int) -> Tensor:
    """Standardized pictures where ``step`` pixels along each edge become ``seen``; what was invalid stays 0, the mean.

    image: (B, C, H, W) float32, valid: (B, H, W) bool, H and W multiples of ``step``.
    """
    size = [length // step * seen for length in image.shape[2:]]
    known = functional.interpolate(valid[:, None].float(), size, mode="nearest-exact")
    return _resized(image, *size) * known


@dataclass(repr=False)
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
    ground_range_m: tuple[float, float] | None = None
    """Least and most meters a pixel covered in training, crops shrunk or enlarged at random among them; None where the
    pictures did not say."""
    pictures_ground_m: tuple[float, float] | None = None
    """The same of the training pictures as they were read; None where they did not say, or nobody kept it."""
    bands: tuple[str, ...] | None = None
    """Names of the bands it was trained on, in order, None where the pictures did not say."""
    dtype: str | None = None
    """Type of the training pictures' pixels, as numpy names it."""
    scale: float = 1.0
    """How many pixels of the network along an edge one pixel of a picture becomes: see `at_ground`."""
    learned_borders: bool = False
    """Whether its network has one more output, which tells objects apart that touch."""
    folder: Path | None = None
    """Of the run that it was loaded from."""
    score: str = ""
    """What the run scored, in a line."""

    @property
    def stride(self) -> int:
        """Heights and widths that the network takes are multiples of this."""
        return int(getattr(self.network, "stride", STRIDE))

    def at_ground(self, ground_m: float | None) -> "SegmentPredictor":
        """This predictor for pictures whose pixels cover ``ground_m`` meters (None: nobody knows, so they are taken as
        they are).

        Pictures coarser or finer than all that was seen in training, by more than 10 %, are resampled to the nearest
        resolution of the training pictures. Raises `UserError` beyond a factor of 8.
        """
        return replace(self, scale=network_scale(ground_m, self.ground_range_m, self.pictures_ground_m))

    def with_threshold(self, threshold: float) -> "SegmentPredictor":
        """The same, decided at another threshold."""
        return replace(self, threshold=threshold)

    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics | None = None) -> np.ndarray:
        """Probability of each class at each pixel: (B, classes, H, W) float32; see `answers`."""
        return self.answers(pixels, valid, statistics)[:, : len(self.class_names)]

    @torch.inference_mode()
    def answers(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics | None = None) -> np.ndarray:
        """Probability of each class at each pixel: (B, classes, H, W) float32; where the network `learned_borders` one
        plane more, how far inside its object each pixel lies, 0..1.

        pixels: (B, channels, H, W) in the file's own units and type; valid: (B, H, W) bool; both of any size (padded
        here to the network's stride). statistics: of the pixels' scene, or None for the training areas'.

        Where `scale` is not 1 the network sees the pixels resampled (bilinear, each the mean of what it covers where
        they shrink; invalid ones are the mean), and its answers are brought back to H x W.
        """
        if pixels.shape[1] != self.channels:
            raise UserError(
                f"the picture has {counted(pixels.shape[1], 'band')}, this run was trained on {self.channels}"
            )
        height, width = pixels.shape[2:]
        image = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).float()
        known = torch.from_numpy(valid).to(self.device)
        image = standardize(image, known, [statistics or self.statistics])
        step, seen = whole_steps(self.stride, self.scale)
        image = functional.pad(image, (0, -width % step, 0, -height % step))
        if step != seen:
            known = functional.pad(known, (0, -width % step, 0, -height % step))
            image = _resampled(image, known, step, seen)
        image = image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16-mixed"):
            logits = finite(self.network(image).float(), self.folder or "the network")
        classes = len(self.class_names)
        planes = torch.cat([logits[:, :classes].softmax(1), logits[:, classes:].sigmoid()], dim=1)
        if step != seen:
            planes = _resized(planes, *(length // seen * step for length in logits.shape[2:])).clamp(0, 1)
            planes[:, :classes] /= planes[:, :classes].sum(1, keepdim=True)
        return planes[..., :height, :width].cpu().numpy()

    def classes_of(self, probabilities: np.ndarray) -> np.ndarray:
        """The class of each pixel, (B, H, W) uint8, from `probabilities`."""
        if len(self.class_names) == 2:
            return (probabilities[:, 1] >= self.threshold).astype(np.uint8)
        return probabilities.argmax(1).astype(np.uint8)

    def normalization(self, wanted: str, *, harmonized: bool = False) -> str:
        """Whose mean and deviation to use, "run" or "scene": as ``wanted``, or for "auto" as it was trained.

        A scene that was ``harmonized`` is no longer of its own colors: where it would be standardized by them, it is by
        those that it was "matched" to.
        """
        if wanted not in ("auto", "run", "scene"):
            raise UserError(f"normalize is '{wanted}'; needed: auto, run or scene")
        chosen = self.normalize if wanted == "auto" else wanted
        return "matched" if harmonized and chosen == "scene" else chosen

    def predict(
        self, picture: Path | str, normalize: str = "auto", *, bands: Bands = None, ground_m: float | None = None
    ) -> np.ndarray:
        """The classes of a picture that fits in memory, (H, W) uint8; for larger scenes use `limner.map_scenes`.

        normalize: standardize by the training areas' mean and deviation ("run"), by the picture's own ("scene"), or as
        the run was trained ("auto"). bands: numbers of the bands to read, from 1, in the run's order. ground_m: meters
        a pixel covers, for a file that does not say; what is far from the run's own resolution is resampled, as in
        mapping.

        Raises `UserError` as `limner.segment.predicting.fit_to_run.match_scene` does, whose advice goes to stderr, and
        for a picture that cannot be opened.
        """
        normalize = self.normalization(normalize)
        with open_raster(picture, bands=parse_bands(bands)) as raster:
            match = match_scene(self, raster, ground_m=ground_m, normalize=normalize)
            for line in match.advice:
                say(line)
            pixels = raster.read()
            statistics = measure_raster(raster) if normalize == "scene" else None
        predictor = self.at_ground(match.ground_m)
        return self.classes_of(predictor.probabilities(pixels.values[None], pixels.valid[None], statistics))[0]

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        bands = counted(self.channels, "band")
        return f"SegmentPredictor({bands} to {', '.join(self.class_names)}{where}, on {self.device})"

    def _repr_html_(self) -> str:
        facts = {
            "classes": ", ".join(self.class_names),
            "takes": counted(self.channels, "band") + (f" of {self.ground_m:.3g} m a pixel" if self.ground_m else ""),
            "network": f"{type(self.network).__name__}, {count_parameters(self.network) / 1e6:.2f} M parameters",
            "threshold": f"{self.threshold:.2f}" if len(self.class_names) == 2 else "",
            "score": self.score,
        }
        return card("limner segment", facts, None if self.folder is None else newest_picture(self.folder))


def load_predictor(run: "Run", device: str = "auto", precision: str = "auto") -> SegmentPredictor:
    """The predictor of a run of the segment room. device: auto, cpu or cuda. precision: auto, bf16 or fp32.

    Raises `UserError` for a run that is damaged: facts of other kinds, weights that do not fit them or are no numbers.
    """
    facts = read_facts(run)
    place = choose_device(device)
    described = described_network(run, facts)
    shapes = {name.removeprefix(PREFIX): shape for name, shape in run.weight_shapes().items()}
    network = build_fitting(lambda: build_network(described, facts), shapes, run.folder)
    network.load_state_dict({key.removeprefix(PREFIX): value for key, value in run.weights().items()})
    network.eval().to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SegmentPredictor(
        network=network,
        channels=facts.channels,
        class_names=facts.class_names,
        statistics=facts.band_statistics,
        threshold=facts.threshold,
        ground_m=facts.ground_m,
        normalize="scene" if facts.normalize == "area" else "run",
        device=place,
        precision=choose_precision(precision),
        digest=run.digest(),
        ground_range_m=facts.ground_m_range,
        pictures_ground_m=facts.pictures_ground_m,
        bands=facts.bands or None,
        dtype=facts.dtype,
        learned_borders=facts.borders is not None,
        folder=run.folder,
    )


def described_network(run: "Run", facts: MapFacts) -> Choice:
    """The network that ``model.json`` names, with its options, but for pretrained weights, which a run's own
    replace."""
    source = run.folder / "model.json"
    return without_weights(described_choice(facts.network, NETWORKS, ("channels", "classes"), source, "network"))


def build_network(described: Choice, facts: MapFacts) -> nn.Module:
    """The network, with weights still to be loaded."""
    outputs = len(facts.class_names) + (facts.borders is not None)
    network: nn.Module = described.build(NETWORKS, channels=facts.channels, classes=outputs)
    return network


def without_weights(network: Choice) -> Choice:
    """The same network with fresh weights, which a run's own then replace."""
    options = {key: value for key, value in network.options.items() if key != "weights"}
    return Choice(network.name, {**options, **({"pretrained": False} if "pretrained" in options else {})})
