"""Self-attention: exact sizes, the sum over keys, against three loops, and its derivatives."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.attention import SelfAttention, Version

VERSIONS: tuple[Version, ...] = ("first", "official")


def layer(maps: int, version: Version) -> SelfAttention:
    """With gamma 1 and weights large enough that some keys matter more than others."""
    torch.manual_seed(0)
    attention = SelfAttention(maps, version).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.mul_(3)
        attention.gamma.fill_(1)
    return attention


def maps_like(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def by_loops(attention: SelfAttention, x: Tensor) -> Tensor:
    """Equations 1 to 3 of Zhang et al. with a softmax over the keys i for each query j, one position at a time."""
    query, key, value = attention.query(x), attention.pool(attention.key(x)), attention.pool(attention.value(x))
    result = torch.empty(x.shape[0], value.shape[1], *x.shape[2:], dtype=x.dtype)
    for picture in range(x.shape[0]):
        keys, values = key[picture].flatten(1).T, value[picture].flatten(1).T
        for row in range(x.shape[2]):
            for column in range(x.shape[3]):
                matches = torch.stack([one @ query[picture, :, row, column] for one in keys]).exp()
                mixed = sum(match * one for match, one in zip(matches, values, strict=True))
                result[picture, :, row, column] = mixed / matches.sum()
    return attention.gamma * attention.project(result) + x


@pytest.mark.parametrize(
    ("maps", "version", "expected"),
    [(64, "first", 5_201), (64, "official", 5_121), (128, "official", 20_481), (256, "official", 81_921)],
)
def test_both_published_versions_have_their_exact_sizes(maps: int, version: Version, expected: int) -> None:
    assert sum(parameter.numel() for parameter in SelfAttention(maps, version).parameters()) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_a_fresh_layer_is_the_identity(version: Version) -> None:
    x = maps_like(2, 16, 6, 10).float()
    assert torch.equal(SelfAttention(16, version)(x), x)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("maps", "height", "width"), [(16, 4, 6), (24, 5, 7), (3, 2, 2)])
def test_it_is_what_the_equations_say_one_position_at_a_time(
    version: Version, maps: int, height: int, width: int
) -> None:
    attention, x = layer(maps, version), maps_like(2, maps, height, width)
    assert torch.allclose(attention(x), by_loops(attention, x), rtol=1e-9, atol=1e-9)


def test_the_weights_of_each_query_sum_to_one_over_the_keys() -> None:
    attention = layer(16, "first")
    nn.init.zeros_(attention.value.weight)
    nn.init.ones_(attention.value.bias)
    x = maps_like(2, 16, 5, 7)
    assert torch.allclose(attention(x) - x, torch.ones_like(x), rtol=0, atol=1e-12)


def test_without_pooling_it_equals_torchs_fused_attention_at_scale_one() -> None:
    attention, x = layer(16, "first"), maps_like(2, 16, 5, 7)
    query, key, value = (
        conv(x).flatten(2).transpose(1, 2) for conv in (attention.query, attention.key, attention.value)
    )
    mixed = functional.scaled_dot_product_attention(query, key, value, scale=1.0)
    assert torch.allclose(attention(x) - x, mixed.transpose(1, 2).unflatten(2, (5, 7)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("version", VERSIONS)
def test_its_first_and_second_derivatives_are_right(version: Version) -> None:
    attention, x = layer(8, version), maps_like(1, 8, 2, 4).requires_grad_()
    assert torch.autograd.gradcheck(attention, (x,))
    assert torch.autograd.gradgradcheck(attention, (x,), atol=1e-4)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_flipped_picture_gives_the_flipped_answer_since_positions_have_no_names(version: Version) -> None:
    attention, x = layer(16, version), maps_like(1, 16, 4, 4)
    turned = attention(x.flip(2))  # flipped rows keep the windows of the pooling together
    assert torch.allclose(turned, attention(x).flip(2), rtol=1e-9, atol=1e-9)
