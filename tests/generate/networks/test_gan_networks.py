"""Every generator and discriminator is held to one list: shapes, ranges, live parameters, labels, refusals."""

import inspect
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.generate.networks import DISCRIMINATORS, GENERATORS, SIZES_PX
from limner.learning.recipes.recipe import options_of

SMALL = {"width": 4}
GIVEN = ("size_px", "channels", "classes")
PLAYERS = {"generator": GENERATORS, "discriminator": DISCRIMINATORS}
both = pytest.mark.parametrize(
    ("entries", "name"),
    [pytest.param(entries, name, id=f"{name}-{network}") for network, entries in PLAYERS.items() for name in entries],
)


def generator(name: str, size_px: int = 32, channels: int = 3, classes: int = 0, **options: Any) -> Any:
    torch.manual_seed(0)
    return GENERATORS[name](size_px, channels, classes, **{**SMALL, "latent": 6, **options})


def discriminator(name: str, size_px: int = 32, channels: int = 3, classes: int = 0, **options: Any) -> Any:
    torch.manual_seed(0)
    return DISCRIMINATORS[name](size_px, channels, classes, **{**SMALL, **options})


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dead(network: nn.Module) -> list[str]:
    parameters = network.named_parameters()
    return [name for name, one in parameters if one.grad is None or not one.grad.any() or not one.grad.isfinite().all()]


# --- shapes and ranges -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize(("size_px", "channels"), [(32, 1), (64, 3), (128, 4), (256, 1)])
def test_a_generator_makes_pictures_of_the_asked_size_between_minus_one_and_one(
    name: str, size_px: int, channels: int
) -> None:
    network = generator(name, size_px, channels)
    with torch.no_grad():
        image_pm1 = network(10 * numbers(2, 6))
    assert image_pm1.shape == (2, channels, size_px, size_px)
    assert image_pm1.dtype == torch.float32
    assert image_pm1.abs().max() <= 1 or name == "stylegan2"  # which ends without tanh
    assert image_pm1.std() > 0


@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize(("size_px", "channels"), [(32, 1), (64, 3), (128, 4), (256, 1)])
def test_a_discriminator_gives_one_logit_a_picture_or_place(name: str, size_px: int, channels: int) -> None:
    network = discriminator(name, size_px, channels)
    with torch.no_grad():
        logits = network(numbers(3, channels, size_px, size_px).tanh())
    if name == "projected":  # a logit for every place of its four sizes
        assert logits.ndim == 2
        logits = logits.mean(dim=1)
    assert logits.shape == (3,)
    assert logits.unique().numel() == 3


@pytest.mark.parametrize("judging", DISCRIMINATORS)
@pytest.mark.parametrize("maker", GENERATORS)
@pytest.mark.parametrize("classes", [0, 3])
def test_one_backward_through_both_reaches_every_parameter_of_both(maker: str, judging: str, classes: int) -> None:
    g, d = generator(maker, classes=classes), discriminator(judging, classes=classes)
    label = torch.tensor([0, 2, 1, 1, 0]) if classes else None
    d(g(numbers(5, 6), label), label).square().sum().backward()
    assert dead(g) == []
    assert dead(d) == []


@both
def test_a_penalty_on_gradients_reaches_the_weights_through_attention_too(entries: dict[str, Any], name: str) -> None:
    network = (generator if entries is GENERATORS else discriminator)(name, attention=8)
    given = numbers(4, 6) if entries is GENERATORS else numbers(4, 3, 32, 32).tanh()
    gradient = torch.autograd.grad(network(given.requires_grad_()).square().sum(), given, create_graph=True)[0]
    gradient.square().sum().backward()
    reached = [one.grad for one in network.parameters() if one.ndim > 1 and one.grad is not None]
    assert len(reached) == sum(one.ndim > 1 for one in network.parameters())
    assert all(one.isfinite().all() for one in reached)


@both
def test_batches_of_one_can_be_looked_at_and_channels_last_changes_no_more_than_rounding(
    entries: dict[str, Any], name: str
) -> None:
    network = (generator if entries is GENERATORS else discriminator)(name).eval()
    given = numbers(1, 6) if entries is GENERATORS else numbers(1, 3, 32, 32).tanh()
    with torch.no_grad():
        expected = network(given)
        network = network.to(memory_format=torch.channels_last)
        given = given if given.ndim == 2 else given.to(memory_format=torch.channels_last)
        assert torch.allclose(network(given), expected, atol=1e-5)


@both
def test_bfloat16_autocast_trains_and_pictures_stay_float32(entries: dict[str, Any], name: str) -> None:
    network = (generator if entries is GENERATORS else discriminator)(name)
    given = numbers(4, 6) if entries is GENERATORS else numbers(4, 3, 32, 32).tanh()
    with torch.autocast("cpu", torch.bfloat16):
        result = network(given)
    assert result.dtype == torch.float32 or entries is DISCRIMINATORS
    result.float().square().sum().backward()
    assert dead(network) == []


@both
def test_the_same_seed_gives_the_same_network_and_the_same_answer(entries: dict[str, Any], name: str) -> None:
    make = generator if entries is GENERATORS else discriminator
    given = numbers(4, 6) if entries is GENERATORS else numbers(4, 3, 32, 32).tanh()
    assert torch.equal(make(name)(given), make(name)(given))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@both
def test_no_network_waits_for_the_device_in_a_training_step(entries: dict[str, Any], name: str) -> None:
    network = (generator if entries is GENERATORS else discriminator)(name, classes=3, attention=8).cuda()
    given = (numbers(4, 6) if entries is GENERATORS else numbers(4, 3, 32, 32).tanh()).cuda()
    label = torch.tensor([0, 1, 2, 0]).cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.autocast("cuda", torch.bfloat16):
            result = network(given, label)
        result.float().square().sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["concatenate", "batch-norm"])
@pytest.mark.parametrize("name", GENERATORS)
def test_labels_change_what_a_generator_makes(name: str, condition: str) -> None:
    if condition not in get_args(options_of(GENERATORS[name], GIVEN)["condition"].annotation):
        pytest.skip(f"{name} takes labels another way")
    network = generator(name, classes=3, condition=condition)
    for key, parameter in network.named_parameters():
        if key.endswith(("gains", "shifts")):  # the same for all classes at the start
            nn.init.normal_(parameter, 1)
    network.eval()
    latent = numbers(1, 6).expand(3, -1)
    with torch.no_grad():
        one, two, three = network(latent, torch.tensor([0, 1, 2]))
        again = network(latent, torch.tensor([2, 1, 0]))
    assert not torch.allclose(one, two, atol=1e-4)
    assert not torch.allclose(two, three, atol=1e-4)
    assert torch.allclose(again[0], three, atol=1e-6)


@pytest.mark.parametrize("condition", ["concatenate", "projection"])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_labels_change_what_a_discriminator_says(name: str, condition: str) -> None:
    network = discriminator(name, classes=3, condition=condition).eval()
    image_pm1 = numbers(1, 3, 32, 32).tanh().expand(3, -1, -1, -1)
    with torch.no_grad():
        logits = network(image_pm1, torch.tensor([0, 1, 2]))
        again = network(image_pm1, torch.tensor([2, 1, 0]))
    assert logits.reshape(3, -1).mean(dim=1).unique().numel() == 3
    assert torch.allclose(again.flip(0), logits, atol=1e-6)


@both
def test_labels_that_are_missing_useless_or_of_another_kind_are_refused(entries: dict[str, Any], name: str) -> None:
    make = generator if entries is GENERATORS else discriminator
    given = numbers(2, 6) if entries is GENERATORS else numbers(2, 3, 32, 32).tanh()
    with pytest.raises(UserError, match="made for 3 classes and got no label"):
        make(name, classes=3)(given)
    with pytest.raises(UserError, match="made without classes and got labels"):
        make(name)(given, torch.tensor([0, 1]))
    with pytest.raises(UserError, match=r"labels of shape \(3,\) and type torch.int64; it needs \(2,\) int64"):
        make(name, classes=3)(given, torch.tensor([0, 1, 2]))
    with pytest.raises(UserError, match=r"type torch.float32; it needs \(2,\) int64"):
        make(name, classes=3)(given, torch.tensor([0.0, 1.0]))


# --- refusals --------------------------------------------------------------------------------------------------------


@both
def test_sizes_and_options_that_mean_nothing_are_refused(entries: dict[str, Any], name: str) -> None:
    make = generator if entries is GENERATORS else discriminator
    with pytest.raises(UserError, match="size_px is 48; the networks make pictures of 32, 64, 128, 256 px"):
        make(name, size_px=48)
    with pytest.raises(UserError, match="channels is 0; needed: 1 or more"):
        make(name, channels=0)
    with pytest.raises(UserError, match="classes is -1; needed: 0 or more"):
        make(name, classes=-1)
    with pytest.raises(UserError, match="width is 0; needed: 1 or more"):
        make(name, width=0)
    with pytest.raises(UserError, match="attention is 12, but no maps are 12 px wide; choose 0"):
        make(name, attention=12)
    with pytest.raises(UserError, match="attention_version is 'new'; choose one of first, official"):
        make(name, attention_version="new")
    with pytest.raises(UserError, match="is 'magic'; choose one of concatenate"):
        make(name, condition="magic")


@pytest.mark.parametrize("name", GENERATORS)
def test_a_latent_of_another_length_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"latents of shape \(2, 7\); it needs \(B, 6\)"):
        generator(name)(numbers(2, 7))


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_picture_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"shape \(2, 1, 32, 32\); it needs \(B, 3, 32, 32\)"):
        discriminator(name)(numbers(2, 1, 32, 32))


# --- attention and options -------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("version", ["first", "official"])
def test_attention_stands_at_any_size_of_maps_and_changes_nothing_at_first(
    entries: dict[str, Any], name: str, version: str
) -> None:
    make = generator if entries is GENERATORS else discriminator
    given = numbers(2, 6) if entries is GENERATORS else numbers(2, 3, 64, 64).tanh()
    plain = make(name, 64).eval()
    for side_px in (4, 8, 16) if name == "projected" else (8, 16, 32):
        network = make(name, 64, attention=side_px, attention_version=version).eval()
        gained = [key for key in network.state_dict() if key.endswith("gamma")]
        assert len(gained) == 1
        network.load_state_dict(plain.state_dict(), strict=False)
        with torch.no_grad():
            assert torch.allclose(network(given), plain(given), atol=1e-5)
            network.state_dict()[gained[0]].fill_(1)
            assert not torch.allclose(network(given), plain(given), atol=1e-5)
        network(given).square().sum().backward()
        assert [key for key in dead(network) if key.startswith("attend")] == []


@both
def test_a_recipe_can_read_every_option_from_the_signature(entries: dict[str, Any], name: str) -> None:
    assert list(inspect.signature(entries[name]).parameters)[:3] == list(GIVEN)
    options = options_of(entries[name], GIVEN)
    assert {"width", "attention", "attention_version", "condition"} <= set(options)
    for option in options.values():
        kind = option.annotation
        assert isinstance(option.default, str if get_args(kind) else kind)
        assert not get_args(kind) or option.default in get_args(kind)


@both
def test_the_docstring_begins_with_one_sentence_for_the_list_of_networks(entries: dict[str, Any], name: str) -> None:
    first = (entries[name].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert 20 < len(first) < 110


def test_the_sizes_are_the_four_that_the_recipes_offer() -> None:
    assert SIZES_PX == (32, 64, 128, 256)
