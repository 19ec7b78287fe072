"""LeNet-5 to the letter of 1998: partly connected maps, trainable subsampling, units that measure distances."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.classify.networks.digit_codes import digit_codes
from limner.classify.networks.picture_network import PictureNetwork

CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Table I of the paper: which maps of S2 each map of C3 sees."""
BACKGROUND, INK = -0.1, 1.175
"""The values of an empty pixel and of full ink."""


class Squash(nn.Module):
    """1.7159 tanh(2 x / 3), so that +-1 give +-1, where the curve bends most (the paper's appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """The sum of each 2 x 2 cell times a coefficient of the map plus its bias: (B, maps, H, W) -> half the size."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(maps))
        self.bias = nn.Parameter(torch.empty(maps))

    def forward(self, x: Tensor) -> Tensor:
        total = 4 * functional.avg_pool2d(x, 2)
        return total * self.coefficient[:, None, None] + self.bias[:, None, None]


class PartialConvolution(nn.Module):
    """A convolution whose every map sees only some of the maps below: (B, inputs, H, W) -> (B, maps, H - 4, W - 4).

    connections: for each map, those that it sees. All that are seen have weights of their own, and no others exist.
    """

    outputs_of: Tensor
    inputs_of: Tensor

    def __init__(self, connections: tuple[tuple[int, ...], ...], kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        pairs = [(output, place) for output, seen in enumerate(connections) for place in seen]
        self.weight = nn.Parameter(torch.empty(len(pairs), kernel, kernel))
        self.bias = nn.Parameter(torch.empty(len(connections)))
        self.inputs = 1 + max(place for _, place in pairs)
        # Not saved: they follow from the connections.
        self.register_buffer("outputs_of", torch.tensor([output for output, _ in pairs]), persistent=False)
        self.register_buffer("inputs_of", torch.tensor([place for _, place in pairs]), persistent=False)

    def full_weight(self) -> Tensor:
        """(maps, inputs, k, k): zero where nothing is connected."""
        full = self.weight.new_zeros(len(self.bias), self.inputs, self.kernel, self.kernel)
        return full.index_put((self.outputs_of, self.inputs_of), self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.full_weight(), self.bias)


class LeNet1998(PictureNetwork):
    """LeNet-5 of 1998: partly connected maps, trainable subsampling, an output of distances to fixed codes.

    LeCun, Bottou, Bengio and Haffner 1998, section II.B: C1 6 maps of 5 x 5 (156), S2 (12), C3 16 maps by Table I
    (1,516), S4 (32), C5 120 (48,120), F6 84 units (10,164): 60,000 for one band. The output unit of a class is the
    squared distance of F6 to its code of 84 values of +-1, which nobody trains; the logits here are its negative, so
    the nearest code wins. Squashing is 1.7159 tanh(2 x / 3); weights begin uniform in +-2.4 / fan-in.

    channels: bands of the picture. classes: to tell apart.

    The paper's loss is ``loss: maximum-a-posteriori``. Where this differs from the paper: codes of ten classes are
    digits that we drew on its 7 x 12 grid, as the paper shows its own only in a figure; of other numbers they are drawn
    by lot. The paper trains by a diagonal approximation of second derivatives, recipes here by plain gradients.
    """

    least_px = 28
    sizes_px = (28, 32)
    codes: Tensor

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        # An empty pixel becomes -0.1 and full ink 1.175.
        self.input_mean = (-BACKGROUND / (INK - BACKGROUND),) * channels
        self.input_std = (1 / (INK - BACKGROUND),) * channels
        self.c1, self.s2 = nn.Conv2d(channels, 6, 5), Subsampling(6)
        self.c3, self.s4 = PartialConvolution(CONNECTIONS, 5), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5), nn.Linear(120, 84)
        self.squash = Squash()
        self.register_buffer("codes", digit_codes(classes))
        self.begin()

    @torch.no_grad()
    def begin(self) -> None:
        """Weights and biases uniform in +-2.4 / fan-in, by torch's global generator."""
        fans = [
            (self.c1, self.c1.weight[0].numel()), (self.s2, 4), (self.s4, 4), (self.c5, self.c5.weight[0].numel()),
            (self.f6, 120),
        ]  # fmt: skip
        for layer, fan in fans:
            for parameter in layer.parameters():
                parameter.uniform_(-2.4 / fan, 2.4 / fan)
        # In C3 a map's fan-in is what it is connected to.
        seen = torch.tensor([float(len(each)) * 25 for each in CONNECTIONS], device=self.c3.weight.device)
        for parameter, fan_in in ((self.c3.weight, seen[self.c3.outputs_of, None, None]), (self.c3.bias, seen)):
            parameter.copy_(torch.rand_like(parameter) * 2 - 1).mul_(2.4 / fan_in)

    def features(self, image: Tensor) -> Tensor:
        """(B, 84): what F6 gives. image: (B, channels, 28 or 32, 28 or 32); 28 px get a border of empty paper."""
        if image.shape[-1] == 28:
            image = functional.pad(image, (2, 2, 2, 2), value=BACKGROUND)
        x = self.squash(self.s2(self.squash(self.c1(image))))  # (B, 6, 14, 14)
        x = self.squash(self.s4(self.squash(self.c3(x))))  # (B, 16, 5, 5)
        x = self.squash(self.c5(x)).flatten(1)  # (B, 120)
        return self.squash(self.f6(x))

    def forward(self, image: Tensor) -> Tensor:
        """(B, classes): minus the squared distance to each class's code (eq. 7)."""
        return -(self.features(image)[:, None] - self.codes).square().sum(2)

    def head(self) -> nn.Module:
        """F6; the codes above it are fixed."""
        return self.f6
