"""A run that translates between domains: what `limner.load` hands out for it, and one picture's way to a domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.foundation.machine.device import choose_device
from limner.foundation.nearest import did_you_mean
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.reporting.card import card, newest_picture
from limner.translate.data.labeled import TARGET
from limner.translate.data.reading import Colors
from limner.translate.networks import CODE_GENERATORS, EXTRACTORS, GENERATORS, TOLD_GENERATORS
from limner.translate.networks.dtn import Transfer
from limner.translate.networks.stargan import Told
from limner.translate.translating.attributes import ATTRIBUTES, load_editor
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.predictor import (
    GENERATOR_GIVEN,
    PictureTranslator,
    load_network,
    load_translator,
    make_translator,
)

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

UNPAIRED = "translate-unpaired"
SEVERAL = "translate-domains"
TRANSFER = "translate-transfer"
PAIRS = "translate-pairs"
EXTRACTOR_GIVEN = ("channels", "size_px")
CODE_GENERATOR_GIVEN = ("code", "outputs", "size_px")


@dataclass(frozen=True)
class DomainFacts:
    """What translating needs to know of a run: each field is what the task's ``facts`` write under its name."""

    generator: Mapping[str, Any]
    domains: tuple[str, ...] = field(metadata=bounds(minimum=2, maximum=1 << 10))
    channels: int = field(metadata=bounds(minimum=1, maximum=1 << 10))
    colors: Colors


@dataclass(frozen=True)
class TransferFacts(DomainFacts):
    """The same of a run that learned from a source and a target."""

    domains: tuple[str, ...] = field(metadata=bounds(minimum=2, maximum=2))
    extractor: Mapping[str, Any]
    size_px: int = field(metadata=bounds(minimum=8, maximum=1 << 12))


@dataclass(frozen=True, repr=False)
class DomainTranslator:
    """Pictures made into another domain by a trained network, of any size.

    domains: the names of those that it makes. make: what translates to a domain, by its number.
    """

    domains: tuple[str, ...]
    make: Callable[[int], PictureTranslator]
    folder: Path | None = None
    score: str = ""

    def to(self, domain: str | None) -> PictureTranslator:
        """What makes pictures into a domain; the only one need not be named. Raises `UserError` for none of several,
        and for one that the run does not know."""
        known = ", ".join(self.domains)
        if domain is None and len(self.domains) == 1:
            return self.make(0)
        if domain is None:
            raise UserError(f"the run translates between domains; say which by --to: {known}")
        if domain not in self.domains:
            raise UserError(f"--to {domain}: no domain of the run; {did_you_mean(domain, self.domains)}")
        return self.make(self.domains.index(domain))

    def translate(self, picture01: Tensor, to: str | None = None) -> Tensor:
        """A picture of any other domain made into one of ``to``. picture01: (C, H, W) float32 in [0, 1]; gives
        likewise.

        Raises `UserError` as `to` does, and for other channels.
        """
        return self.to(to).translate(picture01)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"DomainTranslator({', '.join(self.domains)}{where})"

    def _repr_html_(self) -> str:
        network = self.make(0).network
        parameters = sum(parameter.numel() for parameter in network.parameters())
        facts = {
            "makes pictures into": ", ".join(self.domains),
            "network": f"{type(network).__name__}, {parameters / 1e6:.2f} M parameters",
            "score": self.score,
        }
        return card("limner translate", facts, None if self.folder is None else newest_picture(self.folder))


def domain_translator(
    domains: tuple[str, ...], network_to: Callable[[int], nn.Module], *, channels: int, colors: Colors,
    device: torch.device, own: bool = False, **more: Any,
) -> DomainTranslator:  # fmt: skip
    """What translates, around generators. network_to: that of a domain. own: nobody trains them any more."""

    def make(number: int) -> PictureTranslator:
        return make_translator(
            network_to(number), inputs=channels, outputs=channels, scale=1, colors=colors, source_colors=colors,
            degrade_name="none", degrade_options={}, see_mask=False, picture_statistics=False, dropout=False,
            device=device, own=own, **more,
        )  # fmt: skip

    return DomainTranslator(domains, make, more.get("folder"))


def load_domains(run: Run, device: str = "auto") -> DomainTranslator:
    """What translates with the networks of a run that learned from domains. device: auto, cpu or cuda.

    Raises `UserError` for a run that is damaged and for a device that is not here.
    """
    if run.task == TRANSFER:
        return _load_transfer(run, choose_device(device))
    source = run.folder / "model.json"
    facts = as_record(run.facts, DomainFacts, str(source), DAMAGED)
    if run.task == UNPAIRED and len(facts.domains) != 2:
        raise UserError(f"{source}: {len(facts.domains)} domains; needed: 2; {DAMAGED}")
    place = choose_device(device)
    entries = GENERATORS if run.task == UNPAIRED else TOLD_GENERATORS
    described = described_choice(facts.generator, entries, GENERATOR_GIVEN, source, "generator")

    def network_to(number: int) -> nn.Module:
        if run.task == SEVERAL:
            count = len(facts.domains)
            generator: Any = load_network(
                run, "generator",
                lambda: described.build(entries, inputs=facts.channels + count, outputs=facts.channels, scale=1),
            )  # fmt: skip
            return Told(generator, one_hot(torch.tensor(number), count))
        return load_network(
            run, INTO[number],
            lambda: described.build(entries, inputs=facts.channels, outputs=facts.channels, scale=1),
        )  # fmt: skip

    return domain_translator(
        facts.domains, network_to, channels=facts.channels, colors=facts.colors, device=place, own=True,
        digest=run.digest(), folder=run.folder,
    )  # fmt: skip


def _load_transfer(run: Run, device: torch.device) -> DomainTranslator:
    source = run.folder / "model.json"
    facts = as_record(run.facts, TransferFacts, str(source), DAMAGED)
    extractor = described_choice(facts.extractor, EXTRACTORS, EXTRACTOR_GIVEN, source, "extractor")
    generator = described_choice(facts.generator, CODE_GENERATORS, CODE_GENERATOR_GIVEN, source, "generator")

    def network_to(number: int) -> nn.Module:
        told: Any = load_network(
            run, "extractor", lambda: extractor.build(EXTRACTORS, channels=facts.channels, size_px=facts.size_px)
        )
        made: Any = load_network(
            run, "generator",
            lambda: generator.build(CODE_GENERATORS, code=told.code, outputs=facts.channels, size_px=facts.size_px),
        )  # fmt: skip
        return Transfer(told, made, facts.channels)

    return domain_translator(
        facts.domains[TARGET:], network_to, channels=facts.channels, colors=facts.colors, device=device, own=True,
        digest=run.digest(), folder=run.folder,
    )  # fmt: skip


INTO = ("into_first", "into_second")
"""The names of CycleGAN's generators, by the number of the domain that they make."""


def load_for(run: Run, options: TranslateOptions, device: str = "auto") -> PictureTranslator:
    """What translates with a run of this room, into the domain or with the attributes that the options say.

    Raises `UserError` for a domain or attributes that are missing, unknown, or mean nothing to the run.
    """
    if run.task == ATTRIBUTES:
        if options.to is not None:
            raise UserError(f"{run.folder}: the run learned attributes and has no domains; leave --to out")
        return load_editor(run, device).with_changes(options.changes)
    if options.attributes is not None:
        raise UserError(f"{run.folder}: the run learned no attributes; leave --attributes out")
    if run.task != PAIRS:
        return load_domains(run, device).to(options.to)
    if options.to is not None:
        raise UserError(f"{run.folder}: the run learned from pairs and has no domains; leave --to out")
    return load_translator(run, device)
