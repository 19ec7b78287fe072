"""Superpixel color transfer as one would first put it together from scikit-image, timm, numpy and torch.

The same method with the same settings as `limner.recolor.methods.superpixel`, palette and diffusion included, without
any of its short cuts: features are enlarged to the size of the picture, the attention is one matrix, every pixel is
compared with every superpixel a block at a time, regrain is written with torch's whole-picture operations. It is what
the benchmark of speed compares with, and its picture is the same but for what the superpixels differ.
"""

import math

import numpy as np
import timm
import torch
from skimage.segmentation import slic
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.pretrained import LITE0, load_weights
from limner.recolor.fusion.fuse import fuse_exactly
from limner.recolor.fusion.regrain import EDGES, ITERATIONS, SMALLEST_PX, shrink, solve_torch
from limner.recolor.matching.diffusion import diffuse, like_graph
from limner.recolor.matching.palette import complete_palette
from limner.recolor.methods.superpixel import AFTER_PALETTE, BEFORE_PALETTE
from limner.recolor.superpixels.pooling import Regions

TEMPERATURE_STEPS = 20


def plain_transfer(target: Tensor, reference: Tensor, perplexity: float, share: float) -> Tensor:
    """The target in the colors of the reference, both (3, H, W) float32 in 0..1."""
    network = plain_network()
    (own, regions, labels), (other, looks, _) = (describe(picture, network) for picture in (target, reference))
    similarity = standardized(own) @ standardized(other).T
    low, high = math.log(1e-4), math.log(10.0)
    for _ in range(TEMPERATURE_STEPS):
        middle = (low + high) / 2
        weights = torch.softmax(similarity / math.exp(middle), dim=1)
        found = float(torch.exp(torch.special.entr(weights).sum(1)).median())
        low, high = (middle, high) if found < perplexity else (low, middle)
    colors = torch.softmax(similarity / math.exp((low + high) / 2), dim=1) @ looks.colors
    graph = like_graph(regions, torch.from_numpy(labels))
    colors = regions.colors + diffuse(colors - regions.colors, graph, BEFORE_PALETTE)
    colors = complete_palette(colors, regions.count, looks.colors, looks.count, share)
    changes = diffuse(colors - regions.colors, graph, AFTER_PALETTE)
    return regrain(target, target + fuse_exactly(target, regions, changes).picture)


def plain_network() -> nn.Module:
    """EfficientNet-Lite0 as timm makes it."""
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(load_weights(LITE0))
    return network.eval()


def describe(picture: Tensor, network: nn.Module) -> tuple[Tensor, Regions, np.ndarray]:
    """Super-features (N, C) and superpixels of a picture, and their labels."""
    labels = cut(picture)
    return plain_features(picture, labels, network), plain_regions(picture, labels), labels


def cut(picture: Tensor) -> np.ndarray:
    """scikit-image's superpixels, numbered from 0: (H, W) int64."""
    image = picture.permute(1, 2, 0).numpy()
    count = round(3 * math.sqrt(picture[0].numel()))
    return slic(image, count, compactness=10, max_num_iter=10, start_label=0)


def plain_features(picture: Tensor, labels: np.ndarray, network: nn.Module) -> Tensor:
    """The maps of the stem and of the stage at a quarter of the size, in one pass, enlarged and averaged:
    (N, C) float32.
    """
    with torch.inference_mode():
        stem = network.bn1(network.conv_stem((picture[None] - 0.5) / 0.5))
        maps = [stem, network.blocks[:2](stem)]
        counts = np.bincount(labels.ravel())
        columns = []
        for found in maps:
            whole = functional.interpolate(found, picture.shape[1:], mode="bilinear", align_corners=False)[0]
            columns += [np.bincount(labels.ravel(), band.ravel()) / counts for band in whole.numpy()]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


def plain_regions(picture: Tensor, labels: np.ndarray) -> Regions:
    """Centers and covariances of superpixels, by numpy."""
    _, height, width = picture.shape
    rows, columns = np.indices((height, width))
    points = np.stack([rows / height, columns / width, *picture.double().numpy()]).reshape(5, -1)
    numbers = labels.ravel()
    counts = np.bincount(numbers)
    mean = np.stack([np.bincount(numbers, values) / counts for values in points], axis=1)
    covariance = np.zeros((len(counts), 5, 5))
    for block in ((0, 1), (2, 3, 4)):
        for first in block:
            for second in block:
                product = np.bincount(numbers, points[first] * points[second]) / counts
                covariance[:, first, second] = product - mean[:, first] * mean[:, second]
    return Regions(torch.from_numpy(counts), torch.from_numpy(mean).float(), torch.from_numpy(covariance).float())


def standardized(features: Tensor) -> Tensor:
    """Each channel without its mean and divided by its deviation, each row of unit length."""
    values = (features - features.mean(0)) / (features.std(0) + 1e-8)
    return values / (values.norm(dim=1, keepdim=True) + 1e-8)


def regrain(original: Tensor, graded: Tensor) -> Tensor:
    """Pitie's regrain on a pyramid of whole pictures."""
    return original + _level(original, graded - original, 0)


def _level(original: Tensor, wanted: Tensor, level: int) -> Tensor:
    half = (math.ceil(original.shape[1] / 2), math.ceil(original.shape[2] / 2))
    start = wanted
    if min(half) > SMALLEST_PX:
        coarse = _level(shrink(original, half), shrink(wanted, half), level + 1)
        start = functional.interpolate(coarse[None], original.shape[1:], mode="bilinear", align_corners=False)[0]
    steps = ITERATIONS[min(level, len(ITERATIONS) - 1)]
    return solve_torch(original, wanted, start, 1.0, 2.0**-level, steps, EDGES)
