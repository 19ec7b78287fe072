"""Depthwise convolutions whose gradients are taken in float32 answer as before and learn the same."""

import copy
import io

import pytest
import timm
import torch
from torch import Tensor, nn

from limner.nn.depthwise import quicken_depthwise


@pytest.fixture(scope="module")
def pair() -> tuple[nn.Module, nn.Module]:
    """EfficientNet-Lite0's features as timm makes them, and the same quickened."""
    torch.manual_seed(0)
    plain = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(2, 4)).eval()
    quick = copy.deepcopy(plain)
    quicken_depthwise(quick)
    return plain, quick


def under_autocast(network: nn.Module, picture: Tensor) -> list[Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        found: list[Tensor] = network(picture)
    return found


def test_some_are_changed_and_no_weight_is(pair: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = pair
    changed = [name for name, module in quick.named_modules() if type(module) is not type(plain.get_submodule(name))]
    depthwise = {name: module for name, module in plain.named_modules() if getattr(module, "groups", 1) > 1}
    slow = [name for name, module in depthwise.items() if module.kernel_size != (3, 3) or module.stride != (1, 1)]
    assert changed == slow and (len(slow), len(depthwise)) == (11, 16)
    assert plain.state_dict().keys() == quick.state_dict().keys()


def test_without_gradients_the_answers_are_the_same_bits(pair: tuple[nn.Module, nn.Module]) -> None:
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for one, other in zip(under_autocast(pair[0], picture), under_autocast(pair[1], picture), strict=True):
            assert torch.equal(one, other)


def test_gradients_are_nearer_to_those_of_float32() -> None:
    torch.manual_seed(1)
    plain = nn.Conv2d(32, 32, 5, padding=2, groups=32)
    quick = copy.deepcopy(plain)
    quicken_depthwise(quick)
    picture, slope = torch.randn(2, 32, 24, 24), torch.randn(2, 32, 24, 24)

    def gradient(network: nn.Conv2d, bf16: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            answer = network(picture)
        assert answer.dtype == (torch.bfloat16 if bf16 else torch.float32)
        (found,) = torch.autograd.grad((answer.float() * slope).sum(), network.weight)
        return found

    exact = gradient(plain, bf16=False)
    assert torch.equal(gradient(quick, bf16=False), exact)
    assert (gradient(quick, bf16=True) - exact).norm() < 0.01 * exact.norm()


def test_networks_can_still_be_copied_and_pickled(pair: tuple[nn.Module, nn.Module]) -> None:
    file = io.BytesIO()
    torch.save(pair[1], file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = pair[1](picture)
        for other in (again, copy.deepcopy(pair[1])):
            assert all(torch.equal(one, two) for one, two in zip(other(picture), wanted, strict=True))
