"""Regions: RoIPool and RoIAlign, warped crops, SVMs and ridge regression, Fast R-CNN, Perceptual GAN."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limner.detect.boxes.box_code import decode_boxes, encode_boxes
from limner.detect.boxes.objects import Objects, no_objects
from limner.detect.boxes.overlap import iou_matrix
from limner.detect.regions.box_ridge import ridge, train_box_ridge
from limner.detect.regions.fast_rcnn import FastHead, decode_regions, region_loss, standardize_codes
from limner.detect.regions.linear_svm import RegionFeatures, SvmSettings, feature_scale, train_svms
from limner.detect.regions.perceptual import PerceptualDiscriminator, ResidualGenerator
from limner.detect.regions.pooling import ALIGN, POOL, SHIFTED, RegionPooling, pool_regions, unique_regions
from limner.detect.regions.sampling import SamplingSettings, sample_regions
from limner.detect.regions.warping import warp_regions, warped_batches, with_context

STRIDE = 16


def drawn_boxes(count: int, seed: int, size: float = 100.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * size * 0.6
    return torch.cat((low, low + 4 + torch.rand(count, 2, generator=generator) * size * 0.3), 1)


# --- RoIPool and RoIAlign --------------------------------------------------------------------------------------------


def ramp() -> Tensor:
    """Features of a picture of 512 px that say which column, in pixels, the middle of their place lies at."""
    return (torch.arange(32.0) * STRIDE + STRIDE / 2).expand(1, 1, 32, 32).contiguous()


def read_at(moved: float, way: str) -> Tensor:
    """(7,): what a box of 224 px says along the ramp, its left side at 128 px and ``moved``."""
    box = torch.tensor([[128.0 + moved, 100, 352 + moved, 324]])
    return pool_regions(ramp(), [box], STRIDE, way=way)[0, 0, 3]


@pytest.mark.parametrize("moved", range(0, 17, 2))
def test_roi_align_reads_a_ramp_exactly_wherever_the_box_is(moved: float) -> None:
    middles = 128 + moved + 32 * (torch.arange(7) + 0.5)
    assert read_at(moved, ALIGN).tolist() == pytest.approx(middles.tolist(), abs=1e-3)
    assert read_at(moved, SHIFTED).tolist() == pytest.approx((middles + STRIDE / 2).tolist(), abs=1e-3)


def test_roi_pool_climbs_a_staircase() -> None:
    steps = torch.stack([read_at(moved, POOL) for moved in range(33)])
    rises = steps.diff(dim=0)
    assert ((rises == 0) | (rises == STRIDE)).all()  # nothing for a while, then a whole place at once
    assert (rises[:, 0] == STRIDE).nonzero().flatten().tolist() == [7, 23]
    assert (read_at(8, POOL) - read_at(8, ALIGN)).abs().max() > STRIDE / 2


def pooled_by_loop(features: Tensor, box: list[float], grid: int) -> Tensor:
    """Fast R-CNN's own: round the box, divide it, round the bins outward, take the largest."""
    x0, y0, x1, y1 = (int(np.floor(each / STRIDE + 0.5)) for each in box)
    wide, high = max(1, x1 - x0 + 1) / grid, max(1, y1 - y0 + 1) / grid
    result = torch.zeros(features.shape[0], grid, grid)
    for row in range(grid):
        for column in range(grid):
            top, bottom = int(np.floor(row * high)) + y0, int(np.ceil((row + 1) * high)) + y0
            left, right = int(np.floor(column * wide)) + x0, int(np.ceil((column + 1) * wide)) + x0
            part = features[:, max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
            result[:, row, column] = part.amax((1, 2)) if part.numel() else 0
    return result


def test_roi_pool_is_that_of_a_loop() -> None:
    features = torch.randn(1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    boxes = drawn_boxes(6, 1, 320)
    pooled = pool_regions(features, [boxes], STRIDE, grid=4, way=POOL)
    for found, box in zip(pooled, boxes.tolist(), strict=True):
        assert torch.equal(found, pooled_by_loop(features[0], box, 4))


def aligned_by_loop(features: Tensor, box: list[float], grid: int, points: int) -> Tensor:
    x0, y0, x1, y1 = (each / STRIDE - 0.5 for each in box)
    wide, high = (x1 - x0) / grid / points, (y1 - y0) / grid / points
    result = torch.zeros(features.shape[0], grid, grid, dtype=torch.float64)
    for row in range(grid * points):
        for column in range(grid * points):
            y, x = y0 + (row + 0.5) * high, x0 + (column + 0.5) * wide
            top, left = int(np.floor(y)), int(np.floor(x))
            for v, part in ((top, top + 1 - y), (top + 1, y - top)):
                for u, share in ((left, left + 1 - x), (left + 1, x - left)):
                    result[:, row // points, column // points] += features[:, v, u] * part * share / points**2
    return result


def test_roi_align_is_that_of_a_loop() -> None:
    features = torch.randn(1, 3, 20, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    boxes = drawn_boxes(6, 1, 220) + 20
    aligned = RegionPooling(STRIDE, grid=4)(features, [boxes])
    for found, box in zip(aligned, boxes.tolist(), strict=True):
        assert torch.allclose(found, aligned_by_loop(features[0], box, 4, 2), atol=1e-5)


def test_regions_of_several_pictures_and_of_none() -> None:
    features = torch.randn(2, 3, 20, 24)
    boxes = [drawn_boxes(3, 1, 220), torch.zeros(0, 4)]
    for way in (POOL, ALIGN, SHIFTED):
        assert pool_regions(features, boxes, STRIDE, way=way).shape == (3, 3, 7, 7)
        assert torch.equal(
            pool_regions(features, boxes[::-1], STRIDE, way=way),
            pool_regions(features[[1]], [boxes[0]], STRIDE, way=way),
        )
    for wrong in (lambda: RegionPooling(16, way="crop"), lambda: pool_regions(features, boxes, STRIDE, way="crop")):
        with pytest.raises(ValueError, match="align, pool, align-shifted"):
            wrong()


def test_regions_that_roi_pool_does_not_tell_apart_are_computed_once() -> None:
    boxes = torch.tensor([[16.0, 16, 64, 64], [80, 80, 160, 160], [17, 15, 66, 63], [80, 80, 161, 160]])
    first, standing = unique_regions(boxes, STRIDE)
    assert sorted(first.tolist()) == [0, 1]
    features = torch.randn(1, 3, 20, 24)
    assert torch.equal(
        pool_regions(features, [boxes[first]], STRIDE, way=POOL)[standing],
        pool_regions(features, [boxes], STRIDE, way=POOL),
    )
    assert [len(each) for each in unique_regions(boxes[:0], STRIDE)] == [0, 0]


# --- warped crops ----------------------------------------------------------------------------------------------------


def test_context_is_sixteen_pixels_of_the_crop() -> None:
    box = torch.tensor([[100.0, 200, 295, 395]])  # 195 px, which 227 - 32 leave: nothing is scaled
    assert with_context(box).tolist() == [[84, 184, 311, 411]]
    assert with_context(torch.tensor([[0.0, 0, 390, 39]])).tolist() == [[-32, -3, 422, 42]]
    with pytest.raises(ValueError, match="less than half"):
        with_context(box, 20, 10)


def warped_by_loop(image: Tensor, box: list[float], size: int) -> Tensor:
    x0, y0, x1, y1 = box
    channels, height, width = image.shape
    result = torch.zeros(channels, size, size)
    for row in range(size):
        for column in range(size):
            y, x = y0 + (row + 0.5) * (y1 - y0) / size, x0 + (column + 0.5) * (x1 - x0) / size
            if not (0 <= y < height and 0 <= x < width):
                continue
            y, x = min(max(y - 0.5, 0), height - 1), min(max(x - 0.5, 0), width - 1)
            top, left = min(int(y), height - 2), min(int(x), width - 2)
            down, across = y - top, x - left
            result[:, row, column] = (
                image[:, top, left] * (1 - down) * (1 - across) + image[:, top, left + 1] * (1 - down) * across
                + image[:, top + 1, left] * down * (1 - across) + image[:, top + 1, left + 1] * down * across
            )  # fmt: skip
    return result


def test_crops_are_those_of_a_loop_also_beyond_the_picture() -> None:
    image = torch.randn(2, 30, 40, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[5.0, 4, 25, 28], [0, 0, 40, 30], [33, 20, 40, 30], [0, 0, 3, 4]])
    crops = warp_regions(image, boxes, 12, 2)
    for crop, box in zip(crops, with_context(boxes, 12, 2).tolist(), strict=True):
        assert torch.allclose(crop, warped_by_loop(image, box, 12), atol=1e-5)
    assert not crops[1, :, 0].any()  # nothing above the picture
    assert torch.equal(torch.cat(list(warped_batches(image, boxes, 3, 12, 2))), crops)


def test_a_crop_of_its_own_size_without_context_is_the_picture() -> None:
    image = torch.randn(3, 20, 20)
    assert torch.allclose(warp_regions(image, torch.tensor([[0.0, 0, 20, 20]]), 20, 0)[0], image, atol=1e-6)


# --- linear SVMs and ridge regression --------------------------------------------------------------------------------


def drawn_pictures(count: int = 6, seed: int = 0, width: int = 12) -> list[RegionFeatures]:
    """Features that say how much of an object of class 0 or 1 a region holds, and noise."""
    generator = torch.Generator().manual_seed(seed)
    pictures = []
    for number in range(count):
        truths = Objects(drawn_boxes(2, 10 * seed + number), torch.tensor([0, 1]))
        near = truths.boxes.repeat_interleave(10, 0) + 3 * torch.randn(20, 4, generator=generator)
        boxes = torch.cat((drawn_boxes(60, 100 + number), near))
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2] > 1).all(1)]

        def look(boxes: Tensor, truths: Objects = truths) -> Tensor:
            noise = 0.05 * torch.randn(len(boxes), width - 6, generator=generator)
            code = encode_boxes(truths.boxes[:1].expand(len(boxes), 4), boxes)
            return torch.cat((iou_matrix(boxes, truths.boxes), code.clamp(-2, 2), noise), 1)

        pictures.append(RegionFeatures(look(boxes), boxes, look(truths.boxes), truths))
    return pictures


def test_features_are_scaled_to_one_mean_length() -> None:
    pictures = drawn_pictures()
    scale = feature_scale(pictures, 20)
    lengths = torch.cat([each.features for each in pictures]).norm(dim=1) * scale
    assert lengths.mean().item() == pytest.approx(20, rel=1e-5)
    assert feature_scale([], 20) == 1


def test_svms_find_their_class() -> None:
    pictures = drawn_pictures()
    svms = train_svms(pictures, 3)
    for picture in drawn_pictures(3, seed=1):
        truth = svms.scores(picture.truth_features)
        others = svms.scores(picture.features)[iou_matrix(picture.boxes, picture.truths.boxes).amax(1) < 0.3]
        for label in range(2):
            assert truth[label, label] > others[:, label].max()
    assert (svms.scores(pictures[0].features)[:, 2] == -1).all()  # a class without objects finds nothing
    again = train_svms(pictures, 3)
    assert all(torch.equal(one, two) for one, two in zip(svms[:2], again[:2], strict=True))


def test_one_round_with_all_negatives_is_scikit_learns_svm() -> None:
    from sklearn.svm import LinearSVC

    (picture,) = drawn_pictures(1)
    svms = train_svms([picture], 2)
    far = iou_matrix(picture.boxes, picture.truths.boxes[:1])[:, 0] < 0.3
    rows = torch.cat((picture.truth_features[:1], picture.features[far])).double().numpy() * svms.scale
    machine = LinearSVC(
        C=1e-3, loss="hinge", intercept_scaling=10, class_weight={1: 2}, random_state=0, max_iter=20000
    )  # fmt: skip
    machine.fit(rows, [1] + [0] * int(far.sum()))
    assert svms.weights[0].numpy() == pytest.approx(machine.coef_[0], abs=1e-5)
    assert svms.biases[0].item() == pytest.approx(machine.intercept_[0], abs=1e-5)


def test_hard_negatives_come_to_be_what_all_negatives_teach() -> None:
    pictures = drawn_pictures(8)
    everything = SvmSettings(hard=-1e9, easy=-1e9, retrain=10**9)
    whole = train_svms(pictures, 2, everything)
    mined = train_svms(pictures, 2, SvmSettings(retrain=40, epochs=3))
    features = torch.cat([each.features for each in pictures])
    assert (whole.scores(features) - mined.scores(features)).abs().max() < 0.1


def test_ignored_objects_are_neither_positive_nor_negative() -> None:
    (picture,) = drawn_pictures(1)
    ignored = picture._replace(truths=picture.truths._replace(ignored=torch.tensor([True, False])))
    svms = train_svms([ignored], 2)
    assert not svms.weights[0].any()
    assert svms.weights[1].any()


def test_ridge_is_the_whitened_least_squares_of_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    for count, width in ((50, 8), (6, 20)):  # more rows than features, and fewer
        features = torch.randn(count, width, generator=generator, dtype=torch.float64)
        codes = features[:, :4] @ torch.randn(4, 4, generator=generator, dtype=torch.float64) + 0.3
        weights, constant = ridge(features, codes, 2.0)
        rows = torch.cat((features, torch.ones(count, 1, dtype=torch.float64)), 1).numpy()
        centered = codes.numpy() - codes.numpy().mean(0)
        values, vectors = np.linalg.eigh(centered.T @ centered / count)
        white = vectors @ np.diag((values + 0.001) ** -0.5) @ vectors.T
        # Least squares with a row for each penalized number, on whitened targets.
        tall = np.concatenate((rows, np.sqrt(2.0) * np.eye(width + 1)))
        solved, *_ = np.linalg.lstsq(tall, np.concatenate((centered @ white, np.zeros((width + 1, 4)))), rcond=None)
        expected = solved @ np.linalg.inv(white)
        assert np.allclose(weights, expected[:-1], atol=1e-8)
        assert np.allclose(constant, expected[-1] + codes.numpy().mean(0), atol=1e-8)


def test_boxes_are_corrected_towards_their_objects_and_a_class_without_examples_leaves_them() -> None:
    pictures = drawn_pictures(8)
    scale = feature_scale(pictures, 20)
    regression = train_box_ridge(pictures, 3, scale, penalty=10.0)
    before, after = [], []
    for picture in drawn_pictures(4, seed=1):
        overlap = iou_matrix(picture.boxes, picture.truths.boxes)[:, 0]
        near = overlap > 0.5
        boxes, features = picture.boxes[near], picture.features[near]
        better = regression.correct(features, boxes, torch.zeros(len(boxes), dtype=torch.int64))
        before.append(overlap[near])
        after.append(iou_matrix(better, picture.truths.boxes)[:, 0])
        assert torch.allclose(regression.correct(features, boxes, torch.full((len(boxes),), 2)), boxes, atol=1e-4)
    assert len(torch.cat(before)) > 12
    assert torch.cat(after).mean() > torch.cat(before).mean() + 0.05


# --- Fast R-CNN ------------------------------------------------------------------------------------------------------


def test_regions_are_drawn_as_the_paper_says() -> None:
    truths = Objects(drawn_boxes(3, 0), torch.tensor([1, 0, 1]))
    proposals = torch.cat((drawn_boxes(300, 1), truths.boxes.repeat(10, 1) + torch.rand(30, 4)))
    sampled = sample_regions(proposals, truths, 2, torch.Generator().manual_seed(0))
    assert len(sampled.boxes) == 64
    overlap, nearest = iou_matrix(sampled.boxes, truths.boxes).max(1)
    objects = sampled.labels < 2
    assert objects.sum() == 16
    assert (overlap[objects] >= 0.5).all()
    assert ((overlap[~objects] >= 0.1) & (overlap[~objects] < 0.5)).all()
    assert torch.equal(sampled.labels[objects], truths.labels[nearest[objects]])
    placed = decode_boxes(sampled.codes[objects], sampled.boxes[objects], (10, 10, 5, 5))
    assert torch.allclose(placed, truths.boxes[nearest[objects]], atol=1e-3)
    assert not sampled.codes[~objects].any()
    again = sample_regions(proposals, truths, 2, torch.Generator().manual_seed(0))
    assert torch.equal(again.boxes, sampled.boxes)


def test_a_picture_without_objects_gives_background_alone_and_one_without_proposals_its_objects() -> None:
    generator = torch.Generator().manual_seed(0)
    ground = sample_regions(drawn_boxes(100, 1), no_objects(), 2, generator)
    assert ground.labels.tolist() == [2] * 64
    truths = Objects(drawn_boxes(3, 0), torch.tensor([1, 0, 1]))
    alone = sample_regions(torch.zeros(0, 4), truths, 2, generator)
    assert sorted(alone.labels.tolist()) == [0, 1, 1]
    assert alone.codes.abs().max() < 1e-4
    assert len(sample_regions(torch.zeros(0, 4), no_objects(), 2, generator).boxes) == 0


def test_ignored_objects_and_proposals_without_area_are_not_learned_from() -> None:
    truths = Objects(drawn_boxes(2, 0), torch.tensor([0, 1]), torch.tensor([True, False]))
    proposals = torch.cat((truths.boxes, torch.tensor([[5.0, 5, 5, 9]]), drawn_boxes(50, 3)))
    sampled = sample_regions(
        proposals, truths, 2, torch.Generator().manual_seed(0), SamplingSettings(background=(0, 0.5))
    )
    assert 0 not in sampled.labels.tolist()
    assert (iou_matrix(sampled.boxes, truths.boxes[:1]) < 0.5).all()
    assert (sampled.boxes[:, 2:] > sampled.boxes[:, :2]).all()


def test_the_loss_of_regions_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, codes = torch.randn(9, 4, generator=generator), 2 * torch.randn(9, 3, 4, generator=generator)
    labels, wanted = torch.randint(0, 4, (9,), generator=generator), torch.randn(9, 4, generator=generator)
    classes = boxes = 0.0
    for row in range(9):
        label = int(labels[row])
        classes -= logits[row].double().log_softmax(0)[label].item() / 9
        if label < 3:
            for said, true in zip(codes[row, label].tolist(), wanted[row].tolist(), strict=True):
                apart = abs(said - true)
                boxes += (0.5 * apart**2 if apart < 1 else apart - 0.5) / 9
    loss = region_loss(logits, codes, labels, wanted)
    assert loss.classes.item() == pytest.approx(classes, rel=1e-5)
    assert loss.boxes.item() == pytest.approx(boxes, rel=1e-5)
    assert loss.total.item() == pytest.approx(classes + boxes, rel=1e-5)
    none = region_loss(logits[:0], codes[:0], labels[:0], wanted[:0])
    assert none.total.item() == 0
    ground = region_loss(logits, codes, torch.full((9,), 3), wanted)
    assert ground.boxes.item() == 0


def test_the_head_of_vgg_16_has_the_papers_size() -> None:
    with torch.device("meta"):
        head = FastHead(512, 20)
    count = sum(each.numel() for each in head.parameters())
    assert count == (512 * 49 + 1) * 4096 + 4097 * 4096 + 4097 * (21 + 80)
    logits, codes = FastHead(4, 3, grid=2, hidden=8)(torch.randn(5, 4, 2, 2))
    assert logits.shape == (5, 4)
    assert codes.shape == (5, 3, 4)


def test_answers_become_detections() -> None:
    boxes = torch.tensor([[10.0, 10, 30, 30], [11, 10, 31, 30], [60, 60, 90, 90], [70, 0, 100, 40]])
    logits = torch.tensor([[6.0, 0, 0], [5, 0, 0], [0, 6, 0], [0, 0, 9]])
    codes = torch.zeros(4, 2, 4)
    codes[2, 1] = torch.tensor([10.0, 0, 0, 0])  # a width of its own to the right: beyond the picture
    found = decode_regions(logits, codes, boxes, (100, 100))
    assert found.labels.tolist() == [0, 1]
    assert found.boxes.tolist() == [[10, 10, 30, 30], [90, 60, 100, 90]]
    assert found.scores.tolist() == pytest.approx([0.99506, 0.99506], abs=1e-3)
    assert len(decode_regions(logits, codes, boxes, (100, 100), most=1).scores) == 1
    assert len(decode_regions(logits, codes, boxes, (100, 80)).scores) == 1  # nothing of it is left there
    assert len(decode_regions(logits[:0], codes[:0], boxes[:0], (100, 100)).scores) == 0


def test_codes_are_measured() -> None:
    codes = torch.randn(500, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.1, 0.1, 0.2, 0.2])
    mean, deviation = standardize_codes(codes)
    assert mean.tolist() == pytest.approx([0] * 4, abs=0.02)
    assert deviation.tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2], rel=0.1)


# --- Perceptual GAN --------------------------------------------------------------------------------------------------


def test_the_generator_begins_with_what_the_detector_has_and_learns_what_is_missing() -> None:
    torch.manual_seed(0)
    generator = ResidualGenerator(fine_channels=4, channels=6, blocks=2)
    pooled, fine = torch.randn(8, 6, 7, 7), torch.randn(8, 4, 7, 7)
    assert torch.equal(generator(pooled, fine), pooled)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in ResidualGenerator(4, 6).modules()) == 12
    large = pooled + fine[:, :3].repeat(1, 2, 1, 1)
    optimizer = torch.optim.Adam(generator.parameters(), 0.01)
    first = (generator(pooled, fine) - large).square().mean().item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = (generator(pooled, fine) - large).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * first
    dead = [name for name, value in generator.named_parameters() if value.grad is None or not value.grad.any()]
    assert not dead


def test_the_discriminator_answers_twice_and_all_of_it_learns() -> None:
    torch.manual_seed(0)
    discriminator = PerceptualDiscriminator(channels=6, classes=3, grid=7, hidden=16, dropout=0)
    answer = discriminator(torch.randn(5, 6, 7, 7))
    assert answer.large.shape == (5,)
    assert answer.classes.shape == (5, 4)
    assert answer.codes.shape == (5, 3, 4)
    labels = torch.tensor([0, 1, 2, 3, 0])
    adversarial = nn.functional.binary_cross_entropy_with_logits(answer.large, torch.ones(5))
    (adversarial + region_loss(answer.classes, answer.codes, labels, torch.randn(5, 4)).total).backward()
    dead = [name for name, value in discriminator.named_parameters() if value.grad is None or not value.grad.any()]
    assert not dead
