"""PSNR and SSIM by their protocols, bars, alarms, losses of content: numbers that are known."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from limner.foundation.errors import UserError
from limner.learning.alarms import ringing
from limner.translate.data.crops import Whole
from limner.translate.degrading.degradation import degrade
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.measures.bars import all_bars, bars_for, known_of, richardson_lucy
from limner.translate.measures.feature_distance import distance
from limner.translate.measures.measure import measure
from limner.translate.measures.result import CEILING, MADE, PairScores
from limner.translate.measures.similarity import Protocol, compared, psnr, seam, sharpness, ssim
from limner.translate.training.pairs.alarms import ALARMS, alarms_of, stands_out
from limner.translate.training.pairs.content import (
    CONTENT,
    gradient_difference,
    hole,
    l1,
    l2,
    symmetry,
    total_variation,
)

RGB = Protocol("rgb")


def noise(seed: int, channels: int = 3, side: int = 48) -> torch.Tensor:
    return torch.rand(channels, side, side, generator=torch.Generator().manual_seed(seed))


def scene(seed: int, side: int = 64) -> torch.Tensor:
    """Smooth with edges, as photos are."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0.1, 0.9)[0]


def test_psnr_of_a_step_of_a_level_is_48_13_db_and_agrees_with_scikit_image() -> None:
    picture = (noise(0) * 200 / 255 * 255).round() / 255
    assert (
        psnr(picture + 1 / 255, picture, RGB)
        == pytest.approx(20 * math.log10(255), abs=1e-4)
        == pytest.approx(48.13, abs=5e-3)
    )
    other = (noise(1) * 255).round() / 255
    levels = [(each * 255).round().byte().numpy() for each in (picture, other)]
    assert psnr(picture, other, RGB) == pytest.approx(peak_signal_noise_ratio(*levels, data_range=255), abs=1e-6)
    assert psnr(picture, picture, RGB) == 100 and ssim(picture, picture, RGB) == pytest.approx(1)


def test_luma_goes_from_16_to_235_and_scores_more_than_rgb() -> None:
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 2).expand(3, 1, 2)
    assert compared(ends, Protocol("y"))[0, 0] == pytest.approx([16, 235])
    picture = scene(0)
    worse = (picture + torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.05).clamp(0, 1)
    assert psnr(worse, picture, Protocol("y")) > psnr(worse, picture, RGB) + 2


def test_a_border_and_all_but_the_hole_are_not_counted() -> None:
    picture, worse = noise(0), noise(0)
    worse[:, :4] = 0
    assert psnr(worse, picture, Protocol("rgb", 4)) == 100 > psnr(worse, picture, Protocol("rgb", 3))
    mask = torch.zeros(1, 48, 48)
    mask[:, 20:30, 20:30] = 1
    spoiled = torch.where(mask > 0.5, picture, torch.zeros(()))
    assert psnr(spoiled, picture, Protocol("rgb", 0, "hole"), mask) == 100


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: psnr(noise(0), noise(0, 1)), "the same size and channels"),
        (lambda: psnr(noise(0, 3, 32), noise(0)), "32 x 32 px"),
        (lambda: psnr(noise(0), noise(0), Protocol("y", 24)), "a border of 24 px leaves nothing"),
        (lambda: ssim(noise(0, 3, 12), noise(0, 3, 12), Protocol("y", 1)), "SSIM needs 11 px"),
    ],
)
def test_what_cannot_be_compared_is_told(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_edges_are_softer_in_a_blurred_picture_and_unlike_maps_are_far() -> None:
    picture = noise(0)
    soft = degrade(DEGRADATIONS["defocus"](noise=0), picture, 0).picture  # type: ignore[arg-type]
    assert sharpness(soft) < 0.5 * sharpness(picture)
    maps = noise(3, 16, 8)
    assert float(distance([torch.stack([maps, maps])])) == 0
    assert float(distance([torch.stack([maps, 3 * maps])])) == pytest.approx(0, abs=1e-6)  # lengths do not count
    assert float(distance([torch.stack([maps, -maps])])) == pytest.approx(4, abs=1e-4)


@pytest.mark.parametrize("name", ["smaller", "motion-blur", "defocus", "hole", "gray", "edges", "night"])
def test_every_way_has_bars_of_the_targets_size(name: str) -> None:
    made: Any = DEGRADATIONS[name]()
    targets = tuple(scene(number) for number in range(6))
    found = degrade(made, targets[0], 0)
    sources = () if name in ("smaller", "hole") else tuple(degrade(made, each, 1).picture for each in targets[1:])
    bars = bars_for(made, made.scale, (len(found.picture), 3))
    known = known_of(sources, tuple((each * 255).round().byte() for each in targets[1:]))
    pictures = all_bars(bars, found.picture, found.mask, known)
    assert pictures and all(each.shape == targets[0].shape for each in pictures.values())
    assert all(each.min() >= 0 and each.max() <= 1 for each in pictures.values())
    if name == "smaller":
        scores = {bar: psnr(picture, targets[0], RGB) for bar, picture in pictures.items()}
        assert scores["lanczos"] > scores["nearest"] and list(scores) == ["bicubic", "lanczos", "nearest"]
    if name == "motion-blur":
        assert psnr(pictures["unsharp"], targets[0], RGB) != psnr(pictures["untouched"], targets[0], RGB)
    if name == "hole":
        assert torch.equal(pictures["nearest context"][:, :16], targets[0][:, :16])
        assert psnr(pictures["biharmonic"], targets[0], RGB) > psnr(pictures["mean of the rest"], targets[0], RGB)


def test_the_nearest_context_and_source_are_found() -> None:
    targets = tuple((scene(number) * 255).round().byte() for number in range(6))
    hole_made: Any = DEGRADATIONS["hole"]()
    known = known_of((), targets)
    found = degrade(hole_made, targets[3].float() / 255, 0)
    context = bars_for(hole_made, 1, (3, 3))["nearest context"](found.picture, found.mask, known)
    assert context is not None and psnr(context, targets[3].float() / 255, RGB) == 100
    sources = tuple(255 - each for each in targets)
    nearest = bars_for(None, 1, (3, 3))["nearest source"](sources[2].float() / 255, None, known_of(sources, targets))
    assert nearest is not None and torch.equal((nearest * 255).round().byte(), targets[2])


def test_who_knows_the_kernel_comes_nearest_and_is_no_bar() -> None:
    blur: Any = DEGRADATIONS["motion-blur"](least_px=9, most_px=9, noise=0)
    made = [degrade(blur, scene(number), number) for number in range(3)]
    assert all(each.kernel is not None and float(each.kernel.sum()) == pytest.approx(1) for each in made)
    pairs = [Whole(each.picture, scene(number), None, each.kernel) for number, each in enumerate(made)]
    bars, known = bars_for(blur, 1, (3, 3)), known_of((), (scene(0),))
    found = measure(pairs, lambda source, mask: source, bars, known, Protocol("rgb", 8), on="drawn", look=False)
    ceiling = found.rows[CEILING].scores["psnr"]
    assert ceiling > max(row.scores["psnr"] for name, row in found.rows.items() if name != CEILING) + 1
    assert found.best_bar is not None and found.best_bar[0] != CEILING and "nobody does" in found.to_markdown()
    slanted = torch.zeros(3, 3)
    slanted[0, 0] = 1  # moves the picture by a pixel, so the way that the kernel is laid shows
    moved = torch.roll(scene(0), (1, 1), (1, 2))
    assert psnr(richardson_lucy(moved, slanted), scene(0), Protocol("rgb", 4)) > 40


def test_a_jump_at_the_border_of_a_hole_is_its_height() -> None:
    mask = torch.zeros(1, 20, 24)
    mask[:, 5:9, 6:18] = 1
    flat = torch.full((3, 20, 24), 0.5)
    assert seam(flat, mask) == 0
    assert seam(torch.where(mask > 0.5, flat + 10 / 255, flat), mask) == pytest.approx(10, abs=1e-4)
    inside = flat.clone()
    inside[:, 6:8, 7:17] += 0.3  # within the hole, not at its border
    assert seam(inside, mask) == 0
    made: Any = DEGRADATIONS["hole"](fill="rest")
    holes = [degrade(made, scene(number), number) for number in range(3)]
    pairs = [Whole(each.picture, scene(number), each.mask) for number, each in enumerate(holes)]
    found = measure(
        pairs, lambda source, mask: source, bars_for(made, 1, (3, 3)), known_of((), (scene(0),)),
        Protocol("rgb", 0, "hole"), on="drawn", look=False,
    )  # fmt: skip
    assert found.rows["biharmonic"].scores["seam"] < found.rows[MADE].scores["seam"]
    assert "jump at the hole's border, levels" in found.to_markdown() and "at the hole's border: " in found.notes[0]


def test_scores_come_back_from_json_and_name_their_protocol() -> None:
    made: Any = DEGRADATIONS["smaller"]()
    pairs = [Whole(degrade(made, scene(number), number).picture, scene(number)) for number in range(4)]
    bars = bars_for(made, 4, (3, 3))
    found = measure(
        pairs, lambda source, mask: bars["bicubic"](source, mask, known_of((), (scene(0),))),  # type: ignore[arg-type,return-value]
        bars, known_of((), (scene(0),)), Protocol("y", 4), on="drawn", look=False,
    )  # fmt: skip
    assert found.rows[MADE].scores == pytest.approx(found.rows["bicubic"].scores)
    assert PairScores.from_json(found.to_json()) == found
    assert "Y, 4 px cut" in found.to_markdown() and "without learning" in found.line()
    low, high = found.rows[MADE].interval or (0, 0)
    assert low < found.rows[MADE].scores["psnr"] < high
    for broken in ({}, {"rows": 3}, *({**found.to_json(), "pictures": count} for count in ("many", float("inf")))):
        with pytest.raises(UserError, match="not an evaluation of translated pictures"):
            PairScores.from_json(broken)


def batch(*seeds: int, channels: int = 3) -> torch.Tensor:
    return torch.stack([noise(seed, channels) for seed in seeds]) * 2 - 1


def test_losses_of_content_have_their_closed_forms() -> None:
    picture = batch(0, 1)
    for loss in (l1(), l2(), gradient_difference()):
        assert float(loss(picture, picture, None)) == 0
    assert float(l1()(picture + 0.5, picture, None)) == pytest.approx(0.5)
    assert float(l2()(picture + 0.5, picture, None)) == pytest.approx(0.25)
    assert float(gradient_difference()(picture + 0.3, picture, None)) == pytest.approx(0, abs=1e-6)
    assert float(gradient_difference()(-picture, picture, None)) == pytest.approx(0, abs=1e-6)
    assert float(total_variation()(torch.full((1, 3, 8, 8), 0.7), picture, None)) == 0
    step = torch.zeros(1, 1, 4, 4)
    step[..., 2:] = 1
    assert float(total_variation()(step, step, None)) == pytest.approx(1 / 3)
    assert float(symmetry()(step, step, None)) == 1
    even = torch.cat([step, step.flip(3)], dim=3)
    assert float(symmetry()(even, step, None)) == 0


def test_the_ring_of_a_hole_weighs_ten_times_and_what_is_beyond_nothing() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 12:20, 12:20] = 1
    target, loss = torch.zeros(1, 3, 32, 32), hole()
    weights = {}
    for name, place in (("inside", (15, 15)), ("ring", (10, 15)), ("beyond", (2, 2))):
        made = target.clone()
        made[:, :, place[0], place[1]] = 1
        weights[name] = float(loss(made, target, mask))
    assert weights["ring"] == pytest.approx(10 * weights["inside"]) and weights["beyond"] == 0
    assert weights["inside"] == pytest.approx(1 / 16**2)
    assert float(hole(outside=0.5)(target + 1, target, mask)) > float(loss(target + 1, target, mask)) * 0
    with pytest.raises(UserError, match="needs pictures with holes"):
        loss(target, target, None)
    with pytest.raises(UserError, match="power 3"):
        hole(3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="maps of the loss features is 'vgg'"):
        CONTENT["features"]("vgg")


def test_losses_of_content_give_gradients_to_what_is_made() -> None:
    mask = torch.zeros(2, 1, 48, 48)
    mask[..., 10:20, 10:20] = 1
    for name, build in CONTENT.items():
        if name == "features":
            continue  # its network is in the contract of recipes
        made = batch(0, 1).requires_grad_()
        build()(made, batch(2, 3), mask).backward()
        assert made.grad is not None and made.grad.abs().sum() > 0, name


def test_a_checkerboard_rings_and_photos_and_their_blurs_do_not() -> None:
    true = [
        scene(number) + 0.05 * torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(number))
        for number in range(6)
    ]
    board = torch.ones(64, 64)
    board[::2] *= -1
    board[:, ::2] *= -1
    every_four = torch.zeros(64, 64)
    every_four[:, ::4] = 1
    for pattern in (board, every_four):
        made = [each + 0.05 * pattern for each in true]
        assert "alarm/checkerboard" in ringing(ALARMS, alarms_of(true, true, made))
    others = [
        scene(number + 50) + 0.05 * torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(number + 50))
        for number in range(6)
    ]
    for made in (true, others, [each * 0.5 for each in true]):
        assert "alarm/checkerboard" not in ringing(ALARMS, alarms_of(true, true, made))
    assert stands_out(true, true) < 3


def test_alarms_ring_for_their_symptoms_alone() -> None:
    sources, targets = ([scene(number + more) for number in range(6)] for more in (0, 100))
    good = [0.9 * target + 0.1 * source for source, target in zip(sources, targets, strict=True)]
    assert ringing(ALARMS, alarms_of(sources, targets, good)) == {}
    for made, name in (
        ([1 - target for target in targets], "alarm/inversion"),
        (sources, "alarm/nothing"),
        ([targets[0]] * 6, "alarm/constant"),
    ):
        assert name in ringing(ALARMS, alarms_of(sources, targets, made))
    assert "tells 100%" in ringing(ALARMS, {"alarm/discriminator": 1.0})["alarm/discriminator"]
    assert np.isfinite(list(alarms_of(sources[:1], targets[:1], good[:1]).values())).all()
