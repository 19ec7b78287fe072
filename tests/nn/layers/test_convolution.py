"""Convolution against loops in float64, against scipy, and the lecture's own claims."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import signal as scipy_signal
from torch import Tensor

from limner.nn.layers.convolution import Convolution, connections, convolve, output_size


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_loops(signal: Tensor, kernel: Tensor, border: str, stride: int, dilation: int, flip: bool) -> Tensor:
    """The definition, value by value: reads beyond the signal are 0."""
    size, window = signal.shape[2:], kernel.shape[2:]
    reach = [(each - 1) * dilation for each in window]
    start = {"valid": [0 for _ in reach], "same": [-(each // 2) for each in reach], "full": [-each for each in reach]}[
        border
    ]
    places = [output_size(n, k, border, stride, dilation) for n, k in zip(size, window, strict=True)]
    found = torch.zeros(len(signal), len(kernel), *places, dtype=torch.float64)
    for batch, out, *at in product(*map(range, found.shape)):
        total = 0.0
        for channel, *tap in product(range(signal.shape[1]), *map(range, window)):
            read = [first + s * stride + t * dilation for first, s, t in zip(start, at, tap, strict=True)]
            if all(0 <= place < n for place, n in zip(read, size, strict=True)):
                weight = [k - 1 - t for k, t in zip(window, tap, strict=True)] if flip else tap
                total += float(signal[(batch, channel, *read)] * kernel[(out, channel, *weight)])
        found[(batch, out, *at)] = total
    return found


@pytest.mark.parametrize("border", ["valid", "same", "full"])
@pytest.mark.parametrize(
    ("size", "window", "stride", "dilation", "flip"),
    [
        ((9,), (4,), 2, 1, True),
        ((7, 6), (3, 2), 1, 2, False),
        ((6, 7), (3, 3), 2, 1, True),
        ((4, 5, 4), (2, 3, 2), 1, 1, False),
    ],
)
def test_it_is_what_the_definition_says(border, size, window, stride, dilation, flip) -> None:
    signal, kernel, bias = draw(2, 3, *size), draw(4, 3, *window, seed=1), draw(4, seed=2)
    found = convolve(signal, kernel, bias, border=border, stride=stride, dilation=dilation, flip=flip)
    shaped = bias.view(1, -1, *[1] * len(size))
    assert torch.allclose(found, by_loops(signal, kernel, border, stride, dilation, flip) + shaped, atol=1e-12)


@pytest.mark.parametrize("border", ["valid", "same", "full"])
def test_it_agrees_with_scipy(border: str) -> None:
    picture, kernel = draw(33, 47), draw(5, 3, seed=1)
    for flip, peer in ((True, scipy_signal.convolve2d), (False, scipy_signal.correlate2d)):
        found = convolve(picture[None, None], kernel[None, None], border=border, flip=flip)[0, 0]
        assert np.allclose(found.numpy(), peer(picture.numpy(), kernel.numpy(), mode=border), atol=1e-12)


def test_only_the_flipped_one_commutes() -> None:
    """The lecture says that convolution commutes "when channels match"; correlation does not."""
    one, other = draw(1, 1, 6, 6), draw(1, 1, 3, 4, seed=1)
    for flip, commutes in ((True, True), (False, False)):
        there, back = convolve(one, other, border="full", flip=flip), convolve(other, one, border="full", flip=flip)
        assert torch.allclose(there, back, atol=1e-12) == commutes


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_the_layer_takes_odd_sizes_and_any_channels(channels: int) -> None:
    layer = Convolution(channels, 5, 3, border="same", stride=2)
    assert layer(torch.randn(1, channels, 33, 47)).shape == (1, 5, 17, 24)
    assert sum(each.numel() for each in layer.parameters()) == 5 * (channels * 9 + 1)


@pytest.mark.parametrize(("dimensions", "shape"), [(1, (20,)), (2, (6, 7)), (3, (5, 4, 6))])
def test_gradients_are_right_in_each_dimension(dimensions: int, shape: tuple[int, ...]) -> None:
    layer = Convolution(2, 3, 3, dimensions, border="full", flip=True, dilation=1).double()
    assert torch.autograd.gradcheck(layer, (draw(1, 2, *shape).requires_grad_(),))


def test_the_lectures_formulas_of_the_gradients_hold() -> None:
    """Goodfellow, Bengio and Courville 2016, eqs. 9.11 and 9.13, with places counted from 0 and stride s:

    dJ/dK[o, c, m, n] = sum over i, j of G[o, i, j] V[c, s i + m, s j + n]
    dJ/dV[c, i, j] = sum over l, m with s l + m = i, over n, p with s n + p = j, over o of K[o, c, m, p] G[o, l, n]
    """
    stride = 2
    signal, kernel = draw(1, 2, 7, 9).requires_grad_(), draw(3, 2, 3, 3, seed=1).requires_grad_()
    found = convolve(signal, kernel, stride=stride)
    upstream = draw(*found.shape, seed=2)
    found.backward(upstream)
    of_kernel, of_signal = torch.zeros_like(kernel), torch.zeros_like(signal)
    for out, row, column in product(*map(range, found.shape[1:])):
        for channel, m, n in product(range(2), range(3), range(3)):
            slope = upstream[0, out, row, column]
            of_kernel[out, channel, m, n] += slope * signal[0, channel, stride * row + m, stride * column + n]
            of_signal[0, channel, stride * row + m, stride * column + n] += kernel[out, channel, m, n] * slope
    assert torch.allclose(kernel.grad, of_kernel, atol=1e-12)
    assert torch.allclose(signal.grad, of_signal, atol=1e-12)


def test_a_stride_keeps_every_other_output() -> None:
    signal, kernel = draw(1, 2, 11, 12), draw(3, 2, 3, 3, seed=1)
    for border in ("valid", "same", "full"):
        strided, whole = (convolve(signal, kernel, border=border, stride=stride) for stride in (2, 1))
        assert torch.allclose(strided, whole[:, :, ::2, ::2], atol=1e-12)


def test_shifts_pass_through_it_but_rotations_do_not() -> None:
    picture, kernel = draw(1, 1, 12, 12), draw(1, 1, 3, 3, seed=1)
    around = torch.nn.functional.pad(picture, (1, 1, 1, 1), mode="circular")
    shifted = torch.nn.functional.pad(picture.roll((2, 3), (2, 3)), (1, 1, 1, 1), mode="circular")
    assert torch.allclose(convolve(around, kernel).roll((2, 3), (2, 3)), convolve(shifted, kernel), atol=1e-12)
    turned = convolve(around.rot90(dims=(2, 3)), kernel)
    assert (turned - convolve(around, kernel).rot90(dims=(2, 3))).abs().max() > 0.1


def test_the_books_four_numbers_of_finding_edges() -> None:
    """Figure 9.6 (Goodfellow, Bengio and Courville 2016): 320 x 280 pixels minus their left neighbors."""
    height, width = 280, 320
    places = output_size(width, 2) * height
    assert places * 3 == 267_960  # two multiplications and an addition at each
    dense = width * height * places
    assert dense == 320 * 280 * 319 * 280 and round(dense / 1e9, 1) == 8.0
    assert 2 * places == 178_640  # entries of the sparse matrix
    assert round(2 * dense / (3 * places)) == 59_733  # times as efficient as the dense matrix
    picture = draw(1, 1, height, width)
    edges = convolve(picture, torch.tensor([[[[-1.0, 1.0]]]], dtype=torch.float64))
    assert torch.equal(edges, picture[..., 1:] - picture[..., :-1]) and edges.numel() == places


def test_the_less_is_shared_the_more_there_is_to_learn() -> None:
    counts = connections(3, 8, (32, 32), 5, tiling=2)
    assert list(counts) == ["dense", "local", "tiled", "convolution"]
    assert sorted(counts.values(), reverse=True) == list(counts.values())
    assert counts["convolution"] == 8 * (3 * 25 + 1)
    assert connections(3, 8, (32, 32), 5, tiling=1)["tiled"] == counts["convolution"]
    assert connections(3, 8, (32, 32), 5, tiling=40)["tiled"] == counts["local"]


@pytest.mark.parametrize(
    ("signal", "kernel", "words"),
    [
        ((1, 2, 8, 8), (4, 3, 3, 3), "2 channels, the kernels read 3"),
        ((1, 3, 4, 4), (4, 3, 5, 5), "do not fit"),
        ((3, 8, 8), (4, 3, 3, 3), "needed: (B, I, ...)"),
    ],
)
def test_what_does_not_fit_is_told(signal, kernel, words) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        convolve(torch.zeros(signal), torch.zeros(kernel))
