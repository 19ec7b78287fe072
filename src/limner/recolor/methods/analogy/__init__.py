"""Histogram analogy: a network that changes a picture's colors as its color histogram differs from a reference's."""

from collections.abc import Callable
from typing import Any


def histogram_analogy(width: int = 16, codes: int = 64) -> Any:
    """An encoder of color histograms, and a U-Net whose answer is a grid of changes of color (Lee et al. 2020)."""
    from limner.recolor.methods.analogy.network import HistogramAnalogy  # settings are listed without torch

    return HistogramAnalogy(width, codes)


ANALOGY = "recolor-analogy"
"""The task of runs."""
NETWORKS: dict[str, Callable[..., Any]] = {"histogram-analogy": histogram_analogy}
"""By the names that recipes use."""
