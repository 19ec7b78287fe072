"""The regularizers that a recipe switches on, as terms of the two losses."""

from collections.abc import Callable, MutableMapping

import torch
from torch import Tensor, nn

from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.losses import AdversarialLoss
from limner.adversarial.regularizers.path_length import path_length_penalty, path_lengths
from limner.adversarial.regularizers.penalties import (
    PenaltySettings,
    consistency_penalty,
    dragan_penalty,
    follow_logits,
    gradient_penalty,
    lazy_factor,
    lecam_averages,
    lecam_penalty,
    orthogonal_penalty,
    r1_penalty,
)
from limner.adversarial.update import Term, Update
from limner.foundation.draws import Draws
from limner.generate.networks.stylegan2.generator import StyleGAN2Generator
from limner.generate.training.picture_pool import Sample

Shown = Update[Sample]


def discriminator_terms(
    settings: PenaltySettings,
    network: nn.Module,
    discriminate: Callable[[Sample], Tensor],
    draws: Draws,
    state: MutableMapping[str, Tensor],
) -> dict[str, Term]:
    """The terms of the discriminator's loss that have a weight, by their names.

    network: the discriminator, which gradient penalties call as it is, without autocast. discriminate: with it, for all
    others. state: what a checkpoint keeps; the running averages of LeCam are put there.
    """

    def differentiated(update: Shown) -> Callable[[Tensor], Tensor]:
        latent = () if update.real.latent is None else (update.real.latent,)
        return lambda image: network(image, update.real.label, *latent)

    def gradient(update: Shown) -> Tensor:
        at = draws.of("gradient", *update.place)
        return settings.gradient * gradient_penalty(differentiated(update), update.real.image, update.fake.image, at)

    def dragan(update: Shown) -> Tensor:
        at = draws.of("dragan", *update.place)
        return settings.dragan * dragan_penalty(differentiated(update), update.real.image, at)

    def r1(update: Shown) -> Tensor:
        factor = lazy_factor(update.number, settings.r1_every)
        if factor == 0:
            return update.real_logits.new_zeros(())
        return settings.r1 * factor * r1_penalty(differentiated(update), update.real.image)

    def lecam(update: Shown) -> Tensor:
        state.update(follow_logits(state, update.real_logits, update.fake_logits))
        return settings.lecam * lecam_penalty(state, update.real_logits, update.fake_logits)

    def consistency(update: Shown) -> Tensor:
        at = draws.of("consistency", *update.place)
        again = lambda image: discriminate(update.real._replace(image=image))  # noqa: E731
        return settings.consistency * consistency_penalty(again, update.real.image, update.real_logits, at)

    if settings.lecam:
        state.update(lecam_averages(draws.device))
    terms: dict[str, Term] = {
        "gradient": gradient, "dragan": dragan, "r1": r1, "lecam": lecam, "consistency": consistency,
    }  # fmt: skip
    chosen = {f"{name}_penalty": term for name, term in terms.items() if getattr(settings, name)}
    return {**chosen, **_orthogonal(settings, network, "discriminator")}


def generator_terms(
    settings: PenaltySettings, network: nn.Module, draws: Draws, state: MutableMapping[str, Tensor]
) -> dict[str, Term]:
    """The terms of the generator's loss that have a weight, by their names.

    network: the generator, which path length regularization calls as it is, without autocast. state: what a checkpoint
    keeps; the running mean of path lengths is put there.
    """
    terms = _orthogonal(settings, network, "generator")
    if settings.path_length:
        terms["path_length_penalty"] = _path_length(settings, network, draws, state)
    return terms


def _path_length(
    settings: PenaltySettings, network: nn.Module, draws: Draws, state: MutableMapping[str, Tensor]
) -> Term:
    """Of half as many pictures, made of the first latents of the update."""
    assert isinstance(network, StyleGAN2Generator)  # the recipe refuses others
    state["mean_path_length"] = torch.zeros((), device=draws.device)

    def term(update: Shown) -> Tensor:
        factor = lazy_factor(update.number, settings.path_length_every)
        if factor == 0:
            return update.fake_logits.new_zeros(())
        half = max(1, len(update.fake.image) // 2)
        label = None if update.fake.label is None else update.fake.label[:half]
        with torch.autocast(draws.device.type, enabled=False):
            styles = network.styles(update.latent.latent[:half], label)
            lengths = path_lengths(network.synthesize(styles), styles, draws.of("path length", *update.place))
            penalty, state["mean_path_length"] = path_length_penalty(lengths, state["mean_path_length"])
        return settings.path_length * factor * penalty

    return term


def latent_terms(settings: LatentOptimization, name: str) -> dict[str, Term]:
    """The mean squared length of the latents' steps, as a term of a network's loss; where it has a weight there.

    name: ``generator`` or ``discriminator``. ``Update.latent`` is what `optimize_latents` gave.
    """
    if settings.step == "none" or not settings.penalty or settings.penalized not in ("both", name):
        return {}
    return {f"{name}_latent_penalty": lambda update: settings.penalty * update.latent.penalty}


def encoder_term(loss: AdversarialLoss, discriminate: Callable[[Sample], Tensor]) -> dict[str, Term]:
    """What the encoder minimizes beside the generator: its pairs pass for made ones (Donahue et al. 2017, sec. 3.4)."""
    return {"encoder_loss": lambda update: loss.encoder(discriminate(update.real))}


def _orthogonal(settings: PenaltySettings, network: nn.Module, name: str) -> dict[str, Term]:
    if not settings.orthogonal or settings.orthogonal_on not in ("both", name):
        return {}
    return {
        f"{name}_orthogonal_penalty": lambda _: (
            settings.orthogonal * orthogonal_penalty(network, settings.orthogonal_form)
        )
    }
