"""What changes by a covered square, computed alone: the same answers as whole pictures, and less to compute."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.learning.networks.known import find_network
from limner.nn.looking.evidence import class_answer, occlusion
from limner.nn.looking.local import Changed, Known, changed_by

CORNERS = [(0, 0), (0, 33), (17, 4), (40, 52), (26, 26)]


def picture(channels: int, height: int = 48, width: int = 61) -> Tensor:
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(3))


def covered(image: Tensor, window: int) -> Tensor:
    pictures = image.repeat(len(CORNERS), 1, 1, 1)
    for each, (row, column) in zip(pictures, CORNERS, strict=True):
        each[:, row : row + window, column : column + window] = 0.5
    return pictures


class Branches(nn.Module):
    """Of what networks do between layers: sums, joins, gates, padding by hand, in place and not."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(4, 6, 5, padding=4, dilation=2, groups=2)
        self.narrow = nn.Conv2d(4, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.down = nn.Conv2d(12, 8, 3, stride=2, padding=1)
        self.gate = nn.Parameter(torch.rand(8, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        narrow = functional.relu_(self.norm(self.narrow(image)))
        both = torch.cat([self.wide(image).sigmoid(), narrow], 1)
        low = functional.leaky_relu(self.down(functional.pad(both, (0, 1, 2, 0))), 0.1, inplace=True)
        low = functional.avg_pool2d(low * self.gate, 3, 2, 1, count_include_pad=False) + 1
        low += 0.5 * functional.silu(low)
        return functional.avg_pool2d(1 - low, 2)


class Unpooled(nn.Module):
    """Pooling whose places are used again, as SegNet's."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 5, 3, padding=1)
        self.last = nn.Conv2d(5, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        maps = functional.relu(self.first(image))
        pooled, places = functional.max_pool2d(maps, 2, return_indices=True)
        return self.last(functional.max_unpool2d(pooled, places, [2, 2], output_size=maps.shape[2:]))


def known(name: str) -> Callable[[], nn.Module]:
    return lambda: find_network(name, classes=5).network


OWN = ("branches", "unpooled", "transposed", "pooled")
"""Networks of this file, which read four bands."""
MAKERS = {
    "branches": Branches,
    "unpooled": Unpooled,
    "transposed": lambda: nn.Sequential(nn.Conv2d(4, 5, 3, 2), nn.ReLU(True), nn.ConvTranspose2d(5, 2, 4, 2)),
    "pooled": lambda: nn.Sequential(
        nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 3), nn.MaxPool2d(2, 1), nn.AdaptiveAvgPool2d(2)
    ),
    "resnet": known("resnet"),
    "densenet": known("densenet"),
    "efficientnet-lite": known("efficientnet-lite"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_network_answers_as_for_whole_pictures(name: str) -> None:
    torch.manual_seed(0)
    network = MAKERS[name]().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    network, image = network.double(), picture(4 if name in OWN else 3).double()
    with torch.no_grad():
        kept, usual = Known(network, image), network(covered(image, 9))
        for _ in range(2):  # anew, and by what is kept
            output = network(changed_by(kept, 9, CORNERS, 0.5))
            whole = output.whole() if isinstance(output, Changed) else output
            torch.testing.assert_close(whole, usual)
        for number in range(len(CORNERS)):  # not alike by chance
            assert not torch.allclose(usual[number], network(image)[0])


def test_only_the_window_and_what_it_reaches_is_computed() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 5, padding=2)
    ).eval()
    with torch.no_grad():
        output = network(changed_by(Known(network, picture(3)), 8, CORNERS, 0.0))
    assert isinstance(output, Changed)
    assert output.patches.shape == (5, 4, 10, 10)  # 8 -> 10 -> 6 -> 10 places
    assert output.windows.corners[0] == (0, 0)


def test_the_unchanged_picture_is_computed_once() -> None:
    calls = []
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3)).eval()

    class Counted(Known):
        def __call__(self, function, *args, **kwargs):  # type: ignore[no-untyped-def]
            before = len(self.made)
            made = super().__call__(function, *args, **kwargs)
            calls.append(len(self.made) > before)
            return made

    kept = Counted(network, picture(3))
    with torch.no_grad():
        network(changed_by(kept, 8, CORNERS[:2], 0.0))
        first = len(calls)
        network(changed_by(kept, 8, CORNERS[2:4], 0.0))
    assert calls == [True] * first + [False] * first


def test_a_map_of_evidence_is_the_same_in_any_batch() -> None:
    torch.manual_seed(0)
    network, image = Branches().eval().double(), picture(4).double()
    one, many = (occlusion(network, image, class_answer(1), 12, 7, batch=batch) for batch in (1, 50))
    torch.testing.assert_close(one, many)
