"""A trained generator that makes pictures: what a run of this room hands out."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.priors import PRIORS, draw
from limner.adversarial.weights.spectral import await_spectral_norm
from limner.datasets.pictures.decoding import Colors
from limner.datasets.pictures.fitting import Fit
from limner.datasets.pictures.quantized import quantized
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.foundation.nearest import did_you_mean
from limner.generate.making.beside import latent_optimization_of, load_discriminator, load_encoder, normalized_layers
from limner.generate.making.facts import read_facts
from limner.generate.making.latents import moved_latents
from limner.generate.networks import GENERATORS
from limner.generate.networks.stylegan2.generator import StyleGAN2Generator
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import build_fitting, described_choice
from limner.learning.runs.weights import DAMAGED
from limner.nn.finite import finite
from limner.reporting.card import card
from limner.reporting.grid import grid

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

BATCH = 64
SHOWN = 16
"""Pictures that it shows of itself in a notebook."""


@dataclass(frozen=True, repr=False)
class PictureGenerator:
    """Pictures from a trained generator: picture 0, 1, 2, ... of a seed, each the same however many are asked for."""

    network: nn.Module
    size_px: int
    colors: Colors
    channels: int
    class_names: tuple[str, ...]
    """Empty where it was trained without classes."""
    class_counts: tuple[int, ...]
    """How many pictures of each class it learned from."""
    latent: int
    """Numbers in a latent."""
    prior: Choice
    """What latents are drawn from, as in training."""
    truncation: float | None
    """The largest number in a latent where nothing else is asked for; None: as the prior draws them. Of a network with
    styles, how much of a style's difference from the mean style is kept."""
    device: torch.device
    digest: str = ""
    """Tells models apart, so that pictures are not mixed with those of another one."""
    folder: Path | None = None
    """Of the run that it was loaded from."""
    score: str = ""
    """What the run scored, in a line."""
    discriminator: nn.Module | None = None
    """What it learned against, where latents are moved by it."""
    fit: Fit = "crop"
    """How pictures that it learned from became squares."""
    encoder: nn.Module | None = None
    """What finds the latent of a picture, where one learned beside it."""
    latent_optimization: LatentOptimization = LatentOptimization()
    """How latents moved in the training; ``sampling_steps`` of it are made before every picture, too."""
    edit: Tensor | None = None
    """(style,): what is added to the styles of every picture, see `limner.generate.making.styles`."""

    @property
    def styled(self) -> StyleGAN2Generator | None:
        """Its network, where that makes styles of latents."""
        return self.network if isinstance(self.network, StyleGAN2Generator) else None

    def truncated(self, truncation: float | None) -> PictureGenerator:
        """The same with another truncation; None: as it is."""
        return self if truncation is None else dataclasses.replace(self, truncation=truncation)

    def generate(
        self,
        n: int,
        *,
        seed: int = 0,
        truncation: float | None = None,
        classes: Sequence[str | int] | None = None,
        batch: int = BATCH,
    ) -> Tensor:
        """Pictures 0 to n - 1 of a seed: (n, channels, size_px, size_px) float32 in [0, 1], on the CPU.

        Picture k of a seed depends on neither ``n`` nor ``batch``, but for the rounding of sums (about 1e-6).

        truncation: numbers of a latent that are larger are drawn again (Brock et al. 2019, sec. 3.1): smaller gives
        more usual pictures and fewer kinds of them. Of a network with styles, this share of a style's difference from
        the mean is kept (Karras et al. 2019, sec. B), to the same effect. classes: names or numbers, which the pictures
        get in turn; without them, of a network with classes, each picture's is drawn with the share it has in the
        training.

        Raises `UserError` for a class that the run does not have and for what the prior cannot do, `ValueError` for
        less than one picture.
        """
        if n < 1:
            raise ValueError(f"{n} pictures; needed: one or more")
        own = self.truncated(truncation)
        latents = own.latents(range(n), seed=seed)
        return own.decode(latents, self.labels(range(n), seed=seed, classes=classes), batch=batch)

    def latents(self, numbers: Sequence[int], *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """(n, latent) float32 on the CPU: those of the pictures of a seed with these numbers."""
        limit = self.truncation if truncation is None else truncation
        if self.styled is not None:
            limit = None  # what is cut is the style
        draws = Draws(seed, torch.device("cpu"))  # on every device the same pictures
        return torch.cat([draw(self.prior, 1, self.latent, draws.of("picture", number), limit) for number in numbers])

    def labels(
        self, numbers: Sequence[int], *, seed: int = 0, classes: Sequence[str | int] | None = None
    ) -> Tensor | None:
        """(n,) int64 on the CPU: the classes of the same pictures; None for a network without classes."""
        if not self.class_names:
            if classes:
                raise UserError(
                    "--classes: the run was trained without classes; leave it out, or train with --data.classes folders"
                )
            return None
        if classes:
            chosen = [class_number(name, self.class_names) for name in classes]
            return torch.tensor([chosen[number % len(chosen)] for number in numbers])
        draws = Draws(seed, torch.device("cpu"))
        shares = torch.tensor(self.class_counts, dtype=torch.float32)
        return torch.cat([shares.multinomial(1, generator=draws.of("class", number)) for number in numbers])

    def decode(
        self, latents: Tensor, labels: Tensor | None = None, *, batch: int = BATCH, as_they_are: bool = False
    ) -> Tensor:
        """The pictures of latents: (n, channels, size_px, size_px) float32 in [0, 1], on the CPU.

        latents: (n, latent) float. labels: (n,) int64 class numbers, for a network with classes. as_they_are: without
        the steps of latent optimization that a run may ask for.
        """
        parts = []
        steps = 0 if as_they_are else self.latent_optimization.sampling_steps
        for start in range(0, len(latents), batch):
            latent = latents[start : start + batch].to(self.device)
            label = None if labels is None else labels[start : start + batch].to(self.device)
            if steps and self.discriminator is not None:
                latent = moved_latents(self.network, self.discriminator, latent, label, self.latent_optimization, steps)
            with torch.inference_mode():
                image_pm1 = self._image(latent, label)
                parts.append(((finite(image_pm1.float(), "the generator") + 1) / 2).clamp(0, 1).cpu())
        return torch.cat(parts)

    def _image(self, latent: Tensor, label: Tensor | None) -> Tensor:
        network = self.styled
        if network is None:
            image: Tensor = self.network(latent, label)
            return image
        styles = network.styles(latent, label, self.truncation)
        return network.synthesize(styles if self.edit is None else styles + self.edit.to(styles))

    def encode(self, image01: Tensor) -> Tensor:
        """(n, latent) float32 on the CPU: what the encoder that learned beside it makes of pictures.

        image01: (n, channels, size_px, size_px) float in [0, 1]. Raises `UserError` where there is no encoder.
        """
        if self.encoder is None:
            raise UserError("the run has no encoder; train one with --encoder dcgan, or use --by optimization")
        with torch.inference_mode():
            return finite(self.encoder(image01.to(self.device) * 2 - 1).float(), "the encoder").cpu()

    def __repr__(self) -> str:
        classes = f" of {', '.join(self.class_names)}" if self.class_names else ""
        where = "" if self.folder is None else f" from {self.folder}"
        return f"PictureGenerator({self.size_px} px {self.colors}{classes}{where}, on {self.device})"

    def _repr_html_(self) -> str:
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        facts = {
            "makes": f"{self.size_px} x {self.size_px} px, {self.colors}",
            "classes": ", ".join(self.class_names),
            "network": f"{type(self.network).__name__}, {parameters / 1e6:.2f} M parameters",
            "score": self.score,
        }
        return card("limner generate", facts, self._repr_png_())

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(grid(quantized(self.generate(SHOWN)), 8)).save(buffer, "PNG")
        return buffer.getvalue()


def class_number(name: str | int, class_names: Sequence[str]) -> int:
    """The number of a class by its name, or by its number; `UserError`, with the nearest name, for others."""
    if name in class_names:
        return list(class_names).index(str(name))
    if str(name).isdecimal() and int(name) < len(class_names):
        return int(name)
    raise UserError(f"--classes: the run has no class '{name}'; {did_you_mean(str(name), class_names, 0.4)}")


def load_generator(run: Run, device: str = "auto", *, latent_steps: int | None = None) -> PictureGenerator:
    """What makes a run's pictures: the running average of its generator where it kept one. device: auto, cpu or cuda.

    latent_steps: of latent optimization before every picture; None: as the run's recipe says.

    Raises `UserError` for a run that is damaged, for a device that is not here, and for steps of a run that learned
    without latent optimization.
    """
    facts = read_facts(run)
    place = choose_device(device)
    moving = latent_optimization_of(run, facts, latent_steps)
    described = _choice(run, facts.generator, GENERATORS, ("size_px", "channels", "classes"), "generator")
    prior = _choice(run, facts.prior, PRIORS, (), "prior")
    shapes = run.weight_shapes()
    prefix = "average." if any(name.startswith("average.") for name in shapes) else "generator."
    own = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}

    def build() -> nn.Module:
        network: nn.Module = described.build(
            GENERATORS, size_px=facts.size_px, channels=facts.channels, classes=len(facts.class_names)
        )
        await_spectral_norm(network, normalized_layers(own))  # part of what the layers compute
        return network

    network = build_fitting(build, own, run.folder)
    weights = run.weights()
    network.load_state_dict({name: weights[prefix + name] for name in own})
    if getattr(network, "latent", facts.latent) != facts.latent:
        raise UserError(
            f"{run.folder}: model.json says latents of {facts.latent}, its generator takes others; {DAMAGED}"
        )
    network.eval().to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return PictureGenerator(
        network=network,
        size_px=facts.size_px,
        colors=facts.colors,
        channels=facts.channels,
        class_names=facts.class_names,
        class_counts=facts.shares,
        latent=facts.latent,
        prior=prior,
        truncation=facts.truncation,
        device=place,
        digest=run.digest(),
        folder=run.folder,
        discriminator=load_discriminator(run, facts, weights, place) if moving.sampling_steps else None,
        encoder=load_encoder(run, facts, weights, place) if facts.has_encoder else None,
        latent_optimization=moving,
        fit=facts.fit,
    )


def _choice(run: Run, value: Mapping[str, Any], entries: Mapping[str, Any], given: Sequence[str], name: str) -> Choice:
    return described_choice(value, entries, given, run.folder / "model.json", name)
