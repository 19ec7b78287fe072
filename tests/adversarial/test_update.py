"""The two updates against the same written out by hand; terms, joined passes, several outputs."""

import copy
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from limner.adversarial.losses import Hinge, NonSaturating
from limner.adversarial.update import Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater
from limner.foundation.draws import Draws
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings

REAL = torch.randn(5, 1, 2, 3, generator=torch.Generator().manual_seed(3))


def networks() -> tuple[nn.Module, nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (
            nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Unflatten(1, (1, 2, 3))),
            nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0)),
        )


def latents(purpose: str, number: int) -> Tensor:
    return torch.randn(5, 4, generator=Draws(0, torch.device("cpu")).of(purpose, number))


def updater(network: nn.Module, rate: float, clip: float | None = None) -> Updater:
    return Updater(make_fabric(LoopSettings(precision="fp32")), torch.optim.SGD(network.parameters(), rate), clip)


def join(one: Tensor, other: Tensor) -> Tensor:
    return torch.cat([one, other])


def step(weights: list[nn.Parameter], loss: Tensor, rate: float) -> None:
    gradients = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight -= rate * gradient


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("own_batch", [False, True])
def test_three_updates_of_the_discriminator_and_one_of_the_generator_equal_the_same_written_out(
    joined: bool, own_batch: bool
) -> None:
    generator, discriminator = networks()
    movers = updater(generator, 0.1), updater(discriminator, 0.2)
    for index in range(4):
        for number in range(3 * index, 3 * index + 3):
            fake = generator(latents("fake", number))
            values = update_discriminator(
                discriminator,
                movers[1],
                NonSaturating(),
                Update(number, REAL, fake.detach()),
                join=join if joined else None,
            )
        if own_batch:
            fake = generator(latents("generator", index))
        values |= update_generator(discriminator, movers[0], NonSaturating(), Update(index, REAL, fake))
        assert list(values) == ["discriminator_loss", "real_sign", "generator_loss"]
        assert not any(value.requires_grad for value in values.values())

    by_hand = networks()
    weights = [list(network.parameters()) for network in by_hand]
    for index in range(4):
        for number in range(3 * index, 3 * index + 3):
            fake = by_hand[0](latents("fake", number))
            loss = softplus(-by_hand[1](REAL)).mean() + softplus(by_hand[1](fake.detach())).mean()
            step(weights[1], loss, 0.2)
        if own_batch:
            fake = by_hand[0](latents("generator", index))
        step(weights[0], softplus(-by_hand[1](fake)).mean(), 0.1)
    for ours, theirs in zip((generator, discriminator), by_hand, strict=True):
        for name, weight in ours.state_dict().items():
            torch.testing.assert_close(weight, theirs.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_a_joined_pass_shows_batch_normalization_the_mixture() -> None:
    discriminator = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(6), nn.Linear(6, 1), nn.Flatten(0))
    fake = REAL + 3
    values = update_discriminator(discriminator, updater(discriminator, 0.1), Hinge(), Update(0, REAL, fake), join=join)
    assert float(values["discriminator_loss"]) > 0
    mean = 0.1 * torch.cat([REAL, fake]).flatten(1).mean(0)
    torch.testing.assert_close(discriminator[1].running_mean, mean)


def test_an_update_moves_its_own_network_and_leaves_no_gradient_with_another() -> None:
    generator, discriminator = networks()
    before = copy.deepcopy(discriminator.state_dict())
    fake = generator(latents("fake", 0))
    update_generator(discriminator, updater(generator, 0.1), NonSaturating(), Update(0, REAL, fake))
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())
    assert all(weight.grad is None for weight in discriminator.parameters())
    before = copy.deepcopy(generator.state_dict())
    fake = generator(latents("fake", 1))  # not detached: the discriminator's updater moves the discriminator alone
    for weight in generator.parameters():
        weight.grad = None
    update_discriminator(discriminator, updater(discriminator, 0.1), NonSaturating(), Update(0, REAL, fake))
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert all(weight.grad is None for weight in generator.parameters())


def test_terms_see_all_that_the_update_has_at_hand_and_are_logged_under_their_names() -> None:
    generator, discriminator = networks()
    latent = latents("fake", 7)
    seen: list[Update[Tensor]] = []

    def two(update: Update[Tensor]) -> Tensor:
        seen.append(update)
        return torch.tensor(2.0)

    plain_networks = copy.deepcopy((generator, discriminator))
    results = []
    for made, judged, terms in ((generator, discriminator, {"two": two}), (*plain_networks, None)):
        fake = made(latent)
        update = Update(7, REAL, fake, latent, batch="what was asked for")
        values = update_discriminator(judged, updater(judged, 0.1), NonSaturating(), update, terms)
        results.append(
            values
            | update_generator(
                judged, updater(made, 0.1), NonSaturating(), Update(3, REAL, made(latent), latent), terms
            )
        )
    for name in ("discriminator_loss", "generator_loss"):
        assert float(results[0][name] - results[1][name]) == pytest.approx(2, abs=1e-5)
    assert float(results[0]["two"]) == 2
    first, second = seen
    assert (first.number, second.number) == (7, 3)
    assert first.real is REAL
    assert first.latent is latent
    assert (first.batch, second.batch) == ("what was asked for", None)
    assert first.real_logits.shape == first.fake_logits.shape == second.fake_logits.shape == (5,)
    assert second.real_output is None


def test_real_sign_is_the_mean_sign_of_the_logits_of_real_samples() -> None:
    weight = nn.Parameter(torch.ones(()))
    discriminator = nn.Module()
    discriminator.weight = weight
    values = update_discriminator(
        lambda sample: weight * sample.sum((1, 2, 3)),
        updater(discriminator, 0.1),
        NonSaturating(),
        Update(0, REAL, REAL),
    )
    assert float(values["real_sign"]) == pytest.approx(float(REAL.sum((1, 2, 3)).sign().mean()))


class Opinion(NamedTuple):
    logits: Tensor
    classes: Tensor


def test_terms_may_ask_for_more_than_logits_in_one_pass_too() -> None:
    head = nn.Linear(6, 4)
    calls: list[int] = []

    def discriminate(sample: Tensor) -> Opinion:
        calls.append(len(sample))
        answer = head(sample.flatten(1))
        return Opinion(answer[:, 0], answer[:, 1:])

    def classes(update: Update[Tensor]) -> Tensor:
        assert isinstance(update.real_output, Opinion)
        return nn.functional.cross_entropy(update.real_output.classes, torch.tensor([0, 1, 2, 1, 0]))

    before = copy.deepcopy(head)
    values = {}
    for name, joined in (("apart", None), ("joined", join)):
        head.load_state_dict(before.state_dict())
        values[name] = update_discriminator(
            discriminate, updater(head, 0.1), Hinge(), Update(0, REAL, -REAL), {"classes": classes}, join=joined
        )
    assert calls == [5, 5, 10]
    torch.testing.assert_close(values["apart"], values["joined"])


def test_several_discriminators_or_scales_add_their_losses_up() -> None:
    first, second = (networks()[1] for _ in range(2))
    with torch.no_grad():
        for weight in second.parameters():
            weight += 0.1
    both = nn.ModuleList([first, second])
    values = update_discriminator(
        lambda sample: tuple(each(sample) for each in both), updater(both, 0.0), NonSaturating(), Update(0, REAL, -REAL)
    )
    apart = [update_discriminator(each, updater(each, 0.0), NonSaturating(), Update(0, REAL, -REAL)) for each in both]
    torch.testing.assert_close(values["discriminator_loss"], sum(each["discriminator_loss"] for each in apart))
    torch.testing.assert_close(values["real_sign"], sum(each["real_sign"] for each in apart) / 2)
    (generator, _) = networks()
    fake = generator(latents("fake", 0))
    made = update_generator(
        lambda sample: [each(sample) for each in both], updater(generator, 0.1), NonSaturating(), Update(0, None, fake)
    )
    torch.testing.assert_close(made["generator_loss"], sum(softplus(-each(fake)).mean() for each in both).detach())


def test_a_sample_is_whatever_the_room_makes_of_it() -> None:
    """Notes of three lengths and the words that they go with: no tensor of pictures, no batch axis."""
    scale = nn.Linear(1, 1)

    def discriminate(song: dict[str, Any]) -> Tensor:
        return torch.stack([scale(line.mean().view(1))[0] for line in song["lines"]])

    real = {"lines": [torch.ones(n) for n in (3, 5, 2)], "words": "la"}
    fake = {"lines": [-torch.ones(n) for n in (1, 4)], "words": "do"}
    asked: list[str] = []

    def words(update: Update[dict[str, Any]]) -> Tensor:
        asked.append(update.real["words"] + update.fake["words"])
        return torch.zeros(())

    before = scale.weight.item()
    update_discriminator(discriminate, updater(scale, 0.1), Hinge(), Update(0, real, fake), {"words": words})
    assert scale.weight.item() > before
    assert asked == ["lado"]


def test_latents_moved_by_the_discriminators_own_gradient_reach_its_weights_a_second_time() -> None:
    """A method that optimizes latents in the step (LOGAN): through both updates, and cut where it is detached."""

    def moved(generator: nn.Module, discriminator: nn.Module, second_order: bool) -> Tensor:
        latent = latents("fake", 0).requires_grad_()
        (pull,) = torch.autograd.grad(discriminator(generator(latent)).sum(), latent, create_graph=second_order)
        return latent + 0.9 / (0.1 + pull.square().sum(1, keepdim=True)) * pull

    weights = {}
    for second_order in (True, False):
        generator, discriminator = networks()
        fake = generator(moved(generator, discriminator, second_order))
        update_discriminator(discriminator, updater(discriminator, 0.5), NonSaturating(), Update(0, REAL, fake))
        fake = generator(moved(generator, discriminator, second_order))
        update_generator(discriminator, updater(generator, 0.5), NonSaturating(), Update(0, REAL, fake))
        weights[second_order] = [generator[0].weight.detach(), discriminator[1].weight.detach()]
    for one, other in zip(weights[True], weights[False], strict=True):
        assert torch.isfinite(one).all()
        assert not torch.allclose(one, other)


def test_draws_depend_on_seed_purpose_place_and_process_and_on_nothing_else() -> None:
    cpu = torch.device("cpu")

    def numbers(draws: Draws, purpose: str, *place: int) -> list[float]:
        return torch.rand(4, generator=draws.of(purpose, *place)).tolist()

    torch.manual_seed(1)
    first = numbers(Draws(0, cpu), "latent", 3)
    torch.manual_seed(2)
    assert numbers(Draws(0, cpu, process=0), "latent", 3) == first
    others = [
        numbers(Draws(1, cpu), "latent", 3),
        numbers(Draws(0, cpu), "flip", 3),
        numbers(Draws(0, cpu), "latent", 4),
        numbers(Draws(0, cpu), "latent", 3, 0),
        numbers(Draws(0, cpu, process=1), "latent", 3),
        numbers(Draws(0, cpu, process=2), "latent", 3),
        numbers(Draws(0, cpu), "latent", 3, 1),
    ]
    assert len({tuple(each) for each in [first, *others]}) == 8
