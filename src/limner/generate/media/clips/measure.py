"""Scores of made clips: Fréchet distance over random 3-D features, and histograms of motion, beside clips whose time
means nothing.
"""

from itertools import pairwise

import numpy as np
import torch
from skimage.registration import optical_flow_ilk
from torch import Tensor, nn
from torch.nn import functional

from limner.fidelity.frechet import frechet_distance
from limner.foundation.draws import Draws
from limner.learning.runs.score_rows import MADE, Column, ScoreRows

FROZEN, SHUFFLED, TRAINING = "training clips, frozen", "training clips, frames shuffled", "training clips, as many"
COLUMNS = {
    "frechet": Column("Fréchet distance, random 3-D features", "lower"),
    "motion": Column("histograms of motion apart, %", "lower", share=True),
    "moves": Column("pixels that move, %", "none", share=True),
    "copies": Column("as near to a training clip as a held-out one hardly is, %", "none", share=True),
}
WIDTHS = (16, 24, 16)
"""Maps of the random layers; few at the end, for a distance of Gaussians wants more clips than numbers of each."""
STILL_PX, FAST_PX, DIRECTIONS = 0.3, 1.0, 8
"""Slower pixels stand still; those from the second on count as fast; all others go into as many directions."""
RESAMPLES = 100
FLOWN = 64
"""Clips whose motion is looked at."""
NEAR = 0.5
"""Share of the usual distance of held-out clips from training clips below which a clip passes for a copy."""


class RandomFeatures(nn.Module):
    """Three 3-D convolutions whose weights are drawn once and never learn, and what they see on average.

    Random features of this kind tell distributions apart as far as their windows of 3 frames and 3 x 3 px, each twice
    coarser than the one before, see a difference (Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative
    Models", ICML 2020, sec. 5, on random networks). Nobody has learned anything of clips here, so a distance compares
    only with others of this protocol.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = Draws(seed, torch.device("cpu")).of("random features of clips")
        inputs = (3, *WIDTHS[:-1])
        self.kernels = nn.ParameterList(
            nn.Parameter(
                _orthogonal(outputs, before * 27, generator).view(outputs, before, 3, 3, 3), requires_grad=False
            )
            for before, outputs in zip(inputs, WIDTHS, strict=True)
        )

    @torch.no_grad()
    def forward(self, clip: Tensor) -> Tensor:
        """clip: (B, 3, T, S, S) float in [-1, 1]. Gives (B, 2 x 16): each map's mean, and its deviation over time."""
        x = clip
        for number, kernel in enumerate(self.kernels):
            x = functional.leaky_relu(functional.conv3d(x, kernel, stride=2 if number else 1, padding=1), 0.2)
        return torch.cat([x.mean((2, 3, 4)), x.std(2).mean((2, 3))], dim=1)


def _orthogonal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    matrix = torch.randn(columns, rows, generator=generator)
    return torch.linalg.qr(matrix).Q.T.contiguous() * (columns / rows) ** 0.5 if columns >= rows else matrix.T


def features_of(clips: Tensor, network: RandomFeatures, batch: int = 32) -> Tensor:
    """(n, d) float32 of clips (n, 3, T, S, S) uint8."""
    return torch.cat([network(part.float() / 127.5 - 1) for part in clips.split(batch)])


def motion_histogram(clips: Tensor) -> np.ndarray:
    """(1 + 2 x 8,) shares of pixels: standing still, and moving slowly or fast into each of 8 directions.

    By the iterative Lucas-Kanade flow of scikit-image (Le Besnerais and Champagnat 2005), in gray, between every second
    frame and the one after it, of the first `FLOWN` clips. clips: (n, 3, T, S, S) uint8.
    """
    counts = np.zeros(1 + 2 * DIRECTIONS)
    gray = clips[:FLOWN].float().mean(1).div(255).numpy()  # (n, T, S, S)
    for clip in gray:
        for before, after in list(pairwise(clip))[::2]:
            down, right = optical_flow_ilk(before, after, radius=3, num_warp=3)
            speed = np.hypot(down, right)
            way = np.floor(np.arctan2(down, right) / (2 * np.pi) * DIRECTIONS + 0.5).astype(int)
            place = np.where(speed < STILL_PX, 0, 1 + way % DIRECTIONS + DIRECTIONS * (speed >= FAST_PX))
            counts += np.bincount(place.ravel(), minlength=len(counts))
    found: np.ndarray = counts / counts.sum()
    return found


def frozen(clips: Tensor) -> Tensor:
    """The same clips, of which every frame is the first."""
    return clips[:, :, :1].expand_as(clips)


def shuffled(clips: Tensor, generator: torch.Generator) -> Tensor:
    """The same clips with their frames in an order drawn for each."""
    orders = torch.stack([torch.randperm(clips.shape[2], generator=generator) for _ in clips])
    return torch.stack([clip[:, order] for clip, order in zip(clips, orders, strict=True)])


def measure(
    made: Tensor, training: Tensor, true: Tensor, *, seed: int = 0, own: bool = True, bars: bool = True
) -> ScoreRows:
    """Score made clips, (n, 3, T, S, S) uint8, beside what needs no learning.

    training: (N, ...), learned from. true: (m, ...), held out. own: whether the true ones are of the run's own data.
    bars: without them, the made clips alone are scored, and without an interval.
    """
    draws = Draws(seed, torch.device("cpu"))
    some = training[torch.randperm(len(training), generator=draws.of("training clips"))[: len(made)]]
    rivals = {
        MADE: made, FROZEN: frozen(some), SHUFFLED: shuffled(some, draws.of("order of frames")), TRAINING: some,
    }  # fmt: skip
    if not bars:
        rivals = {MADE: made}
    network = RandomFeatures()
    wanted, motion = features_of(true, network), motion_histogram(true)
    center, scale = wanted.mean(0), wanted.std(0).clamp(min=1e-6)
    usual = _nearest(true, training).median()
    rows: dict[str, dict[str, float | None]] = {}
    seen: dict[str, Tensor] = {}
    for name, clips in rivals.items():
        seen[name] = (features_of(clips, network) - center) / scale
        found = motion_histogram(clips)
        rows[name] = {
            "frechet": frechet_distance((wanted - center) / scale, seen[name]),
            "motion": float(np.abs(found - motion).sum() / 2),
            "moves": float(1 - found[0]),
            "copies": float((_nearest(clips, training) < NEAR * usual).float().mean()) if name == MADE else None,
        }
    intervals = {"frechet": _interval((wanted - center) / scale, seen[MADE])} if bars else {}
    where = "held-out clips" if own else "clips of other data"
    protocol = (
        f"{len(made)} made clips, none chosen, against {len(true)} {where}. Fréchet distance of the means and "
        f"deviations over time of {WIDTHS[-1]} maps of three random 3-D convolutions, brought to deviation 1 on the "
        f"{where}; "
        "half of the sum of differences of the shares of pixels that stand still or move, slowly or fast, in 8 "
        f"directions, by Lucas-Kanade's flow of {FLOWN} clips at most."
    )
    notes = (
        "Frozen clips repeat their first frame. The interval is over resampled made clips, which raise the distance a "
        "little: it tells how far it may move, not where it lies.",
    )
    return ScoreRows(COLUMNS, rows, FROZEN, protocol, intervals, notes)


def _interval(wanted: Tensor, seen: Tensor) -> tuple[float, float]:
    """95 % of the distances of made clips drawn again from themselves."""
    generator = np.random.default_rng(0)
    draws = (torch.from_numpy(generator.integers(0, len(seen), len(seen))) for _ in range(RESAMPLES))
    low, high = np.quantile([frechet_distance(wanted, seen[chosen]) for chosen in draws], [0.025, 0.975])
    return float(low), float(high)


def _nearest(clips: Tensor, training: Tensor) -> Tensor:
    """(n,): the distance of each clip to the training clip most like it, as small pictures of few frames."""
    one, other = (
        functional.adaptive_avg_pool3d(each.float() / 255, (4, 8, 8)).flatten(1) for each in (clips, training)
    )
    return torch.cdist(one, other).min(1).values
