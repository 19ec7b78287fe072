"""The version of limner, said once, and those of what its results depend on."""

from pathlib import Path

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Versions that a result depends on, by name, and the commit when limner runs from its own checkout."""
    import platform
    import subprocess
    from importlib.metadata import version

    found = {name: version(name) for name in ("torch", "torchvision", "timm", "lightning-fabric", "numpy", "rasterio")}
    here = Path(__file__).resolve().parents[3]
    commit = ""
    if (here / ".git").exists():
        answer = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
        commit = answer.stdout.strip()
    return {"limner": __version__, "python": platform.python_version(), **found, "commit": commit}
