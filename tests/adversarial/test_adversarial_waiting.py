"""Nothing in a training step may wait for the device to know a number: every switch, on each kind of device at hand."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from limner.adversarial.augment import AUGMENTATIONS
from limner.adversarial.losses import LOSSES
from limner.adversarial.priors import PRIORS, draw
from limner.adversarial.regularizers.penalties import (
    consistency_penalty,
    dragan_penalty,
    follow_logits,
    gradient_penalty,
    lecam_averages,
    lecam_penalty,
    orthogonal_penalty,
    r1_penalty,
)
from limner.adversarial.weights.clip import clip_gradients
from limner.adversarial.weights.spectral import apply_spectral_norm
from limner.learning.loop.average import update_average
from limner.learning.recipes.recipe import Choice

READING = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "item")


class RefuseReading(TorchDispatchMode):
    """Raises where Python asks a tensor for a number; processors have no mode of their own for that."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.overloadpacket.__name__ in READING:
            raise AssertionError(f"{function} reads a tensor in a training step")
        return function(*args, **(kwargs or {}))


@contextmanager
def no_waiting(device: str) -> Iterator[None]:
    if device == "cpu":
        with RefuseReading():
            yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


class Things:
    """A discriminator under spectral normalization, pictures, logits and a generator on a device."""

    def __init__(self, device: str) -> None:
        self.judge = nn.Sequential(
            nn.Conv2d(3, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(256, 1), nn.Flatten(0)
        )
        apply_spectral_norm(self.judge, torch.Generator().manual_seed(0))
        self.judge.to(device)
        self.average = copy.deepcopy(self.judge)
        self.draws = torch.Generator(device).manual_seed(0)
        self.image, self.fake = torch.randn(2, 6, 3, 16, 16, device=device, generator=self.draws).tanh()
        self.rgba = torch.randn(6, 4, 16, 16, device=device, generator=self.draws).requires_grad_()
        self.strength = torch.full((), 0.5, device=device)
        self.averages = lecam_averages(torch.device(device))


def augmented(name: str) -> Callable[[Things], Any]:
    augment = AUGMENTATIONS[name]()

    def use(things: Things) -> Any:
        augment(things.rgba, things.strength, things.draws).square().sum().backward()
        state = augment.begin(things.strength.device)
        for number in range(5):
            state = augment.follow(state, things.strength, number, 6)

    return use


def loss(name: str) -> Callable[[Things], Any]:
    def use(things: Things) -> Any:
        real, fake = things.judge(things.image), things.judge(things.fake)
        (LOSSES[name]().discriminator(real, fake) + LOSSES[name]().generator(fake)).backward()
        clip_gradients(things.judge.parameters(), 1.0)

    return use


def lecam(things: Things) -> None:
    real, fake = things.judge(things.image), things.judge(things.fake)
    lecam_penalty(follow_logits(things.averages, real, fake), real, fake).backward()


def consistency(things: Things) -> None:
    consistency_penalty(things.judge, things.image, things.judge(things.image), things.draws).backward()


def prior(name: str) -> Callable[[Things], Any]:
    truncation = None if name == "sphere" else 0.7  # a sphere's latents are all of one length
    return lambda it: draw(Choice(name), 4, 5, it.draws, truncation)


USES: dict[str, Callable[[Things], Any]] = {
    **{f"augment {name}": augmented(name) for name in AUGMENTATIONS},
    **{f"loss {name}": loss(name) for name in LOSSES},
    **{f"prior {name}": prior(name) for name in PRIORS},
    "gradient": lambda it: gradient_penalty(it.judge, it.image, it.fake, it.draws).backward(),
    "dragan": lambda it: dragan_penalty(it.judge, it.image, it.draws).backward(),
    "r1": lambda it: r1_penalty(it.judge, it.image).backward(),
    "lecam": lecam,
    "consistency": consistency,
    "orthogonal": lambda it: orthogonal_penalty(it.judge, "full").backward(),
    "average": lambda it: update_average(it.average, it.judge, 0.9),
}


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", USES)
def test_no_switch_waits_for_the_device(name: str, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    things = Things(device)
    with no_waiting(device), torch.autocast(device, torch.bfloat16):
        USES[name](things)


def test_the_refusal_itself_works() -> None:
    with no_waiting("cpu"), pytest.raises(AssertionError, match="reads a tensor"):
        bool(torch.ones(()) > 0)
