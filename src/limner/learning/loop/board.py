"""Losses and scores for TensorBoard, beside ``metrics.csv``: `--loop.tensorboard`; extra `limner[tensorboard]`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError

FOLDER = "tensorboard"
"""In the run: what ``tensorboard --logdir RUN`` reads."""


class Board:
    """Writes numbers by step; does nothing where none was asked for.

    folder: of the run; None: nothing is written. step: where the training stands: what an earlier one wrote beyond it
    is not shown. Raises `UserError` where TensorBoard is not installed.
    """

    def __init__(self, folder: Path | None, step: int = 0) -> None:
        self._writer: Any = None
        if folder is not None:
            self._writer = _writer_class()(str(folder / FOLDER), purge_step=step + 1)

    def add(self, values: Mapping[str, Any], step: int) -> None:
        """Add the numbers among ``values``."""
        if self._writer is not None:
            for name, value in values.items():
                if isinstance(value, float):
                    self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is still held."""
        if self._writer is not None:
            self._writer.close()


def check_tensorboard() -> None:
    """Raise `UserError` where TensorBoard is not installed."""
    _writer_class()


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError("loop.tensorboard needs TensorBoard: pip install 'limner[tensorboard]'") from None
    return SummaryWriter
