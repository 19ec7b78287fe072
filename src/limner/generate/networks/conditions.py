"""How a class label enters a network: as one-hot maps, through batch normalization, or by projection."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def one_hot_maps(label: Tensor, classes: int, like: Tensor) -> Tensor:
    """The labels as maps that are 1 for the class and 0 for the others (Mirza and Osindero 2014).

    label: (B,) int64 in 0 .. classes - 1. like: (B, C, H, W); its size and type are taken. Gives (B, classes, H, W).
    """
    one_hot = functional.one_hot(label, classes).to(like.dtype)
    return one_hot[:, :, None, None].expand(-1, -1, *like.shape[2:])


class BatchNorm(nn.BatchNorm2d):
    """Batch normalization whose gain and shift may depend on the class (Dumoulin et al. 2017; Miyato and Koyama 2018).

    classes: 0 for plain batch normalization, with one gain and one shift a map. Otherwise each class has its own: two
        tables (classes, maps), ``gains`` of ones and ``shifts`` of zeros at the start.
    """

    def __init__(self, maps: int, classes: int = 0) -> None:
        super().__init__(maps, affine=classes == 0)
        self.classes = classes
        if classes:
            self.gains = nn.Parameter(torch.ones(classes, maps))
            self.shifts = nn.Parameter(torch.zeros(classes, maps))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """x: (B, maps, H, W) float; label: (B,) int64, read only if there are classes. Gives the shape of x."""
        x = super().forward(x)
        if not self.classes:
            return x
        if label is None:
            raise ValueError(f"batch normalization by {self.classes} classes got no label")
        gain, shift = (functional.embedding(label, table).to(x.dtype) for table in (self.gains, self.shifts))
        return x * gain[:, :, None, None] + shift[:, :, None, None]


class Projection(nn.Module):
    """What a picture's features say of its class: <e_y, sum of the features over positions> (Miyato and Koyama 2018).

    A discriminator adds it to its logit. ``e_y`` is a row of ``embedding``, which begins as Xavier's uniform.
    """

    def __init__(self, classes: int, maps: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, maps)
        nn.init.xavier_uniform_(self.embedding.weight)

    def forward(self, features: Tensor, label: Tensor) -> Tensor:
        """features: (B, maps, H, W) float; label: (B,) int64. Gives (B,)."""
        return (self.embedding(label) * features.sum((2, 3))).sum(1)
