"""Tables of scores over many pairs, the ranking of a grid, and whether the default method is what it should be."""

from collections.abc import Mapping
from statistics import median

import numpy as np

from limner.recolor.scoring.score import TransferScore
from recolor_peers import versions

DEFAULT_METHOD = "superpixel"
CLEARLY_SSIM, CLEARLY_CLOSED = 0.01, 0.03
"""By more than this one method is better than another on a pair."""
LEAST_CLOSED = 0.5
"""The share of the distance that the default method must close on the median pair."""

Scores = Mapping[str, Mapping[str, TransferScore]]
"""method -> pair -> score."""


def table(scores: Scores) -> str:
    """Markdown: a row for each method with the median of each score, and the quartiles of the two that matter most."""
    heads = ["method", "closed", "quartiles", "pairs nearer", "SSIM", "quartiles", "gradients", "Delta E", "histogram"]
    heads += ["chroma", "clipped", "banding", "blotches", "halos", "opacity"]
    count = len(next(iter(scores.values())))
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for name, values in sorted(scores.items(), key=lambda item: -middle(item[1], "closed")):
        cells = [
            name,
            f"{100 * middle(values, 'closed'):.0f}%",
            "{:.0f} to {:.0f}%".format(*100 * quartiles(values, "closed")),
            f"{sum(score.closed > 0 for score in values.values())} of {count}",
            f"{middle(values, 'ssim'):.3f}",
            "{:.3f} to {:.3f}".format(*quartiles(values, "ssim")),
            f"{middle(values, 'gradient_correlation'):.3f}",
            f"{middle(values, 'color_distance'):.1f}",
            f"{middle(values, 'histogram_intersection'):.2f}",
            f"{middle(values, 'chroma_ratio'):.2f}",
            f"{100 * middle(values, 'clipped'):.1f}%",
            f"{100 * middle(values, 'banding'):.1f}%",
            f"{middle(values, 'blotches'):.2f}",
            f"{middle(values, 'halos'):.2f}",
            f"{100 * middle(values, 'opacity'):.0f}%",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    packages = ", ".join(f"{package} {version}" for package, version in versions().items())
    return "\n".join([*lines, "", f"Medians over {count} pairs. Peers: {packages}.", ""])


def ranking(scores: Scores) -> str:
    """The table, and the choices that close enough, the one that keeps most structure first."""
    enough = [name for name, values in scores.items() if middle(values, "closed") >= LEAST_CLOSED]
    best = sorted(enough, key=lambda name: -middle(scores[name], "ssim"))
    lines = [
        f"{place}. {name}: SSIM {middle(scores[name], 'ssim'):.3f}, closes {100 * middle(scores[name], 'closed'):.0f}%,"
        f" nearer on {sum(score.closed > 0 for score in scores[name].values())} of {len(scores[name])}"
        for place, name in enumerate(best, 1)
    ]
    return "\n".join([table(scores), "Of those that close half of the distance on the median pair:", *lines])


def verdict(scores: Scores) -> str:
    """Whether the default method is what it should be: nearer on every pair, by half, and none better on both sides."""
    ours = scores[DEFAULT_METHOD]
    closed, ssim = middle(ours, "closed"), middle(ours, "ssim")
    away = [name for name, score in ours.items() if score.closed <= 0]
    rivals = {name: values for name, values in scores.items() if name != DEFAULT_METHOD}
    as_near = {name: middle(values, "ssim") for name, values in rivals.items() if middle(values, "closed") >= closed}
    better = [name for name, rival in as_near.items() if rival > ssim]
    lines = [
        f"{DEFAULT_METHOD}: closes {100 * closed:.0f}% on the median pair, SSIM {ssim:.3f}",
        f"{'no ' if away else 'yes'} nearer to the reference on every pair"
        + (f": not on {', '.join(away)}" * bool(away)),
        f"{'yes' if closed >= LEAST_CLOSED else 'no '} closes at least half on the median pair",
        f"{'no ' if better else 'yes'} at least the SSIM of the {len(as_near)} that close as much:",
        *(f"      {name}: SSIM {rival:.3f}" for name, rival in sorted(as_near.items(), key=lambda item: -item[1])),
    ]
    beaten = beaten_by(scores)
    lines += [f"{'no ' if beaten else 'yes'} on no pair another method clearly better on both sides", *beaten]
    return "\n".join(lines)


def beaten_by(scores: Scores) -> list[str]:
    """A line for each pair and method that keeps more structure than the default and closes more, both clearly."""
    return [
        f"      {pair}: {name} closes {100 * rival.closed:.0f}% for {100 * ours.closed:.0f}%, "
        f"SSIM {rival.ssim:.3f} for {ours.ssim:.3f}"
        for pair, ours in scores[DEFAULT_METHOD].items()
        for name, rivals in scores.items()
        if (rival := rivals[pair]).ssim > ours.ssim + CLEARLY_SSIM and rival.closed > ours.closed + CLEARLY_CLOSED
    ]


def middle(values: Mapping[str, TransferScore], field: str) -> float:
    """The median over the pairs."""
    return median(getattr(score, field) for score in values.values())


def quartiles(values: Mapping[str, TransferScore], field: str) -> np.ndarray:
    """(2,): a quarter of the pairs lies below, and a quarter above."""
    return np.percentile([getattr(score, field) for score in values.values()], (25, 75))
