"""Mean-field inference in a fully connected CRF with Gaussian kernels."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from limner.segment.predicting.crf.lattice import Lattice
from limner.segment.predicting.crf.options import CrfOptions

LEAST = 1e-5
"""Of a probability: what a network gives as 0 is not impossible, or no neighbor could speak against it."""
TRUNCATE = 4.0  # standard deviations after which the kernel of position is cut: 0.03 % of it is left out


class DenseCrf:
    """A fully connected CRF over one picture: all pairs of its pixels pull each other into one class.

    Kraehenbuehl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials" (NeurIPS 2011).
    The energy of classes x given a network's probabilities p is

        E(x) = - sum_i log p_i(x_i) + sum_{i<j} [x_i != x_j] (w_s k_s(i, j) + w_c k_c(i, j)),

    where k_s is a Gaussian of the distance of two pixels, and k_c one of their distance and of their difference of
    color (root mean square over the bands, so that it means the same for any number of them), each normalized
    symmetrically: k(i, j) / sqrt(k(i, .) k(j, .)), the sums over all valid pixels. Mean-field inference begins with
    Q = p and repeats

        Q_i(l) ~ p_i(l) exp(sum_{j != i} (w_s k_s(i, j) + w_c k_c(i, j)) Q_j(l)).

    The sums over k_s are exact but for its tail beyond 4 standard deviations; those over k_c are a permutohedral
    lattice's. Pixels without data neither pull nor are pulled: they keep their probabilities.

    picture: (bands, H, W) float32, standardized: each band in its standard deviations. valid: (H, W) bool. origin: of
    the picture in its scene, (row, column): tiles of one scene then stand in one lattice. All on one device.
    """

    def __init__(self, picture: Tensor, valid: Tensor, options: CrfOptions, origin: tuple[int, int] = (0, 0)) -> None:
        self.options, self.valid = options, valid
        self.kernels: list[tuple[float, _Smoothing | _Coloring]] = []
        if options.smooth_weight:
            self.kernels.append((options.smooth_weight, _Smoothing(valid, options.smooth_px)))
        if options.color_weight and bool(valid.any()):
            coloring = _Coloring(picture, valid, options.color_px, options.color_std, origin)
            self.kernels.append((options.color_weight, coloring))

    def __call__(self, probabilities: Tensor) -> Tensor:
        """What the CRF makes of a network's probabilities (classes, H, W) float32, 0..1: the same shape, sums of 1."""
        given = probabilities.clamp_min(LEAST).log()
        current = functional.softmax(given, dim=0)
        for _ in range(self.options.steps):
            # The last class's sums are what the others leave of all, so that two classes cost one filtering.
            pulls = sum(weight * kernel(current[:-1]) for weight, kernel in self.kernels)
            all_pulls = sum(weight * kernel.of_ones for weight, kernel in self.kernels)
            if isinstance(pulls, Tensor):
                messages = torch.cat([pulls, all_pulls - pulls.sum(dim=0, keepdim=True)])
                current = functional.softmax(given + messages, dim=0)
        return torch.where(self.valid, current, probabilities)


class _Kernel:
    """Sums of planes (P, H, W) over all other pixels, weighted by a symmetrically normalized kernel."""

    scale: Tensor
    """1 / sqrt of each pixel's sum over the kernel, (H, W); 0 where a pixel is not valid."""
    own: Tensor
    """How much of its own value a pixel's sum holds, (H, W)."""

    def sums(self, planes: Tensor) -> Tensor:
        """(P, H, W): sums over all pixels, each its own too, of the kernel as it is."""
        raise NotImplementedError

    def __call__(self, planes: Tensor) -> Tensor:
        scaled = planes * self.scale
        return (self.sums(scaled) - self.own * scaled) * self.scale

    def normalize(self, valid: Tensor) -> None:
        """Set ``scale`` from the sums over ones, and keep what the kernel makes of ones."""
        ones = valid[None].float()
        total = self.sums(ones)[0]
        self.scale = torch.where(valid, total.clamp_min(torch.finfo(total.dtype).tiny).rsqrt(), 0.0)
        self.of_ones = self(ones)


class _Smoothing(_Kernel):
    """A Gaussian of position alone: two passes, along rows and along columns."""

    def __init__(self, valid: Tensor, deviation_px: float) -> None:
        radius = math.ceil(TRUNCATE * deviation_px)
        steps = torch.arange(-radius, radius + 1, device=valid.device)
        self.profile = torch.exp(-0.5 * (steps / deviation_px) ** 2)
        self.radius = radius
        self.own = torch.ones_like(valid, dtype=torch.float32)
        self.normalize(valid)

    def sums(self, planes: Tensor) -> Tensor:
        rows = functional.conv2d(planes[:, None], self.profile[None, None, :, None], padding=(self.radius, 0))
        return functional.conv2d(rows, self.profile[None, None, None, :], padding=(0, self.radius))[:, 0]


class _Coloring(_Kernel):
    """A Gaussian of position and color."""

    def __init__(
        self, picture: Tensor, valid: Tensor, deviation_px: float, deviation_color: float, origin: tuple[int, int]
    ) -> None:
        self.valid = valid
        rows, columns = (index.float() for index in valid.nonzero(as_tuple=True))
        places = torch.stack([rows + origin[0], columns + origin[1]], dim=1) / deviation_px
        colors = picture[:, valid].T / (deviation_color * math.sqrt(len(picture)))
        self.lattice = Lattice(torch.cat([places, colors], dim=1))
        self.own = self._spread(self.lattice.own_weight[:, None])[0]
        self.normalize(valid)

    def sums(self, planes: Tensor) -> Tensor:
        return self._spread(self.lattice(planes[:, self.valid].T.contiguous()))

    def _spread(self, values: Tensor) -> Tensor:
        """Values (N, P) of the valid pixels as planes (P, H, W), 0 elsewhere."""
        planes = values.new_zeros(values.shape[1], *self.valid.shape)
        planes[:, self.valid] = values.T
        return planes
