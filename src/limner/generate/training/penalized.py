"""The penalties that a recipe switches on, as terms of the two losses."""

from collections.abc import Callable, MutableMapping

from torch import Tensor, nn

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
from limner.adversarial.step import Judge, Sample, Term, Turn
from limner.foundation.draws import Draws


def discriminator_terms(
    settings: PenaltySettings, network: nn.Module, judge: Judge, draws: Draws, state: MutableMapping[str, Tensor]
) -> dict[str, Term]:
    """The terms of the discriminator's loss that have a weight, by their names.

    network: the discriminator, which penalties on its slope call as it is, without autocast. judge: with it, for all
    others. state: what a checkpoint keeps; the running averages of LeCam are put there.
    """

    def slope_of(turn: Turn) -> Callable[[Tensor], Tensor]:
        return lambda image: network(image, turn.real.label)

    def gradient(turn: Turn) -> Tensor:
        at = draws.of("gradient", turn.number)
        return settings.gradient * gradient_penalty(slope_of(turn), turn.real.image, turn.fake.image, at)

    def dragan(turn: Turn) -> Tensor:
        return settings.dragan * dragan_penalty(slope_of(turn), turn.real.image, draws.of("dragan", turn.number))

    def r1(turn: Turn) -> Tensor:
        factor = lazy_factor(turn.number, settings.r1_every)
        if factor == 0:
            return turn.real_logits.new_zeros(())
        return settings.r1 * factor * r1_penalty(slope_of(turn), turn.real.image)

    def lecam(turn: Turn) -> Tensor:
        state.update(follow_logits(state, turn.real_logits, turn.fake_logits))
        return settings.lecam * lecam_penalty(state, turn.real_logits, turn.fake_logits)

    def consistency(turn: Turn) -> Tensor:
        at = draws.of("consistency", turn.number)
        again = lambda image: judge(Sample(image, turn.real.label))  # noqa: E731
        return settings.consistency * consistency_penalty(again, turn.real.image, turn.real_logits, at)

    if settings.lecam:
        state.update(lecam_averages(draws.device))
    terms: dict[str, Term] = {
        "gradient": gradient, "dragan": dragan, "r1": r1, "lecam": lecam, "consistency": consistency,
    }  # fmt: skip
    chosen = {f"{name}_penalty": term for name, term in terms.items() if getattr(settings, name)}
    if orthogonal := _orthogonal(settings, network, "discriminator"):
        chosen["discriminator_orthogonal_penalty"] = lambda turn: orthogonal()
    return chosen


def generator_terms(settings: PenaltySettings, network: nn.Module) -> dict[str, Callable[[], Tensor]]:
    """The terms of the generator's loss that have a weight, by their names."""
    orthogonal = _orthogonal(settings, network, "generator")
    return {"generator_orthogonal_penalty": orthogonal} if orthogonal else {}


def _orthogonal(settings: PenaltySettings, network: nn.Module, name: str) -> Callable[[], Tensor] | None:
    if not settings.orthogonal or settings.orthogonal_on not in ("both", name):
        return None
    return lambda: settings.orthogonal * orthogonal_penalty(network, settings.orthogonal_form)
