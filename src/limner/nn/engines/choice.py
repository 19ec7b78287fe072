"""The quicker engine where it answers like torch in float32, else torch."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from limner.foundation.machine.precision import processor_has_bf16
from limner.nn.engines.openvino import OpenVinoNetwork, version

LEAST_ALIKE = 0.99
"""Share of the answers that must be those of torch in float32."""
SPOKEN = {"fp32": "float32", "bf16": "bf16"}


@dataclass(frozen=True)
class Chosen:
    """network: to compute with; None where torch is to go on. line: what was found, for people."""

    network: nn.Module | None
    line: str


def formats_to_try(precision: str) -> tuple[str, ...]:
    """Number formats, the quickest first, that a user's ``precision`` (auto, bf16 or fp32) lets an engine compute in.

    >>> formats_to_try("fp32"), formats_to_try("bf16")
    (('fp32',), ('bf16', 'fp32'))
    """
    quick = precision == "bf16" or (precision == "auto" and processor_has_bf16())
    return ("bf16", "fp32") if quick else ("fp32",)


def openvino_if_alike(
    network: nn.Module, example: Tensor, alike: Callable[[nn.Module], float], answers: str, precision: str = "auto"
) -> Chosen:
    """OpenVINO's computation of a network, in the quickest number format whose answers are torch's.

    example: as `OpenVinoNetwork` takes it. alike: of a network in this one's place, the share of its answers on real
    pictures that are those of torch in float32, 0..1. answers: what was compared, such as "the classes of 4 tiles".
    precision: auto, bf16 or fp32.
    """
    found = []
    for each in formats_to_try(precision):
        try:
            converted = OpenVinoNetwork(network, example, each)
            share = alike(converted)
        except Exception as error:  # what OpenVINO cannot convert or compute comes as errors of many types
            reason = str(error).strip().splitlines() or [type(error).__name__]
            return Chosen(None, f"OpenVINO cannot take this network ({reason[0][:120]}); computed by torch")
        if share >= LEAST_ALIKE:
            engine = f"OpenVINO {version()} computes in {SPOKEN[each]}"
            return Chosen(converted, f"{engine}: {_percent(share)} of {answers} are torch's in float32")
        found.append(f"{_percent(share)} in {SPOKEN[each]}")
    line = f"OpenVINO is not used: of {answers} {' and '.join(found)} are torch's in float32; needed: {LEAST_ALIKE:.0%}"
    return Chosen(None, f"{line}; computed by torch")


def _percent(share: float) -> str:
    """Rounded down, so that no share below the least reads like it.

    >>> _percent(0.98999), _percent(1.0)
    ('98.99%', '100.00%')
    """
    return f"{int(share * 10_000 + 1e-6) / 100:.2f}%"
