"""The networks of YOLO v1: the paper's, darknet's later one, the tiny one, and a small one for two cores.

Each reads photographs of 0 to 1, (B, 3, size_px, size_px), and gives (B, S, S, 5 boxes + classes), plain numbers
without bounds; ``layout`` says what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from limner.detect.yolo.layout import GridLayout
from limner.nn.initialize import he_initialize
from limner.nn.layers.local import LocallyConnected
from limner.nn.pretrained import LITE0, load_weights

LEAK = 0.1
DROPOUT = 0.5
STRIDE = 64
"""Of the first three: 448 px give 7 x 7 cells."""
POOL = "pool"
Layer = tuple[int, int, int] | str
"""(maps, kernel, stride), or `POOL` of 2 x 2."""
TRUNK: tuple[Layer, ...] = (
    (64, 7, 2), POOL, (192, 3, 1), POOL,
    (128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1), POOL,
    *((256, 1, 1), (512, 3, 1)) * 4, (512, 1, 1), (1024, 3, 1), POOL,
    *((512, 1, 1), (1024, 3, 1)) * 2, (1024, 3, 1), (1024, 3, 2), (1024, 3, 1), (1024, 3, 1),
)  # fmt: skip
"""The 24 convolutions of the paper's figure 3."""
TINY_TRUNK: tuple[Layer, ...] = (
    (16, 3, 1), POOL, (32, 3, 1), POOL, (64, 3, 1), POOL, (128, 3, 1), POOL, (256, 3, 1), POOL, (512, 3, 1), POOL,
    (1024, 3, 1), (256, 3, 1),
)  # fmt: skip


class YoloV1(nn.Module):
    """YOLO as its paper has it (Redmon et al. 2016): 24 convolutions and two fully connected layers.

    271,703,550 parameters for 20 classes at 448 px, 60,155,968 of them in the convolutions: biases, no batch
    normalization, leaky ReLU of 0.1, dropout of 0.5 after the first fully connected layer.

    classes: to tell apart. boxes: of a cell. size_px: edge of the pictures, a multiple of 64. width: of all hidden
    layers, as a share of the paper's. Raises `ValueError` for another size.
    """

    def __init__(self, classes: int = 20, boxes: int = 2, size_px: int = 448, width: float = 1.0) -> None:
        super().__init__()
        self.layout, self.size_px = _layout(classes, boxes, size_px), size_px
        cells, hidden = self.layout.grid**2, _narrow(4096, width)
        self.trunk = nn.Sequential(*_layers(TRUNK, width, normalize=False))
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(_narrow(1024, width) * cells, hidden),
            nn.LeakyReLU(LEAK),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, cells * self.layout.channels),
        )
        _begin(self)

    def forward(self, image01: Tensor) -> Tensor:
        return _in_cells(self.head(self.trunk(image01)), self.layout)


class DarknetYoloV1(nn.Module):
    """YOLO v1 as darknet's ``yolov1.cfg`` later had it: batch normalization, a locally connected layer, three boxes.

    197,301,875 parameters for 20 classes at 448 px, of which 115,618,048 stand in the layer whose 3 x 3 weights differ
    from place to place and which takes the place of the first fully connected one. Arguments as in `YoloV1`.
    """

    def __init__(self, classes: int = 20, boxes: int = 3, size_px: int = 448, width: float = 1.0) -> None:
        super().__init__()
        self.layout, self.size_px = _layout(classes, boxes, size_px), size_px
        grid, local = self.layout.grid, _narrow(256, width)
        self.trunk = nn.Sequential(*_layers(TRUNK, width, normalize=True))
        self.head = nn.Sequential(
            LocallyConnected(_narrow(1024, width), local, (grid, grid), 3, padding=1),
            nn.LeakyReLU(LEAK),
            nn.Flatten(),
            nn.Dropout(DROPOUT),
            nn.Linear(local * grid**2, grid**2 * self.layout.channels),
        )
        _begin(self)

    def forward(self, image01: Tensor) -> Tensor:
        return _in_cells(self.head(self.trunk(image01)), self.layout)


class TinyYoloV1(nn.Module):
    """darknet's ``yolov1-tiny.cfg``: eight convolutions with batch normalization and one fully connected layer.

    27,095,374 parameters for 20 classes at 448 px. The paper's own "Fast YOLO" has nine convolutions; no file of it was
    published. Arguments as in `YoloV1`.
    """

    def __init__(self, classes: int = 20, boxes: int = 2, size_px: int = 448, width: float = 1.0) -> None:
        super().__init__()
        self.layout, self.size_px = _layout(classes, boxes, size_px), size_px
        cells = self.layout.grid**2
        self.trunk = nn.Sequential(*_layers(TINY_TRUNK, width, normalize=True))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(_narrow(256, width) * cells, cells * self.layout.channels))
        _begin(self)

    def forward(self, image01: Tensor) -> Tensor:
        return _in_cells(self.head(self.trunk(image01)), self.layout)


class SmallYolo(nn.Module):
    """A YOLO for two cores: EfficientNet-Lite0 with ImageNet's weights, and 1 x 1 convolutions in place of the fully
    connected layers.

    Maps at 1/16 and, enlarged, at 1/32 of the picture's size are brought to ``maps`` and added; a 3 x 3 convolution
    reads them; a 1 x 1 convolution answers. So a cell is 16 px wide, 14 x 14 cells at 224 px, each of which sees a
    large part of the picture, not all of it. What the numbers mean, the loss and the decoding are YOLO v1's. Batch
    normalization of the encoder keeps ImageNet's statistics, which few pictures would only blur.

    classes, boxes: as in `YoloV1`. size_px: edge of the pictures, a multiple of 32. maps: of the head. pretrained:
    begin with ImageNet's weights, which come with limner. Raises `ValueError` for another size.
    """

    stride = 16

    def __init__(
        self, classes: int = 20, boxes: int = 2, size_px: int = 224, maps: int = 128, pretrained: bool = True
    ) -> None:
        super().__init__()
        if size_px < 32 or size_px % 32:
            raise ValueError(f"pictures of {size_px} px for a small YOLO; needed: a multiple of 32")
        import timm  # takes seconds: only now

        self.layout, self.size_px = GridLayout(size_px // self.stride, boxes, classes), size_px
        encoder: Any = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(3, 4))
        if pretrained and not next(encoder.parameters()).is_meta:  # on the meta device there are shapes only
            weights = load_weights(LITE0)
            encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
        self.encoder = encoder
        fine, coarse = encoder.feature_info.channels()
        self.fine, self.coarse = _convolution(fine, maps, 1), _convolution(coarse, maps, 1)
        self.fuse = _convolution(maps, maps, 3)
        self.answer = nn.Conv2d(maps, self.layout.channels, 1)
        for part in (self.fine, self.coarse, self.fuse, self.answer):
            he_initialize(part)
        nn.init.normal_(self.answer.weight, std=0.01)
        self.train()  # modules begin in training mode without being told so

    def train(self, mode: bool = True) -> SmallYolo:
        super().train(mode)
        for layer in self.encoder.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        return self

    def forward(self, image01: Tensor) -> Tensor:
        fine, coarse = self.encoder((image01 - 0.5) / 0.5)  # as its weights learned
        coarse = nn.functional.interpolate(self.coarse(coarse), scale_factor=2.0, mode="nearest")
        return self.answer(self.fuse(self.fine(fine) + coarse)).permute(0, 2, 3, 1)


YOLOS: dict[str, type[nn.Module]] = {
    "yolo-v1": YoloV1, "yolo-v1-darknet": DarknetYoloV1, "yolo-tiny": TinyYoloV1, "yolo-small": SmallYolo,
}  # fmt: skip


def _layout(classes: int, boxes: int, size_px: int) -> GridLayout:
    if size_px < STRIDE or size_px % STRIDE:
        raise ValueError(f"pictures of {size_px} px for YOLO v1; needed: a multiple of {STRIDE} (448 in the paper)")
    return GridLayout(size_px // STRIDE, boxes, classes)


def _narrow(maps: int, width: float) -> int:
    return max(1, round(maps * width))


def _layers(plan: tuple[Layer, ...], width: float, normalize: bool) -> Iterator[nn.Module]:
    inputs = 3
    for layer in plan:
        if isinstance(layer, str):
            yield nn.MaxPool2d(2)
            continue
        maps, kernel, stride = _narrow(layer[0], width), layer[1], layer[2]
        yield nn.Conv2d(inputs, maps, kernel, stride, padding=kernel // 2, bias=not normalize)
        if normalize:
            yield nn.BatchNorm2d(maps)
        yield nn.LeakyReLU(LEAK, inplace=True)
        inputs = maps


def _convolution(inputs: int, maps: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, maps, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(maps),
        nn.ReLU(inplace=True),
    )


def _begin(network: nn.Module) -> None:
    """He et al.'s beginning, and last answers near 0, since squared errors of large ones would drown all others."""
    he_initialize(network)
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    for layer in linear:
        last = layer is linear[-1]
        nn.init.normal_(layer.weight, std=0.01 if last else (2 / layer.in_features) ** 0.5)
        nn.init.zeros_(layer.bias)


def _in_cells(answer: Tensor, layout: GridLayout) -> Tensor:
    return torch.unflatten(answer, 1, (layout.grid, layout.grid, layout.channels))
