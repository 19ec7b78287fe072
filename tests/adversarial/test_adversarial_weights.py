"""What is said of weights: initializations, spectral normalization, orthogonal regularization."""

import copy
from math import sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from limner.adversarial.regularizers.orthogonal import orthogonal_penalty
from limner.adversarial.weights.initialize import INITIALIZATIONS
from limner.adversarial.weights.layers import as_matrix, learned_weight, mixing_layers, output_axis
from limner.adversarial.weights.spectral import apply_spectral_norm, await_spectral_norm
from limner.nn.attention import SelfAttention


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network() -> nn.Sequential:
    """Layers of every kind; taller and wider than square."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.ConvTranspose2d(20, 12, 4, 1, 0, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
            nn.ConvTranspose2d(12, 16, 4, 2, 1), nn.BatchNorm2d(16, affine=False), SelfAttention(16),
            nn.Conv2d(16, 40, 1), nn.Conv2d(40, 8, 3), nn.Flatten(), nn.Linear(288, 5), nn.Linear(5, 9),
        )  # fmt: skip


def matrices(net: nn.Module) -> list[Tensor]:
    return [as_matrix(layer.weight.detach(), output_axis(layer)) for layer in mixing_layers(net)]  # type: ignore[arg-type]


def test_layers_are_matrices_with_a_row_for_each_output() -> None:
    outputs = [12, 16, 2, 2, 8, 16, 40, 8, 5, 9]
    assert [len(matrix) for matrix in matrices(network())] == outputs


# --- initializations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_initializations_draw_from_their_generator_only_and_zero_all_biases(name: str) -> None:
    first, again, other = network(), network(), network()
    state = torch.get_rng_state()
    for net, seed in ((first, 0), (again, 0), (other, 1)):
        INITIALIZATIONS[name](net, draws(seed))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(mine, yours) for mine, yours in zip(matrices(first), matrices(again), strict=True))
    assert not any(torch.equal(mine, yours) for mine, yours in zip(matrices(first), matrices(other), strict=True))
    assert all((layer.bias == 0).all() for layer in first.modules() if getattr(layer, "bias", None) is not None)
    assert first[5].gamma == 0


def test_normal_begins_as_the_dcgan_does() -> None:
    net = nn.Sequential(nn.Conv2d(40, 60, 5), nn.BatchNorm2d(5000), nn.Linear(200, 300))
    INITIALIZATIONS["normal"](net, draws())
    for weight, mean in ((net[0].weight, 0), (net[1].weight, 1), (net[2].weight, 0)):
        assert float(weight.mean()) == pytest.approx(mean, abs=0.001)
        assert float(weight.std()) == pytest.approx(0.02, rel=0.03)


def test_xavier_keeps_its_bounds_for_both_kinds_of_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(30, 50, 3), nn.ConvTranspose2d(30, 50, 3))
    INITIALIZATIONS["xavier"](net, draws())
    bound = sqrt(6 / ((30 + 50) * 9))
    for layer in net:
        assert 0.99 * bound < float(layer.weight.abs().max()) <= bound


def test_orthogonal_begins_with_orthonormal_rows_or_columns_of_outputs_by_inputs() -> None:
    net = network()
    INITIALIZATIONS["orthogonal"](net, draws())
    for matrix in matrices(net):
        wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        torch.testing.assert_close(wide @ wide.T, torch.eye(len(wide)), atol=1e-5, rtol=0)


def test_a_normalized_network_is_not_initialized_where_nothing_would_come_of_it() -> None:
    net = network()
    apply_spectral_norm(net, draws())
    for initialize in INITIALIZATIONS.values():
        with pytest.raises(ValueError, match="initialize before"):
            initialize(net, draws())


# --- spectral normalization ------------------------------------------------------------------------------------------


def largest(net: nn.Module) -> list[float]:
    return [float(torch.linalg.matrix_norm(matrix.double(), 2)) for matrix in matrices(net)]


def run(net: nn.Module, times: int) -> None:
    for _ in range(times):
        net(torch.randn(2, 20, 1, 1, generator=draws(5)))


def test_the_largest_singular_value_of_every_layer_converges_to_one() -> None:
    net = network()
    apply_spectral_norm(net, draws())
    run(net.train(), 300)
    assert largest(net.eval()) == pytest.approx([1] * 10, abs=1e-3)


def test_the_largest_singular_value_stays_one_under_bfloat16_autocast() -> None:
    net = network()
    apply_spectral_norm(net, draws())
    with torch.autocast("cpu", torch.bfloat16):
        run(net.train(), 300)
        net.eval()
        assert net[6].weight.dtype == torch.float32
        assert largest(net) == pytest.approx([1] * 10, abs=1e-3)


def test_only_attention_is_normalized_where_only_attention_is_meant() -> None:
    net, before = network(), largest(network())
    apply_spectral_norm(net, draws(), within=(SelfAttention,))
    run(net.train(), 300)
    for place, value in enumerate(largest(net.eval())):
        assert value == pytest.approx(1 if 2 <= place <= 5 else before[place], abs=1e-3)


def test_singular_vectors_move_in_training_and_rest_in_evaluation() -> None:
    net = network()
    apply_spectral_norm(net, draws())

    def vectors() -> list[Tensor]:
        return [buffer.clone() for name, buffer in net.named_buffers() if name.endswith(("_u", "_v"))]

    before = vectors()
    run(net.eval(), 2)
    assert all(torch.equal(*pair) for pair in zip(before, vectors(), strict=True))
    run(net.train(), 1)
    assert not all(torch.equal(*pair) for pair in zip(before, vectors(), strict=True))


def test_a_normalized_network_goes_on_bit_for_bit_from_its_state() -> None:
    def learn(net: nn.Module, steps: range) -> None:
        for step in steps:
            out = net(torch.randn(4, 20, 1, 1, generator=draws(step)))
            net.zero_grad()
            out.square().mean().backward()
            with torch.no_grad():
                for weight in net.parameters():
                    weight -= 0.1 * (0 if weight.grad is None else weight.grad)

    straight, stopped, resumed = network(), network(), network()
    for net, seed in ((straight, 0), (stopped, 0), (resumed, 7)):
        apply_spectral_norm(net, draws(seed))
    learn(straight, range(6))
    learn(stopped, range(3))
    resumed.load_state_dict(copy.deepcopy(stopped.state_dict()))
    learn(resumed, range(3, 6))
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_two_uses_before_one_backward_and_second_derivatives_both_work() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(36, 1))
    apply_spectral_norm(net, draws())
    image = torch.randn(2, 3, 5, 5, generator=draws(), requires_grad=True)
    (slope,) = torch.autograd.grad(net(image).sum(), image, create_graph=True)
    (net(image).mean() - net(-image).mean() + slope.square().sum()).backward()
    assert all(torch.isfinite(weight.grad).all() for weight in net.parameters() if weight.grad is not None)
    assert float(learned_weight(net[0]).grad.abs().sum()) > 0


def test_the_state_is_that_of_torchs_own_spectral_normalization() -> None:
    for layer in (nn.Conv2d(3, 5, 3), nn.ConvTranspose2d(3, 5, 3), nn.Linear(4, 6), nn.Embedding(4, 6)):
        ours, theirs = nn.Sequential(copy.deepcopy(layer)), nn.Sequential(copy.deepcopy(layer))
        apply_spectral_norm(ours, draws())
        spectral_norm(theirs[0])
        theirs.load_state_dict(ours.state_dict())
        torch.testing.assert_close(ours.train()[0].weight, theirs.train()[0].weight)
        torch.testing.assert_close(ours.eval()[0].weight, theirs.eval()[0].weight)


def test_a_network_that_waits_for_its_weights_is_normalized_like_the_one_that_kept_them() -> None:
    kept, waiting = network(), network()
    apply_spectral_norm(kept, draws())
    state, names = torch.get_rng_state(), [name for name, layer in kept.named_modules() if is_parametrized(layer)]
    await_spectral_norm(waiting, names)
    assert torch.equal(state, torch.get_rng_state())  # nothing is drawn
    waiting.load_state_dict(kept.state_dict())
    for one, other in zip(kept.modules(), waiting.modules(), strict=True):
        assert is_parametrized(one) == is_parametrized(other)
    for name in names:
        assert torch.equal(kept.eval().get_submodule(name).weight, waiting.eval().get_submodule(name).weight)


def test_a_layer_that_cannot_be_normalized_is_refused() -> None:
    with pytest.raises(ValueError, match="0 cannot be under spectral normalization"):
        await_spectral_norm(nn.Sequential(nn.BatchNorm2d(3)), ["0"])


def test_first_singular_vectors_come_from_the_given_generator() -> None:
    first, again = network(), network()
    state = torch.get_rng_state()
    apply_spectral_norm(first, draws())
    apply_spectral_norm(again, draws())
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(*pair) for pair in zip(first.buffers(), again.buffers(), strict=True))


def test_a_copy_of_a_normalized_network_is_a_network_of_its_own() -> None:
    net = network()
    apply_spectral_norm(net, draws())
    twin = copy.deepcopy(net)
    before = twin[6].parametrizations.weight.original.clone()
    with torch.no_grad():
        learned_weight(net[6]).add_(1)
    assert torch.equal(learned_weight(twin[6]), before)


# --- orthogonal regularization ---------------------------------------------------------------------------------------


def test_the_relaxed_forms_gradient_has_the_factor_four() -> None:
    net = nn.Sequential(nn.Conv2d(3, 5, 2), nn.ConvTranspose2d(4, 6, 3)).double()
    orthogonal_penalty(net, "relaxed").backward()
    for layer in net:
        matrix = as_matrix(layer.weight.detach(), output_axis(layer))
        expected = 4 * ((matrix @ matrix.T) * (1 - torch.eye(len(matrix)))) @ matrix
        torch.testing.assert_close(as_matrix(layer.weight.grad, output_axis(layer)), expected)


def test_the_full_form_is_the_sum_of_absolute_differences_from_the_identity() -> None:
    net = network()
    expected = sum(float((each @ each.T - torch.eye(len(each))).abs().sum()) for each in matrices(net))
    assert float(orthogonal_penalty(net, "full")) == pytest.approx(expected, rel=1e-5)


def test_orthonormal_rows_cost_nothing_and_longer_ones_only_in_the_full_form() -> None:
    net = nn.Sequential(nn.Conv2d(6, 7, 3), nn.ConvTranspose2d(6, 7, 3))
    INITIALIZATIONS["orthogonal"](net, draws())
    assert float(orthogonal_penalty(net, "full")) == pytest.approx(0, abs=1e-3)
    with torch.no_grad():
        for layer in net:
            layer.weight *= 2
    assert float(orthogonal_penalty(net, "relaxed")) == pytest.approx(0, abs=1e-6)
    assert float(orthogonal_penalty(net, "full")) == pytest.approx(2 * 7 * 3, rel=1e-4)


def test_vectors_and_tables_of_classes_are_left_alone() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Embedding(5, 6))
    orthogonal_penalty(net, "full").backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is not None] == ["0.weight"]


@pytest.mark.parametrize("form", ["full", "relaxed"])
def test_regularization_is_in_float32_under_autocast_and_means_the_weights_before_spectral_norm(form: str) -> None:
    net = network()
    plain = orthogonal_penalty(net, form)  # type: ignore[arg-type]
    apply_spectral_norm(net, draws())
    with torch.autocast("cpu", torch.bfloat16):
        normalized = orthogonal_penalty(net, form)  # type: ignore[arg-type]
    torch.testing.assert_close(plain, normalized)
