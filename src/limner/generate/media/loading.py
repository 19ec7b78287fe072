"""Networks of a run's file, looked at before memory is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from limner.learning.runs.described import build_fitting

if TYPE_CHECKING:
    from limner.learning.runs.run import Run


def maker_prefix(run: Run, pair: str = "") -> str:
    """Under which names the weights stand of what makes samples: the running average where there is one.

    pair: how the names begin of the networks that learned together.
    """
    average = f"{pair}average."
    return average if any(name.startswith(average) for name in run.weight_shapes()) else f"{pair}generator."


def load_network(run: Run, build: Callable[[], nn.Module], prefix: str) -> nn.Module:
    """The network that ``build`` gives, with the run's weights of that prefix, in evaluation mode, on the CPU.

    Raises `UserError` where they do not fit each other.
    """
    own = {name.removeprefix(prefix): shape for name, shape in run.weight_shapes().items() if name.startswith(prefix)}
    network = build_fitting(build, own, run.folder)
    weights = run.weights()
    network.load_state_dict({name: weights[prefix + name] for name in own})
    return network.eval()
