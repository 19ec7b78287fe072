"""Which device a network runs on."""

import torch

from limner.foundation.errors import UserError


def choose_device(wanted: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` means; `UserError` for one that is not here."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = wanted.partition(":")
    if kind == "cuda" and (number or "0").isdecimal():
        if int(number or 0) < torch.cuda.device_count():
            return torch.device(wanted)
        raise UserError(
            f"device is {wanted!r}, but {torch.cuda.device_count()} CUDA devices are here; take auto or cpu"
        )
    if wanted != "cpu":
        raise UserError(f"device is {wanted!r}; needed: auto, cpu or cuda")
    return torch.device("cpu")
