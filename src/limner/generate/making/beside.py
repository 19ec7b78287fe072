"""What learned beside a run's generator and some uses need: its discriminator, its encoder, how latents moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.weights.spectral import await_spectral_norm
from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.generate.making.facts import GeneratorFacts
from limner.generate.networks import DISCRIMINATORS
from limner.generate.networks.encoders import ENCODERS
from limner.generate.networks.pairs import PairDiscriminator
from limner.learning.runs.described import build_fitting, described_choice
from limner.learning.runs.weights import DAMAGED

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

NORMALIZED = ".parametrizations.weight.original"
"""How torch's spectral normalization ends the name of a layer's weight."""


def latent_optimization_of(run: Run, facts: GeneratorFacts, steps: int | None) -> LatentOptimization:
    """How latents moved in the training of a run, and in how many ``steps`` they shall before a picture is made.

    Raises `UserError` for steps of a run that learned without.
    """
    source = str(run.folder / "model.json")
    told = facts.latent_optimization
    found = LatentOptimization() if told is None else as_record(told, LatentOptimization, source, DAMAGED)
    if not steps:
        return found if steps is None else dataclasses.replace(found, sampling_steps=0)
    if found.step == "none":
        raise UserError(
            f"--latent-steps is {steps}, but {run.folder} learned without latent optimization; leave it out, or train "
            "generate/logan"
        )
    return dataclasses.replace(found, sampling_steps=steps)


def load_discriminator(
    run: Run, facts: GeneratorFacts, weights: Mapping[str, Tensor], place: torch.device
) -> nn.Module:
    """A run's discriminator, in evaluation mode. Raises `UserError` for a run that is damaged."""
    given = {"size_px": facts.size_px, "channels": facts.channels, "classes": len(facts.class_names)}
    source = run.folder / "model.json"
    described = described_choice(facts.discriminator or {}, DISCRIMINATORS, tuple(given), source, "discriminator")

    def build() -> nn.Module:
        network: nn.Module = described.build(DISCRIMINATORS, **given)
        return PairDiscriminator(network, facts.latent) if facts.has_encoder else network

    return _loaded(run, weights, "discriminator.", build, place)


def load_encoder(run: Run, facts: GeneratorFacts, weights: Mapping[str, Tensor], place: torch.device) -> nn.Module:
    """A run's encoder, in evaluation mode. Raises `UserError` for a run that is damaged."""
    given: dict[str, Any] = {
        "size_px": facts.size_px, "channels": facts.channels, "latent": facts.latent,
        "bounded": facts.prior.get("name") == "uniform",
    }  # fmt: skip
    described = described_choice(facts.encoder or {}, ENCODERS, tuple(given), run.folder / "model.json", "encoder")
    return _loaded(run, weights, "encoder.", lambda: described.build(ENCODERS, **given), place)


def _loaded(
    run: Run, weights: Mapping[str, Tensor], prefix: str, build: Callable[[], nn.Module], place: torch.device
) -> nn.Module:
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}

    def normalized() -> nn.Module:
        network = build()
        await_spectral_norm(network, normalized_layers(own))
        return network

    network = build_fitting(normalized, {name: tuple(value.shape) for name, value in own.items()}, run.folder)
    network.load_state_dict(own)
    network.eval().requires_grad_(False)
    return network.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]


def normalized_layers(weights: Mapping[str, Any]) -> list[str]:
    """The names of the layers whose weights were kept as spectral normalization has them."""
    return [key.removesuffix(NORMALIZED) for key in weights if key.endswith(NORMALIZED)]
