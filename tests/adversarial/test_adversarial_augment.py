"""Augmentations: what they leave alone, what they do on average, and against slow references."""

from math import pi

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from limner.adversarial.augment import AUGMENTATIONS
from limner.adversarial.augment.ada import AdaptiveAugmentation, adapted
from limner.adversarial.augment.colors import draw_colors, recolor
from limner.adversarial.augment.diffaugment import DiffAugment, color, cut_out, translate
from limner.adversarial.augment.geometry import draw_geometry, transform
from limner.adversarial.augment.shifts import shift_reflected, shift_zero
from limner.foundation.errors import UserError

FULL = torch.ones(())


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 5, channels: int = 3, height: int = 16, width: int = 20, seed: int = 1) -> Tensor:
    return torch.rand(count, channels, height, width, generator=draws(seed)) * 2 - 1


# --- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_keep_their_shape_and_equal_seeds_do_the_same_to_real_and_generated(name: str, channels: int) -> None:
    augment = AUGMENTATIONS[name]()
    real, fake = pictures(6, channels, 33, 47), pictures(6, channels, 33, 47, seed=2)
    state = torch.get_rng_state()
    both = [augment(image, FULL, draws(4)) for image in (real, fake)]
    assert [each.shape for each in both] == [real.shape] * 2
    torch.testing.assert_close(augment(real, FULL, draws(4)), both[0])
    assert torch.equal(state, torch.get_rng_state())
    # All are affine in the picture where the draws are equal.
    torch.testing.assert_close(
        augment(real + 0.5 * fake, FULL, draws(4)) - both[0],
        0.5 * (both[1] - augment(torch.zeros_like(fake), FULL, draws(4))),
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_reach_the_generators_pictures_once_and_twice(name: str) -> None:
    augment = AUGMENTATIONS[name]()
    image = pictures(2, 3, 3, 4).double().requires_grad_()

    def augmented(image: Tensor) -> Tensor:
        return augment(image, torch.tensor(0.7), draws(3)).pow(3)

    assert torch.autograd.gradcheck(augmented, image)
    assert torch.autograd.gradgradcheck(augmented, image)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_half_precision_pictures_are_augmented_as_such(name: str) -> None:
    image = pictures().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        augmented = AUGMENTATIONS[name]()(image, FULL, draws())
    expected = AUGMENTATIONS[name]()(image.float(), FULL, draws())
    torch.testing.assert_close(augmented.float(), expected, atol=0.1, rtol=0.05)


def test_no_augmentation_gives_the_very_picture_and_its_strength_stays() -> None:
    none, image = AUGMENTATIONS["none"](), pictures()
    assert none(image, FULL, draws()) is image
    state = none.begin(torch.device("cpu"))
    assert none.follow(state, torch.tensor(1.0), 3, 64) == state


# --- DiffAugment -----------------------------------------------------------------------------------------------------


def test_color_is_brightness_then_saturation_then_contrast() -> None:
    image = pictures(4)
    b, s, c = torch.rand(3, 4, generator=draws())[:, :, None, None, None] + 0.2
    expected = image + b
    gray = expected.mean(1, keepdim=True)
    expected = (expected - gray) * s + gray
    middle = expected.mean((1, 2, 3), keepdim=True)
    expected = (expected - middle) * c + middle
    torch.testing.assert_close(color(image, b.flatten(), s.flatten(), c.flatten()), expected, atol=1e-6, rtol=1e-5)


def test_translation_moves_by_up_to_an_eighth_each_way_equally_often_over_zeros() -> None:
    image = torch.ones(4000, 1, 16, 24)
    down, right = torch.rand(2, 4000, generator=draws())
    moved = translate(image, down, right)
    uncovered = (moved == 0).float()
    above = uncovered[:, 0, :8, 12].sum(1) - uncovered[:, 0, 8:, 12].sum(1)
    left = uncovered[:, 0, 8, :12].sum(1) - uncovered[:, 0, 8, 12:].sum(1)
    for moves, farthest in ((above, 2), (left, 3)):
        values, counts = moves.unique(return_counts=True)
        assert values.tolist() == list(range(-farthest, farthest + 1))
        assert int(counts.min()) > 0.8 * 4000 / len(values)


@pytest.mark.parametrize("shift", [shift_zero, shift_reflected])
def test_shifts_equal_those_of_one_picture_after_the_other(shift) -> None:  # type: ignore[no-untyped-def]
    image, down, right = pictures(6, 3, 9, 13), torch.tensor([0, 3, -2, 4, -4, 1]), torch.tensor([2, -5, 0, 4, -3, 6])
    mode = {"mode": "constant"} if shift is shift_zero else {"mode": "reflect"}
    for one, y, x, moved in zip(image, down.tolist(), right.tolist(), shift(image, down, right), strict=True):
        wide = pad(one[None], (6, 6, 6, 6), **mode)[0]
        assert torch.equal(moved, wide[:, 6 - y : 15 - y, 6 - x : 19 - x])


@pytest.mark.parametrize(("height", "width"), [(16, 24), (9, 13)])
def test_cutout_takes_a_square_of_half_the_side_that_may_reach_over_the_edge(height: int, width: int) -> None:
    count = 3000
    cut = cut_out(torch.ones(count, 2, height, width), *torch.rand(2, count, generator=draws()))
    gone = cut[:, 0] == 0
    assert torch.equal(cut[:, 0], cut[:, 1])
    tall, wide = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(gone.sum((1, 2)), tall * wide)  # whole boxes
    half_tall, half_wide = int(height / 2 + 0.5), int(width / 2 + 0.5)
    assert (int(tall.max()), int(wide.max())) == (half_tall, half_wide)
    assert half_tall // 2 <= int(tall.min()) < half_tall
    assert half_wide // 2 <= int(wide.min()) < half_wide


def test_each_part_of_diffaugment_can_be_switched_off_without_changing_the_draws_of_the_others() -> None:
    image = pictures()
    assert DiffAugment(color=False, translation=False, cutout=False)(image, FULL, draws()) is image
    moved = DiffAugment(color=False, cutout=False)(image, FULL, draws())
    everything = DiffAugment(cutout=False)(image, FULL, draws())
    assert torch.equal(moved == 0, everything == 0)


@pytest.mark.parametrize("name", ["diffaugment", "ada"])
def test_alpha_is_moved_with_its_picture_but_not_colored(name: str) -> None:
    augment = AUGMENTATIONS[name]()
    alpha = pictures(8, 1, 16, 16)
    both = augment(torch.cat([pictures(8, 3, 16, 16), alpha], 1), FULL, draws(2))
    same = augment(torch.cat([alpha] * 4, 1), FULL, draws(2))
    assert torch.equal(both[:, 3], same[:, 3])
    assert float(both[:, 3].abs().max()) <= 1
    assert float((same[:, 0] - same[:, 3]).abs().max()) > 0.1


# --- ADA -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [16, 33, 64])
def test_ada_of_strength_zero_is_the_identity(channels: int, side: int) -> None:
    image = pictures(7, channels, side, side + 3)
    torch.testing.assert_close(AUGMENTATIONS["ada"]()(image, torch.zeros(()), draws()), image, atol=1e-4, rtol=0)


def test_geometry_equals_the_published_sequence_of_matrices() -> None:
    count, height, width, strength = 40, 20, 30, 0.6
    matrices = draw_geometry(count, height, width, torch.tensor(strength), draws(5))
    generator = draws(5)
    chance, even = (
        torch.rand(8, count, generator=generator).double(),
        torch.rand(6, count, generator=generator).double(),
    )
    bell = torch.randn(4, count, generator=generator).double()
    turn_chance = 1 - (1 - strength) ** 0.5

    def turn(angle: float) -> Tensor:
        spin = torch.zeros(3, 3, dtype=torch.float64)
        spin[0, 1], spin[1, 0] = -angle, angle
        return torch.linalg.matrix_exp(spin)

    def shift(x: float, y: float) -> Tensor:
        moved = torch.eye(3, dtype=torch.float64)
        moved[0, 2], moved[1, 2] = x, y
        return moved

    def scaling(x: float, y: float) -> Tensor:
        return torch.diag(torch.tensor([x, y, 1.0], dtype=torch.float64))

    for k in range(count):
        forward = torch.eye(3, dtype=torch.float64)  # takes a place of the picture to its place in the result
        if chance[0, k] < strength and even[0, k] < 0.5:
            forward = scaling(-1, 1) @ forward
        if chance[1, k] < strength:
            forward = turn(-pi / 2 * int(even[1, k] * 4)) @ forward
        if chance[2, k] < strength:
            x, y = ((2 * float(even[2, k]) - 1) / 8 * width, (2 * float(even[3, k]) - 1) / 8 * height)
            forward = shift(round(x), round(y)) @ forward
        if chance[3, k] < strength:
            forward = scaling(2 ** (0.2 * float(bell[0, k])), 2 ** (0.2 * float(bell[0, k]))) @ forward
        if chance[4, k] < turn_chance:
            forward = turn((2 * float(even[4, k]) - 1) * pi) @ forward
        if chance[5, k] < strength:
            forward = scaling(2 ** (0.2 * float(bell[1, k])), 2 ** (-0.2 * float(bell[1, k]))) @ forward
        if chance[6, k] < turn_chance:
            forward = turn((2 * float(even[5, k]) - 1) * pi) @ forward
        if chance[7, k] < strength:
            forward = shift(float(bell[2, k]) / 8 * width, float(bell[3, k]) / 8 * height) @ forward
        torch.testing.assert_close(matrices[k].double(), torch.linalg.inv(forward), atol=1e-4, rtol=1e-4)


def matrix(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor([[*rows, (0.0, 0.0, 1.0)]])


def test_flips_quarter_turns_and_whole_shifts_move_pixels_without_changing_them() -> None:
    image = pictures(1, 3, 12, 12)
    near = {"atol": 1e-5, "rtol": 0.0}
    torch.testing.assert_close(transform(image, matrix((-1, 0, 0), (0, 1, 0))), image.flip(3), **near)
    torch.testing.assert_close(transform(image, matrix((0, -1, 0), (1, 0, 0))), image.rot90(1, (2, 3)), **near)
    moved = transform(image, matrix((1, 0, -2), (0, 1, 3)))  # comes from 2 to the left and 3 below
    torch.testing.assert_close(moved[:, :, :-3, 2:], image[:, :, 3:, :-2], **near)
    torch.testing.assert_close(moved[:, :, -3:, 2:], image[:, :, -3:, :-2].flip(2), **near)  # reflected below


def test_joined_matrices_do_what_one_transform_after_the_other_does() -> None:
    image = pictures(1, 3, 12, 12)
    first, second = matrix((0, -1, 0), (1, 0, 0)), matrix((-1, 0, 0), (0, 1, 0))
    torch.testing.assert_close(
        transform(image, first @ second), transform(transform(image, first), second), atol=1e-5, rtol=0
    )


def test_transforms_happen_as_often_as_the_strength_says() -> None:
    count = 20_000
    for strength in (0.25, 1.0):
        geometry = draw_geometry(count, 64, 64, torch.tensor(strength), draws())
        colors = draw_colors(count, torch.tensor(strength), draws())
        mirrored = torch.linalg.det(geometry[:, :2, :2]) < 0
        negative = colors[:, :, :3].sum((1, 2)) < 0
        for happens in (mirrored, negative):  # both are tossed once more
            assert float(happens.float().mean()) == pytest.approx(strength / 2, abs=0.012)
        whole = (geometry[:, :2, :2].abs().sum((1, 2)) - 2).abs() < 1e-6
        kept = (1 - strength) ** 2 * (1 - strength)  # no scale, no stretch, no turn in either of two places
        assert float(whole.float().mean()) == pytest.approx(kept, abs=0.012)


def test_colors_equal_the_published_sequence_of_matrices() -> None:
    count, strength = 40, 0.6
    matrices = draw_colors(count, torch.tensor(strength), draws(5))
    generator = draws(5)
    chance, even = (
        torch.rand(5, count, generator=generator).double(),
        torch.rand(2, count, generator=generator).double(),
    )
    bell = torch.randn(3, count, generator=generator).double()
    axis = torch.ones(3, dtype=torch.float64) / 3**0.5
    along = axis[:, None] * axis
    cross = torch.linalg.cross(torch.eye(3, dtype=torch.float64), axis[None].expand(3, 3), dim=1)

    def linear(part: Tensor) -> Tensor:
        whole = torch.eye(4, dtype=torch.float64)
        whole[:3, :3] = part
        return whole

    for k in range(count):
        expected = torch.eye(4, dtype=torch.float64)
        if chance[0, k] < strength:
            expected[:3, 3] += 0.2 * bell[0, k]
        if chance[1, k] < strength:
            expected = linear(torch.eye(3) * 2 ** (0.5 * bell[1, k])) @ expected
        if chance[2, k] < strength and even[0, k] < 0.5:
            expected = linear(torch.eye(3) - 2 * along) @ expected
        if chance[3, k] < strength:
            turned = torch.linalg.matrix_exp((2 * even[1, k] - 1) * pi * cross)
            expected = linear(turned) @ expected
        if chance[4, k] < strength:
            expected = linear(along + (torch.eye(3) - along) * 2 ** bell[2, k]) @ expected
        torch.testing.assert_close(matrices[k].double(), expected[:3], atol=1e-5, rtol=1e-4)


def test_gray_pictures_get_what_the_colors_of_gray_pixels_get() -> None:
    gray = pictures(8, 1)
    matrices = draw_colors(8, FULL, draws())
    colored = recolor(gray.expand(-1, 3, -1, -1), matrices)
    torch.testing.assert_close(recolor(gray, matrices).expand(-1, 3, -1, -1), colored, atol=1e-5, rtol=1e-5)


# --- the controller --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "before", "after"), [(0.9, 0.2, 0.2 + 256 / 500_000), (0.1, 0.2, 0.2 - 256 / 500_000)]
)
def test_p_moves_towards_its_target_by_the_published_step(sign: float, before: float, after: float) -> None:
    moved = adapted(torch.tensor(before), torch.tensor(sign), images=256, target=0.6, kimg=500)
    assert float(moved) == pytest.approx(after, rel=1e-6)


def test_p_stays_between_zero_and_one() -> None:
    assert float(adapted(torch.zeros(()), torch.tensor(-1.0), 10**6, 0.6, 500)) == 0
    assert float(adapted(torch.ones(()), torch.tensor(1.0), 10**6, 0.6, 500)) == 1


def test_p_is_changed_every_so_many_rounds_by_the_mean_sign_since_and_rises_to_one_in_kimg() -> None:
    augment = AdaptiveAugmentation(kimg=1.0, every=4)
    state = augment.begin(torch.device("cpu"))
    strengths = []
    for number, sign in enumerate([1.0, 1.0, 1.0, -0.5, 0.0, 0.0, 1.0, 1.0]):  # means 0.625 and 0.5
        state = augment.follow(state, torch.tensor(sign), number, 25)
        strengths.append(float(state["strength"]))
    assert strengths == pytest.approx([0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.0])
    for number in range(8, 48):
        state = augment.follow(state, torch.ones(()), number, 25)
    assert float(state["strength"]) == pytest.approx(1, abs=1e-5)  # after 1,000 pictures


def test_the_controller_goes_on_bit_for_bit_from_what_was_stored() -> None:
    augment = AdaptiveAugmentation(kimg=10)
    straight = stopped = augment.begin(torch.device("cpu"))
    signs = torch.rand(22, generator=draws()) * 2 - 0.5
    for number, sign in enumerate(signs):
        straight = augment.follow(straight, sign, number, 64)
        stopped = augment.follow({name: value.clone() for name, value in stopped.items()}, sign, number, 64)
    assert straight.keys() == stopped.keys() == {"strength", "real_signs"}
    assert all(torch.equal(straight[name], stopped[name]) for name in straight)


def test_what_ada_cannot_do_is_refused_in_a_line() -> None:
    with pytest.raises(UserError, match=r"augment ada got target 1, kimg 500, every 4; needed: a target between"):
        AUGMENTATIONS["ada"](target=1.0)
