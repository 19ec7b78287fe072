"""A trained network around which pictures are classified: what `limner.load` hands out for this room."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from limner.classify.data.examples import as_channels, cropped
from limner.classify.data.preprocessing import KeptWhitening, Preprocessing, check_whitened
from limner.classify.networks import NETWORKS, PictureNetwork
from limner.classify.predicting.facts import read_facts
from limner.classify.predicting.maps import box_of, class_activation, covered_evidence
from limner.datasets.pictures.decoding import CHANNELS, MODES, Colors, decode
from limner.datasets.pictures.fitting import Fit, fitted
from limner.foundation.machine.device import choose_device
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import build_fitting, described_choice
from limner.learning.runs.run import Run
from limner.nn.finite import finite
from limner.reporting.card import card

BATCH = 64
OCCLUDED = 16
"""Occluded pictures at once: on one thread, torch takes its quick convolutions from 16 on."""
Evidence = Literal["activation", "occlusion"]


class Answer(NamedTuple):
    """What a picture shows.

    names, probabilities: of the classes, the most probable first. evidence: (P, P) float32 in [0, 1], where the first
    class is seen in the square that the network was shown; box: around it, (x0, y0, x1, y1) in pixels of the picture,
    None where nothing speaks for it. shown: (P, P, 3) uint8, that square.
    """

    names: tuple[str, ...]
    probabilities: tuple[float, ...]
    evidence: np.ndarray
    box: tuple[int, int, int, int] | None
    shown: np.ndarray


@dataclass(frozen=True)
class PictureClassifier:
    """Classifies pictures as a run learned to.

    network: (B, C, P, P) standardized -> (B, classes) logits. size_px, fit: how pictures become squares; crop_px: P,
    the edge of their middle that the network sees. preprocessing: of what it sees, in 0..1. score: its run's, in words.
    """

    network: nn.Module
    class_names: tuple[str, ...]
    size_px: int
    crop_px: int
    colors: Colors
    fit: Fit
    preprocessing: Preprocessing
    device: torch.device
    score: str = ""

    @property
    def channels(self) -> int:
        """Numbers a pixel."""
        return CHANNELS[self.colors]

    def standardize(self, image01: Tensor) -> Tensor:
        """(B, C, H, W) float32 in 0..1 as the network reads it."""
        return self.preprocessing(image01)

    def prepare(self, pictures: Tensor) -> Tensor:
        """(B, C, P, P) float32 on the device, of pictures (B, C, S, S) uint8: their middle, standardized."""
        return self.standardize(cropped(pictures, self.crop_px).to(self.device).float() / 255)

    @torch.no_grad()
    def probabilities_of(self, image: Tensor) -> Tensor:
        """(B, classes) float32, of standardized pictures."""
        return finite(self.network.eval()(image).float(), "the network").softmax(dim=1)

    def logits(self, pictures: Tensor) -> Tensor:
        """(n, classes) float32 on the CPU, of pictures (n, C, S, S) uint8."""
        with torch.no_grad():
            parts = [self.network.eval()(self.prepare(part)).float().cpu() for part in pictures.split(BATCH)]
        return finite(torch.cat(parts), "the network")

    def features(self, pictures: Tensor) -> Tensor:
        """(n, d) float32 on the CPU: what the last layer reads, of pictures (n, C, S, S) uint8."""
        # Auxiliary heads may stand behind the one that answers.
        head = self.network.head() if isinstance(self.network, PictureNetwork) else self.network
        last = [layer for layer in head.modules() if isinstance(layer, nn.Linear)][-1]
        kept: list[Tensor] = []
        hook = last.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0].detach().float().cpu()))
        try:
            self.logits(pictures)
        finally:
            hook.remove()
        return torch.cat(kept)

    def evidence(self, pictures: Tensor, classes: Tensor, kind: Evidence = "activation") -> Tensor:
        """(n, P, P) float32 in [0, 1] on the CPU: where each picture's class is seen.

        pictures: (n, C, S, S) uint8. classes: (n,) int64. kind: by `class_activation`, or by `covered_evidence` with
        squares of an eighth of the edge every sixteenth.
        """
        self.network.eval()
        maps = []
        for part, wanted in zip(pictures.split(BATCH), classes.split(BATCH), strict=True):
            image, wanted = self.prepare(part), wanted.to(self.device)
            if kind == "activation":
                maps.append(class_activation(self.network, image, wanted).cpu())
            else:
                edge = max(2, self.crop_px // 8)
                maps.append(
                    covered_evidence(
                        self.network, image, wanted, window_px=edge, stride_px=max(1, edge // 2), batch=OCCLUDED
                    )
                )
        return torch.cat(maps)

    def predict(self, picture: Path | str | Image.Image | np.ndarray, kind: Evidence = "activation") -> Answer:
        """What a picture shows, and where. picture: a file, or (H, W) or (H, W, 3) uint8.

        Raises `UserError` for a file that cannot be read.
        """
        return self.predict_all([picture], kind)[0]

    def predict_all(
        self, pictures: Sequence[Path | str | Image.Image | np.ndarray], kind: Evidence = "activation"
    ) -> list[Answer]:
        """`predict` of several at once."""
        images = [self._open(picture) for picture in pictures]
        squares = torch.stack([self._square(image) for image in images])
        probabilities = self.logits(squares).softmax(dim=1)
        ranked = probabilities.sort(dim=1, descending=True)
        maps = self.evidence(squares, ranked.indices[:, 0], kind).numpy()
        shown = cropped(squares, self.crop_px).permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
        answers = []
        for number, image in enumerate(images):
            box = box_of(maps[number])
            answers.append(
                Answer(
                    names=tuple(self.class_names[place] for place in ranked.indices[number].tolist()),
                    probabilities=tuple(ranked.values[number].tolist()),
                    evidence=maps[number],
                    box=None if box is None else self._in_picture(box, image.size),
                    shown=np.ascontiguousarray(shown[number]),
                )
            )
        return answers

    def as_seen(self, picture: Path | str | Image.Image | np.ndarray) -> np.ndarray:
        """(crop_px, crop_px, C) uint8: what the network sees of a picture, before it is standardized."""
        seen = cropped(self._square(self._open(picture))[None], self.crop_px)[0]
        return np.ascontiguousarray(seen.permute(1, 2, 0).numpy())

    def _square(self, image: Image.Image) -> Tensor:
        """(C, size_px, size_px) uint8."""
        return torch.from_numpy(as_channels(fitted(image, self.size_px, self.fit)))

    def _open(self, picture: Path | str | Image.Image | np.ndarray) -> Image.Image:
        if isinstance(picture, Path | str):
            return decode(Path(picture), self.colors)
        image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
        return image.convert(MODES[self.colors])

    def _in_picture(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
        """A box of the square that the network saw, in pixels of the picture. size: (width, height)."""
        margin = (self.size_px - self.crop_px) // 2
        ends = np.array(box, float) + margin
        width, height = size
        if self.fit == "squash":
            scale = np.array([width, height, width, height]) / self.size_px
            offset = np.zeros(4)
        else:
            edge = min(width, height) if self.fit == "crop" else max(width, height)
            scale = np.full(4, edge / self.size_px)
            offset = np.array([(width - edge) / 2, (height - edge) / 2] * 2)
        found = np.round(ends * scale + offset).clip(0, [width, height, width, height])
        return int(found[0]), int(found[1]), int(found[2]), int(found[3])

    def _repr_html_(self) -> str:
        names = ", ".join(self.class_names[:12]) + (" ..." if len(self.class_names) > 12 else "")
        return card("limner picture classifier", {"classes": names, "reads": f"{self.size_px} px", "score": self.score})


def load_classifier(run: Run, device: str = "auto") -> PictureClassifier:
    """The classifier of a run. Raises `UserError` for a network that this limner has not, or weights that do not
    fit."""
    facts, place = read_facts(run), choose_device(device)
    described = described_choice(facts.network, NETWORKS, ("channels", "classes"), run.folder / "model.json", "network")
    # The run's own weights follow: none of ImageNet's are looked for.
    own = {"pretrained": False, "weights": None}
    own = {key: own[key] for key in inspect.signature(NETWORKS[described.name]).parameters.keys() & own.keys()}
    described = Choice(described.name, {**described.options, **own})
    if facts.whitened:
        check_whitened(facts.channels * facts.crop_px**2)

    def build() -> nn.ModuleDict:
        network = described.build(NETWORKS, channels=facts.channels, classes=len(facts.class_names))
        kept = {"whitening": KeptWhitening.of_size(facts.channels * facts.crop_px**2)} if facts.whitened else {}
        return nn.ModuleDict({"network": network, **kept})

    kept = build_fitting(build, run.weight_shapes(), run.folder)
    kept.load_state_dict(run.weights())
    return PictureClassifier(
        network=kept["network"].eval().to(place),
        class_names=facts.class_names,
        size_px=facts.size_px,
        crop_px=facts.crop_px,
        colors=facts.colors,
        fit=facts.fit,
        preprocessing=Preprocessing(
            facts.mean,
            facts.std,
            facts.contrast,
            kept["whitening"].whitening() if facts.whitened else None,  # type: ignore[operator]
        ),
        device=place,
    )
