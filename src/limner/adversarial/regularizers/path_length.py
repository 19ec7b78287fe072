"""Path length regularization: a step of the same length in the latent should change every picture as much.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, sec. 3.2.
"""

import torch
from torch import Tensor

DECAY = 0.01
"""How far the running mean of the lengths moves at a time, as in the authors' code."""


def path_lengths(image: Tensor, latent: Tensor, generator: torch.Generator) -> Tensor:
    """(B,) float32: ||J^T y||_2 for each picture, J = dg(w) / dw, with y of its shape from N(0, 1) / sqrt(H W).

    Its mean over y is the length by which a step in w changes the picture, the same in all directions where J is
    orthogonal up to a scale. Can be differentiated by the generator's weights. Call the network itself without autocast
    for ``image``.

    image: (B, C, H, W), or any sample (B, C, ...), made from ``latent``. latent: (B, d), or (B, layers, d) where each
    layer has its own: the squares are then summed over d and averaged over the layers. generator: draws y.
    """
    noise = torch.randn(image.shape, generator=generator, device=generator.device).to(image)
    noise = noise / image[0, 0].numel() ** 0.5
    (pull,) = torch.autograd.grad((image * noise).sum(), latent, create_graph=True)
    return pull.float().square().sum(-1).view(len(image), -1).mean(1).sqrt()


def path_length_penalty(lengths: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """mean (length - a)^2, 0-d float32 (eq. 4; weight in the authors' code: 2), and a, the running mean of the lengths.

    lengths: (B,) by `path_lengths`. mean: 0-d, a as it was; 0 before the first time. The new one, detached, goes into
    the task's ``state``.
    """
    mean = torch.lerp(mean.to(lengths), lengths.detach().mean(), DECAY)
    return (lengths - mean).square().mean(), mean
