"""Depthwise convolutions that learn quicker on processors: their gradients are taken in float32.

oneDNN, by which torch convolves on processors, has no quick gradient of a depthwise convolution in bf16 but for the
usual 3 x 3 at stride 1: on an AVX512-BF16 core it takes two to five times as long as in float32, and more than half of
a training step of EfficientNet-Lite0. `benchmarks/depthwise.py` measures both.
"""

import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn


class _GradientsInFloat32(nn.Module):
    """Mixed into a convolution: where it learns under bf16 autocast on a processor, it computes in float32.

    Takes and gives (B, C, H, W) as before, bf16 under autocast. Without gradients it convolves as autocast says.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if x.device.type != "cpu" or not (torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")):
            plain: Tensor = super().forward(x)
            return plain
        with torch.autocast("cpu", enabled=False):
            answer: Tensor = super().forward(x.float())
        return answer.to(torch.get_autocast_dtype("cpu"))


class _DepthwiseConv2d(_GradientsInFloat32, nn.Conv2d):
    pass


class _DepthwiseConv2dSame(_GradientsInFloat32, Conv2dSame):
    pass


_QUICK = {nn.Conv2d: _DepthwiseConv2d, Conv2dSame: _DepthwiseConv2dSame}


def quicken_depthwise(network: nn.Module) -> None:
    """Let the depthwise convolutions of a network that are larger than 3 x 3 or stride take their gradients in float32.

    Changed in place; weights, their names and what the network answers without gradients stay as they are.
    """
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or type(module) not in _QUICK:
            continue
        depthwise = 1 < module.groups == module.in_channels
        if depthwise and (max(module.kernel_size) > 3 or max(module.stride) > 1):
            module.__class__ = _QUICK[type(module)]
