"""A run that draws pictures again with other attributes: what `limner.load` hands out for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.foundation.machine.device import choose_device
from limner.foundation.nearest import did_you_mean
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.nn.parameters import count_parameters
from limner.reporting.card import card, newest_picture
from limner.translate.data.reading import Colors
from limner.translate.networks import ATTRIBUTE_GENERATORS, PICTURE_READERS
from limner.translate.networks.icgan import Redrawing
from limner.translate.translating.predictor import PictureTranslator, load_network

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

ATTRIBUTES = "translate-attributes"
GIVEN = {"generator": ("size_px", "channels", "attributes"), "latent_encoder": ("size_px", "channels", "outputs"),
         "attribute_encoder": ("size_px", "channels", "outputs")}  # fmt: skip
"""The networks that draw again, and what each is told beside the options that a recipe gives."""


@dataclass(frozen=True)
class AttributeFacts:
    """What drawing again needs to know of a run: each field is what the task's ``facts`` write under its name."""

    generator: Mapping[str, Any]
    latent_encoder: Mapping[str, Any]
    attribute_encoder: Mapping[str, Any]
    attributes: tuple[str, ...] = field(metadata=bounds(minimum=1, maximum=1 << 10))
    size_px: int = field(metadata=bounds(minimum=16, maximum=1 << 10))
    channels: int = field(metadata=bounds(minimum=1, maximum=4))
    colors: Colors


@dataclass(frozen=True, repr=False)
class AttributeEditor:
    """Pictures drawn again with other attributes by a trained run.

    attributes: their names. network: draws again; it works on pictures of one size, and others are brought to that.
    """

    attributes: tuple[str, ...]
    network: Redrawing
    colors: Colors
    device: torch.device
    digest: str = ""
    folder: Path | None = None
    score: str = ""

    def with_changes(self, changes: Mapping[str, bool]) -> PictureTranslator:
        """What draws pictures again in which each of these attributes is there, or is not.

        Raises `UserError` for no attribute, and for one that the run does not know.
        """
        if not changes:
            raise UserError(
                "the run changes attributes; say which by --attributes, such as "
                f"{self.attributes[0]}=1: {', '.join(self.attributes)}"
            )
        asked = torch.full((len(self.attributes),), torch.nan)
        for name, there in changes.items():
            if name not in self.attributes:
                raise UserError(f"--attributes {name}: the run has no such; {did_you_mean(name, self.attributes)}")
            asked[self.attributes.index(name)] = 1.0 if there else -1.0
        network, size_px = self.network, self.network.size_px
        return PictureTranslator(
            network=network.asked_for(asked).to(self.device).eval(), outputs=network.outputs, channels=network.inputs,
            scale=1, colors=self.colors, source_colors=self.colors, fill=None, see_mask=False, device=self.device,
            whole=True, digest=self.digest, folder=self.folder, score=self.score,
            note=f"the networks see and draw {size_px} x {size_px} px: pictures are brought to that, and what is drawn "
            "to their size",
        )  # fmt: skip

    def translate(self, picture01: Tensor, changes: Mapping[str, bool]) -> Tensor:
        """A picture drawn again with these attributes there, or not. picture01: (C, H, W) float32 in [0, 1]; gives
        likewise.

        Raises `UserError` as `with_changes` does, and for other channels.
        """
        return self.with_changes(changes).translate(picture01)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"AttributeEditor({', '.join(self.attributes)}{where})"

    def _repr_html_(self) -> str:
        facts = {
            "changes": ", ".join(self.attributes),
            "networks": f"{count_parameters(self.network) / 1e6:.2f} M parameters",
            "score": self.score,
        }
        return card("limner translate", facts, None if self.folder is None else newest_picture(self.folder))


def load_editor(run: Run, device: str = "auto") -> AttributeEditor:
    """What draws again with the networks of a run. device: auto, cpu or cuda.

    Raises `UserError` for a run that is damaged and for a device that is not here.
    """
    source = run.folder / "model.json"
    facts = as_record(run.facts, AttributeFacts, str(source), DAMAGED)
    place, common = choose_device(device), {"size_px": facts.size_px, "channels": facts.channels}
    count = len(facts.attributes)
    generator: Any = _built(run, facts, "generator", {**common, "attributes": count})
    latent_encoder = _built(run, facts, "latent_encoder", {**common, "outputs": generator.latent})
    attribute_encoder = _built(run, facts, "attribute_encoder", {**common, "outputs": count})
    network = Redrawing(
        generator, latent_encoder, attribute_encoder, size_px=facts.size_px, channels=facts.channels
    )  # fmt: skip
    return AttributeEditor(
        facts.attributes, network.to(place).eval(), facts.colors, place, digest=run.digest(), folder=run.folder
    )


def _built(run: Run, facts: AttributeFacts, name: str, given: Mapping[str, int]) -> Any:
    entries = ATTRIBUTE_GENERATORS if name == "generator" else PICTURE_READERS
    described = described_choice(getattr(facts, name), entries, GIVEN[name], run.folder / "model.json", name)
    return load_network(run, name, lambda: described.build(entries, **given))
