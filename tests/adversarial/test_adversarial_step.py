"""One round of the game against the same written out by hand, and the room it leaves for what comes later."""

import copy
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from limner.adversarial.step import Game, Player, Sample, Turn, play_round
from limner.foundation.draws import Draws
from limner.learning.training import LoopSettings, make_fabric


class NonSaturating:
    """Goodfellow et al. 2014."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor) -> Tensor:
        return softplus(-fake_logits).mean()


REAL = torch.randn(5, 1, 2, 3, generator=torch.Generator().manual_seed(3))


def networks() -> tuple[nn.Module, nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (
            nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Unflatten(1, (1, 2, 3))),
            nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0)),
        )


def latents(count: int, side: str, number: int) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(100 + number + 1000 * (side == "generator")))


def make_game(generator: nn.Module, discriminator: nn.Module, **changes: Any) -> Game:
    rules: dict[str, Any] = {
        "fabric": make_fabric(LoopSettings(precision="fp32")),
        "generator": Player(generator, torch.optim.SGD(generator.parameters(), 0.1)),
        "discriminator": Player(discriminator, torch.optim.SGD(discriminator.parameters(), 0.2)),
        "loss": NonSaturating(),
        "real": lambda batch, number: Sample(batch),
        "latent": latents,
        "imagine": lambda latent, label: Sample(generator(latent), label),
        "judge": lambda sample: discriminator(sample.image),
        "augment": lambda sample, side, number: sample,
        "after": lambda index, turn: None,
    }
    return Game(**{**rules, **changes})


def by_hand(generator: nn.Module, discriminator: nn.Module, steps: int, fresh: bool, rounds: int) -> None:
    """What `play_round` promises, written out."""
    makers, judges = list(generator.parameters()), list(discriminator.parameters())
    for index in range(rounds):
        for turn in range(steps):
            fake = generator(latents(len(REAL), "fake", index * steps + turn))
            loss = softplus(-discriminator(REAL)).mean() + softplus(discriminator(fake.detach())).mean()
            gradients = torch.autograd.grad(loss, judges)
            with torch.no_grad():
                for weight, gradient in zip(judges, gradients, strict=True):
                    weight -= 0.2 * gradient
        if fresh:
            fake = generator(latents(len(REAL), "generator", index))
        gradients = torch.autograd.grad(softplus(-discriminator(fake)).mean(), makers)
        with torch.no_grad():
            for weight, gradient in zip(makers, gradients, strict=True):
                weight -= 0.1 * gradient


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("fresh", [False, True])
def test_rounds_equal_the_same_written_out(steps: int, together: bool, fresh: bool) -> None:
    ours, theirs = networks(), networks()
    game = make_game(*ours, discriminator_steps=steps, together=together, fresh=fresh)
    for index in range(4):
        values = play_round(game, repeat(REAL), index)
        assert set(values) == {"discriminator_loss", "generator_loss", "real_sign"}
        assert not any(value.requires_grad for value in values.values())
    by_hand(*theirs, steps, fresh, 4)
    for our, their in zip(ours, theirs, strict=True):
        for name, weight in our.state_dict().items():
            torch.testing.assert_close(weight, their.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_a_round_draws_a_batch_and_makes_pictures_once_for_each_update_of_the_discriminator() -> None:
    generator, discriminator = networks()
    made: list[int] = []

    def imagine(latent: Tensor, label: Tensor | None) -> Sample:
        made.append(torch.is_grad_enabled())
        return Sample(generator(latent), label)

    drawn: list[int] = []

    def batches() -> Iterator[Tensor]:
        while True:
            drawn.append(1)
            yield REAL

    play_round(make_game(generator, discriminator, discriminator_steps=3, imagine=imagine), batches(), 0)
    assert len(drawn) == 3
    assert made == [False, False, True]  # only the last fakes teach the generator


def test_a_player_that_moves_leaves_no_gradient_with_the_other() -> None:
    generator, discriminator = networks()
    game = make_game(generator, discriminator)
    before = copy.deepcopy(generator.state_dict())
    game.discriminator.move(game.fabric, game.judge(game.imagine(latents(5, "fake", 0), None)).sum())
    assert all(weight.grad is None for weight in generator.parameters())
    game.discriminator.optimizer.zero_grad()
    game.generator.move(game.fabric, game.judge(game.imagine(latents(5, "fake", 0), None)).sum())
    assert all(weight.grad is None for weight in discriminator.parameters())
    assert not torch.equal(before["0.weight"], generator.state_dict()["0.weight"])


def test_gradients_are_clipped_before_the_step() -> None:
    _, discriminator = networks()
    player = Player(discriminator, torch.optim.SGD(discriminator.parameters(), 1.0), clip=0.01)
    before = torch.cat([weight.detach().flatten().clone() for weight in discriminator.parameters()])
    player.move(make_fabric(LoopSettings(precision="fp32")), 100 * discriminator(REAL).sum())
    after = torch.cat([weight.detach().flatten() for weight in discriminator.parameters()])
    assert float((after - before).norm()) == pytest.approx(0.01, rel=1e-3)


def test_terms_are_added_to_the_loss_of_their_player_and_logged_under_their_names() -> None:
    seen: list[Turn] = []

    def term(turn: Turn) -> Tensor:
        seen.append(turn)
        return torch.tensor(2.0)

    values = play_round(
        make_game(*networks(), discriminator_terms={"two": term}, generator_terms={"three": lambda: torch.tensor(3.0)}),
        repeat(REAL), 7,
    )  # fmt: skip
    plain = play_round(make_game(*networks()), repeat(REAL), 7)
    assert float(values["discriminator_loss"] - plain["discriminator_loss"]) == pytest.approx(2, abs=1e-5)
    assert float(values["generator_loss"] - plain["generator_loss"]) == pytest.approx(3, abs=1e-5)
    assert (float(values["two"]), float(values["three"])) == (2, 3)
    (turn,) = seen
    assert turn.number == 7
    assert turn.real.image is REAL
    assert not turn.fake.image.requires_grad
    assert turn.real_logits.shape == turn.fake_logits.shape == (5,)


def test_real_sign_is_the_mean_sign_of_the_logits_of_real_pictures() -> None:
    generator, _ = networks()
    weight = nn.Parameter(torch.ones(()))
    discriminator = nn.Module()
    discriminator.weight = weight
    game = make_game(generator, discriminator, judge=lambda sample: weight * sample.image.sum((1, 2, 3)))
    expected = float(REAL.sum((1, 2, 3)).sign().mean())
    assert float(play_round(game, repeat(REAL), 0)["real_sign"]) == pytest.approx(expected)


def test_each_side_is_augmented_apart_and_the_generator_is_told_through_an_augmentation_too() -> None:
    sides: list[tuple[str, int]] = []

    def augment(sample: Sample, side: str, number: int) -> Sample:
        sides.append((side, number))
        return Sample(sample.image * 2, sample.label)

    play_round(make_game(*networks(), augment=augment, discriminator_steps=2), repeat(REAL), 5)
    assert sides == [("real", 10), ("fake", 10), ("real", 11), ("fake", 11), ("generator", 5)]


def test_labels_of_the_real_pictures_are_those_of_the_made_ones() -> None:
    label = torch.tensor([0, 1, 1, 0, 2])
    asked: list[Tensor | None] = []
    generator, discriminator = networks()

    def judge(sample: Sample) -> Tensor:
        asked.append(sample.label)
        return discriminator(sample.image)

    game = make_game(generator, discriminator, real=lambda batch, number: Sample(batch, label), judge=judge)
    play_round(game, repeat(REAL), 0)
    game.together = True
    play_round(game, repeat(REAL), 1)
    assert [None if each is None else each.tolist() for each in asked] == [
        label.tolist(), label.tolist(), label.tolist(), label.tolist() * 2, label.tolist(),
    ]  # fmt: skip


def test_a_method_that_moves_latents_first_needs_no_more_than_its_own_imagine() -> None:
    generator, discriminator = networks()

    def imagine(latent: Tensor, label: Tensor | None) -> Sample:
        with torch.enable_grad():
            latent = latent.requires_grad_(True)
            (slope,) = torch.autograd.grad(discriminator(generator(latent)).sum(), latent, create_graph=True)
        return Sample(generator(latent + 0.9 * slope / (5 + slope.square().sum(1, keepdim=True))), label)

    weights = discriminator[1].weight.detach().clone()
    values = play_round(make_game(generator, discriminator, imagine=imagine, fresh=True), repeat(REAL), 0)
    assert all(torch.isfinite(value) for value in values.values())
    assert not torch.equal(weights, discriminator[1].weight)


def test_draws_depend_on_seed_purpose_and_place_and_on_nothing_else() -> None:
    def numbers(seed: int, purpose: str, *place: int) -> Callable[[], list[float]]:
        return torch.rand(4, generator=Draws(seed, torch.device("cpu")).of(purpose, *place)).tolist

    torch.manual_seed(1)
    first = numbers(0, "latent", 3)()
    torch.manual_seed(2)
    assert numbers(0, "latent", 3)() == first
    others = [numbers(1, "latent", 3), numbers(0, "flip", 3), numbers(0, "latent", 4), numbers(0, "latent", 3, 0)]
    assert all(other() != first for other in others)
