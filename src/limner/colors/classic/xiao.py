"""Principal axes of one cloud turned and stretched into those of the other (Xiao and Ma 2006)."""

import torch
from torch import Tensor

from limner.colors.classic.clouds import AffineMap, check_clouds, moments, regularized


def xiao(target: Tensor, reference: Tensor) -> AffineMap:
    """Transfer in correlated color space: x becomes U_r S_r^1/2 S_t^-1/2 U_t^T (x - mean_t) + mean_r.

    C = U S U^T are the covariances' eigenvectors and eigenvalues. The paper leaves their order and signs to the
    decomposition, so that the least change of a picture may mirror its colors. Here the axes go from the largest
    variance to the smallest, and an axis of the reference points into the half-space of the target's axis of the same
    rank. Where two variances of a picture are nearly alike, their order is still a matter of chance.

    Takes and raises what `limner.colors.color_map.Fit` says.
    """
    check_clouds(target, reference)
    mean_target, cov_target = moments(target)
    mean_reference, cov_reference = moments(reference)
    cov_target, cov_reference = regularized(cov_target, cov_reference)
    variance_target, axes_target = torch.linalg.eigh(cov_target)  # both from the smallest to the largest
    variance_reference, axes_reference = torch.linalg.eigh(cov_reference)
    along = (axes_target * axes_reference).sum(0)
    stretch = torch.where(along < 0, -1.0, 1.0) * (variance_reference / variance_target).sqrt()
    return AffineMap((axes_reference * stretch) @ axes_target.T, mean_target, mean_reference)
