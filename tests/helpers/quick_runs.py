"""A training of two steps, and copies of the run that it leaves."""

import shutil
from pathlib import Path

QUICK = [
    "--network.name", "lite-unet", "--network.pretrained", "false", "--loop.precision", "fp32", "--batch", "2",
    "--epochs", "1", "--steps-per-epoch", "2", "--data.tile-px", "96", "--data.crop-px", "64", "--data.stride-px", "64",
]  # fmt: skip
"""Settings for a training of two steps, without weights from anywhere."""


def copy_run(trained: Path, folder: Path) -> Path:
    """A copy of the trained run without its checkpoint. trained: what the fixture of this name gives."""
    return Path(shutil.copytree(trained / "run", folder, ignore=shutil.ignore_patterns("checkpoint", "pictures")))
