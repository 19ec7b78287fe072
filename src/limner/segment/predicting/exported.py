"""A network that maps as a file of its own, and the predictor that such a file becomes again."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.documents import as_record
from limner.foundation.files.writing import must_exist
from limner.learning.runs.export.export import told
from limner.learning.runs.export.exportable import Exportable, noise
from limner.learning.runs.export.files import FACTS, Answer, open_onnx
from limner.learning.runs.export.formats import check_format
from limner.learning.runs.run import Run
from limner.scenes.statistics import Statistics
from limner.segment.networks import NETWORKS
from limner.segment.networks.map_network import MapNetwork
from limner.segment.predicting.facts import MapFacts
from limner.segment.predicting.predictor import STRIDE, SegmentPredictor, load_predictor

DEEPNESS_PX = 512
DEEPNESS_OVERLAP_PERCENT = 37
"""Of tiles: what `limner segment` takes, 192 of 512 px."""
FOREIGN = "was not written by limner export; needed: an ONNX file of a run of the room segment"


class RawMap(nn.Module):
    """Probabilities of raw pixels: (B, bands, H, W) float32 in a scene's own units, any H and W -> (B, classes, H, W).

    factor: pixels are multiplied by it first.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, predictor: SegmentPredictor, factor: float = 1.0) -> None:
        super().__init__()
        self.network, self.classes, self.factor = predictor.network, len(predictor.class_names), factor
        self.stride = predictor.stride
        for name, values in (("mean", predictor.statistics.mean), ("std", predictor.statistics.std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[2:]
        image = (picture * self.factor - self.mean) / self.std
        image = functional.pad(image, (0, -width % self.stride, 0, -height % self.stride))
        network = self.network.logits if isinstance(self.network, MapNetwork) else self.network
        return network(image)[:, : self.classes].softmax(1)[..., :height, :width]


def exportable(run: Run, *, deepness: bool = False) -> Exportable:
    """A run's network for `limner.export`. deepness: as the QGIS plugin Deepness gives tiles, 512 px, in 0..1."""
    predictor = load_predictor(run, "cpu", "fp32")
    factor = 255.0 if deepness else 1.0
    sizes = [(1, DEEPNESS_PX, DEEPNESS_PX)] if deepness else [(2, 96, 160), (1, 131, 75), (3, 224, 96)]
    mean, std = (sum(values) / len(values) for values in (predictor.statistics.mean, predictor.statistics.std))
    axes = {0: "batch"} if deepness else {0: "batch", 2: "height", 3: "width"}
    names = dict(enumerate(predictor.class_names))
    pixels = "of 512 x 512 px in 0..1 (uint8 / 255)" if deepness else "in the scene's own units, of any size"
    takes = f"(batch, {predictor.channels}, height, width) float32, pixels {pixels}"
    metadata = {
        **told(run.facts, "segment", takes, "(batch, classes, height, width) float32, the probability of each class"),
        "model_type": json.dumps("Segmentor"),
        "class_names": json.dumps(names),
        "seg_thresh": json.dumps(predictor.threshold),
        "tile_size": json.dumps(DEEPNESS_PX),
        "tiles_overlap": json.dumps(DEEPNESS_OVERLAP_PERCENT),
        **({} if predictor.ground_m is None else {"resolution": json.dumps(round(100 * predictor.ground_m, 4))}),
    }
    return Exportable(
        module=RawMap(predictor, factor).eval(),
        inputs=("picture",),
        output="probabilities",
        examples=tuple(
            (noise(batch, predictor.channels, *size, mean=mean, std=std, seed=batch) / factor,)
            for batch, *size in sizes
        ),
        dynamic={"picture": axes, "probabilities": axes},
        answers="classes",
        metadata=metadata,
    )


class OnnxMap(nn.Module):
    """An exported network in the place of the one that it was made of: takes standardized pixels, gives logarithms of
    probabilities, of which softmax makes the probabilities again."""

    def __init__(self, answer: Answer, statistics: Statistics, stride: int) -> None:
        super().__init__()
        self.answer, self.stride = answer, stride
        self.mean, self.std = (torch.tensor(each).view(1, -1, 1, 1) for each in (statistics.mean, statistics.std))

    def forward(self, image: Tensor) -> Tensor:
        """(B, bands, H, W) float32 -> (B, classes, H, W)."""
        probabilities = self.answer([image * self.std + self.mean])
        return probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()


def load_exported(path: Path) -> SegmentPredictor:
    """The predictor of an ONNX file that `limner.export` wrote of a run of this room, on the processor.

    Raises `UserError` for a file that is not there, cannot be read, or is none of limner's.
    """
    must_exist([path])
    check_format("onnx")
    answer, metadata = open_onnx(path)
    facts = _facts(path, metadata)
    return SegmentPredictor(
        network=OnnxMap(answer, facts.band_statistics, _stride(facts)).eval(),
        channels=facts.channels,
        class_names=facts.class_names,
        statistics=facts.band_statistics,
        threshold=facts.threshold,
        ground_m=facts.ground_m,
        normalize="scene" if facts.normalize == "area" else "run",
        device=torch.device("cpu"),
        precision="32-true",
        digest=digests([path])[0][:16],
        ground_range_m=facts.ground_m_range,
        bands=facts.bands or None,
        dtype=facts.dtype,
        folder=path,
    )


def _stride(facts: MapFacts) -> int:
    """Of the network that was exported, by which mapping lays its tiles."""
    return int(getattr(NETWORKS.get(str(facts.network.get("name"))), "stride", STRIDE))


def _facts(path: Path, metadata: dict[str, Any]) -> MapFacts:
    try:
        kept = json.loads(metadata[FACTS])
        if kept["room"] != "segment" or "512 x 512" in metadata["takes"]:
            raise KeyError
        found = kept["facts"]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: {FOREIGN}") from None
    return as_record(found, MapFacts, str(path), FOREIGN)
