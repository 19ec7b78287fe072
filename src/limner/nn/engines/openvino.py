"""Networks computed by OpenVINO (Apache-2.0), which is quicker than torch on processors.

A network is converted from its module each time it is loaded: that takes one to three seconds, so nothing is kept on
the disk that could grow old or be changed by somebody.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import openvino

FORMATS = {"fp32": "f32", "bf16": "bf16"}
"""OpenVINO's names of number formats, by ours."""


def import_openvino() -> openvino:
    """The package, kept from calling home: it sends its version and the machine's where ``openvino_telemetry`` can be
    imported, and has a stub for where it cannot."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: not to be imported
    import openvino

    return openvino


@cache
def core() -> openvino.Core:
    """One for the process, kept to its end.

    OpenVINO's processor plugin gives the thread that loads it a stack for signals and takes it back when its core goes.
    Of several cores that went in another order than they came, one left the thread a stack that is mapped no more: the
    next Ctrl-C then killed the process without a word.
    """
    return import_openvino().Core()


class OpenVinoNetwork(nn.Module):
    """A network in the place of the module it was converted from, on the processor.

    network: in evaluation mode, on the processor, taking one picture tensor and giving one tensor or several. example:
    (B, C, H, W) float32 that it takes. Its values do not matter; Python's decisions by its shape are kept as they fell,
    so give a size like those to come (a multiple of the stride). Batch, height and width may differ from it later.
    precision: fp32 or bf16, in which convolutions are computed. threads: as many as torch's unless given.

    It is computed by one caller at a time. Raises what the conversion raises where OpenVINO lacks an operation.

    >>> OpenVinoNetwork(nn.Conv2d(3, 2, 1), torch.zeros(1, 3, 8, 8), "fp32")  # doctest: +SKIP
    """

    def __init__(self, network: nn.Module, example: Tensor, precision: str, threads: int | None = None) -> None:
        super().__init__()
        openvino = import_openvino()
        self.stride = getattr(network, "stride", None) or 1
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of torch's tracer, about those decisions
            model = openvino.convert_model(
                network, example_input=example, input=[-1, example.shape[1], -1, -1], verbose=False
            )
        self.compiled = core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": FORMATS[precision],
                "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
                "PERFORMANCE_HINT": "LATENCY",  # all threads work on one batch
            },
        )
        self.outputs = len(self.compiled.outputs)

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """(B, C, H, W) float32 -> what the module gives, float32; of several outputs a list."""
        found = self.compiled(np.ascontiguousarray(image.numpy()))
        answers = [
            torch.from_numpy(np.array(found[number])) for number in range(self.outputs)
        ]  # its buffers are reused
        return answers[0] if self.outputs == 1 else answers


def version() -> str:
    """OpenVINO's, such as "2026.4.1"."""
    return str(import_openvino().__version__).partition("-")[0]
