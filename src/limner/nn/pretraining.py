"""Pretrained weights put into an encoder: for any number of bands, with one clear line where they do not fit."""

from collections.abc import Mapping

from torch import Tensor, nn

from limner.foundation.errors import UserError


def fit_bands(weight: Tensor, channels: int) -> Tensor:
    """A first convolution that read red, green and blue, made to read ``channels`` bands.

    weight: (maps, 3, k, k). Gives (maps, channels, k, k). Each band gets the mean of the three, times 3 / channels: a
    grey picture gives the same features with any number of bands. Three bands keep their own weights.
    """
    if channels == 3:
        return weight
    return weight.mean(dim=1, keepdim=True).repeat(1, channels, 1, 1) * (3 / channels)


def load_encoder(encoder: nn.Module, weights: Mapping[str, Tensor], first: str, source: str) -> None:
    """Put ``weights`` into ``encoder``, whose names they carry; ``fc.*``, a ResNet's classifier, is left out.

    first: name of the weight that reads the bands; weights for three bands are fitted by `fit_bands`. source: what to
    call the weights in messages. Counters of batches (``num_batches_tracked``), which older files lack, stay as they
    are.

    Raises `UserError` that names the first tensor which is missing, is not the encoder's, or has another shape.
    """
    given = {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}
    needed = encoder.state_dict()
    if first in given and given[first].shape[1:2] == (3,):
        given[first] = fit_bands(given[first], needed[first].shape[1])
    for name, tensor in needed.items():
        if name in given:
            _check_shape(source, name, given[name], tensor, reads_bands=name == first)
        elif not name.endswith("num_batches_tracked"):
            raise UserError(f"{source}: has no {name}; needed: weights of this depth, under torchvision's names")
    if unknown := [name for name in given if name not in needed]:
        raise UserError(f"{source}: has {unknown[0]}, which this network has not; needed: weights of this depth")
    encoder.load_state_dict(given, strict=False)


def _check_shape(source: str, name: str, got: Tensor, needed: Tensor, reads_bands: bool) -> None:
    if got.shape == needed.shape:
        return
    wanted = "weights for 3 bands, or for the picture's" if reads_bands else "weights of this depth"
    raise UserError(
        f"{source}: {name} has the shape {tuple(got.shape)}, this network's has {tuple(needed.shape)}; needed: {wanted}"
    )
