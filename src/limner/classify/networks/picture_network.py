"""What the networks of this room have in common."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.pretrained import load_weights, read_weights
from limner.nn.pretraining import fit_bands

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of torchvision's weights: mean and deviation of pictures in 0..1, red, green and blue."""


class PictureNetwork(nn.Module):
    """(B, channels, H, W) float32, standardized -> (B, classes) float32 logits.

    A network with auxiliary heads gives ``(logits, *auxiliary logits)`` in training mode, and ``auxiliary_weight`` is
    what their losses count.
    """

    least_px: ClassVar[int] = 32
    """The smallest edge that it can read."""
    sizes_px: ClassVar[tuple[int, ...]] = ()
    """The only edges that it reads; empty: any from ``least_px`` on."""
    auxiliary_weight: ClassVar[float] = 0.0
    input_mean: tuple[float, ...] | None = None
    input_std: tuple[float, ...] | None = None
    """What pictures in 0..1 are standardized by where a recipe says ``normalize: network``: what its weights, or its
    paper, expect. None: it expects nothing of its own."""

    def head(self) -> nn.Module:
        """What tells the classes apart: the rest may be pretrained."""
        raise NotImplementedError

    def check_size(self, size_px: int) -> None:
        """Raise `UserError` for an edge that it cannot read."""
        name = type(self).__name__
        if self.sizes_px and size_px not in self.sizes_px:
            sizes = " or ".join(map(str, self.sizes_px))
            raise UserError(
                f"{name} reads pictures of {sizes} px and got {size_px}; give --data.size-px {self.sizes_px[0]}"
            )
        if size_px < self.least_px:
            raise UserError(
                f"{name} needs pictures of {self.least_px} px or more and got {size_px}; give --data.size-px "
                f"{self.least_px} or more"
            )


class PublishedNetwork(PictureNetwork):
    """A network that torchvision or timm keeps, under their names, in ``body``; its last layer is made for the classes.

    first, last: names in ``body`` of the weight that reads the bands, and of the layer that gives the classes.
    """

    first: ClassVar[str]
    last: ClassVar[str]

    def head(self) -> nn.Module:
        """The last layer."""
        return self.body.get_submodule(self.last)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, classes)."""
        logits: Tensor = self.body(image)
        return logits

    def take_body(self, body: Any, channels: int, pretrained: bool, weights: Path | None, published: str) -> None:
        """Keep ``body``, a network for ``channels`` bands, with ImageNet's weights, or those of a file, but for the
        last layer.

        published: the weights' name in `limner.nn.pretrained.WEIGHTS`; empty where nobody publishes any.

        Raises `UserError` for both kinds of weights at once, weights that nobody publishes, and such as do not fit.
        """
        self.body = body
        name = type(self).__name__
        if pretrained and weights is not None:
            raise UserError(f"{name} got both pretrained and weights; give one: ImageNet's, or a file of yours")
        if pretrained and not published:
            raise UserError(
                f"{name} has no published ImageNet weights of this size; give weights FILE, or another size"
            )
        if (not pretrained and weights is None) or next(body.parameters()).is_meta:
            return  # a network on the meta device has shapes only
        state = read_weights(weights) if weights is not None else load_weights(published)
        self.load_body(self.renamed(state), channels, str(weights or published))

    def renamed(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published file under the names that ``body`` has."""
        return state

    def load_body(self, state: dict[str, Tensor], channels: int, source: str) -> None:
        """Put weights into the body but for the last layer. Raises `UserError` that names the first that does not
        fit."""
        state = {name.removeprefix("network.").removeprefix("body."): tensor for name, tensor in state.items()}
        needed = self.body.state_dict()
        if self.first in state and state[self.first].shape[1:2] == (3,):
            state[self.first] = fit_bands(state[self.first], channels)
        for name, tensor in needed.items():
            if name.startswith(self.last + ".") or name.endswith("num_batches_tracked"):
                continue
            if name not in state:
                raise UserError(
                    f"{source}: has no {name}; needed: weights of this network, under their publisher's names"
                )
            if state[name].shape != tensor.shape:
                raise UserError(
                    f"{source}: {name} has the shape {tuple(state[name].shape)}, this network's has "
                    f"{tuple(tensor.shape)}; needed: weights of this size"
                )
        taken = {name: state[name] for name in needed if name in state and not name.startswith(self.last + ".")}
        self.body.load_state_dict(taken, strict=False)


def read_bands(body: Any, first: str, channels: int) -> None:
    """Replace the layer that reads red, green and blue by one that reads ``channels`` bands. first: its weight's
    name."""
    if channels == 3:
        return
    place, _, _ = first.rpartition(".")
    old = body.get_submodule(place)
    new = nn.Conv2d(
        channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None
    )  # fmt: skip
    parent, _, name = place.rpartition(".")
    setattr(body.get_submodule(parent) if parent else body, name, new)
