"""The weights of a run: tensors in one file without pickle, by ``network.tensor`` names."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from limner.foundation.errors import UserError
from limner.foundation.files.names import spelled
from limner.foundation.files.writing import replacing

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_FILE = "model.safetensors"
DAMAGED = "the run is damaged, train again or choose another"


def read_weights(path: Path) -> "dict[str, Tensor]":
    """Tensors by their names, float32 on the CPU, none of them NaN or infinite.

    Halves, as which bundled models are stored, become float32; whole numbers stay what they are. Raises `UserError`
    for a file that cannot be read, and for NaN or infinity in it.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(spelled(path))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: cannot be read ({error}); train again or choose another run") from None
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(f"{path}: {name} holds NaN or infinity; {DAMAGED}")
    return {key: value.float() if value.dtype is torch.float16 else value for key, value in tensors.items()}


def read_weight_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, from the head of the file: nothing is loaded.

    Raises `UserError` for a file that cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(spelled(path), "numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); {DAMAGED}") from None


def write_weights(path: Path, weights: "Mapping[str, Tensor]") -> None:
    """Write tensors by their names; the file is whole or not there."""
    from safetensors.torch import save

    with replacing(path) as temporary:
        temporary.write_bytes(save(dict(weights)))  # save_file would let nobody else read it
