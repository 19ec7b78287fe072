"""The version of limner, said once, and those of what its results depend on."""

from functools import cache
from pathlib import Path

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Versions that a result depends on, by name, and the commit when limner runs from its own checkout."""
    import platform
    from importlib.metadata import version

    found = {name: version(name) for name in ("torch", "torchvision", "timm", "lightning-fabric", "numpy", "rasterio")}
    return {"limner": __version__, "python": platform.python_version(), **found, "commit": _commit()}


@cache  # a process goes on with the code that it began with
def _commit() -> str:
    import subprocess

    here = Path(__file__).resolve().parents[3]
    if not (here / ".git").exists():
        return ""
    command = ["git", "-C", str(here), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
