"""The engines there are, and whether this machine has them. Imports no torch."""

from importlib.util import find_spec
from typing import Literal, get_args

from limner.foundation.errors import UserError

Engine = Literal["torch", "openvino"]
ENGINES: tuple[str, ...] = get_args(Engine)


def check_engine(engine: str, device: str) -> None:
    """Raise `UserError` for an engine that is none, is not installed, or does not compute on ``device``.

    device: auto, cpu or cuda, as users give it.
    """
    if engine not in ENGINES:
        raise UserError(f"engine is {engine!r}; needed: one of {', '.join(ENGINES)}")
    if engine == "torch":
        return
    if device.startswith("cuda"):
        raise UserError("--engine openvino computes on processors; add --device cpu, or leave --engine out")
    if find_spec("openvino") is None:
        raise UserError("--engine openvino needs OpenVINO: pip install 'limner[openvino]'")


def device_for(engine: str, device: str) -> str:
    """Where torch is to load a network that ``engine`` computes: ``auto`` means the processor for OpenVINO."""
    return "cpu" if engine == "openvino" and device == "auto" else device
