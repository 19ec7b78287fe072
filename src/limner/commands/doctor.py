"""What this machine has, for a user who wonders why something is slow or missing."""

import platform
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.machine.cores import allowed_cores


def examine() -> dict[str, Any]:
    """Accelerators, number formats, cores, memory, weights, bundled models and versions, by name."""
    import psutil
    import torch

    from limner.foundation.machine.precision import choose_precision
    from limner.foundation.version import versions
    from limner.learning.runs.opening import bundled_models
    from limner.nn.pretrained import WEIGHTS, weights_path

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    found: dict[str, Any] = {
        "system": platform.platform(terse=True),
        "accelerators": ", ".join(gpus) or "none (the CPU does all)",
        "cores allowed": allowed_cores(),
        "torch threads": torch.get_num_threads(),
        "memory": (
            f"{psutil.virtual_memory().available / 2**30:.1f} of {psutil.virtual_memory().total / 2**30:.1f} GiB free"
        ),
        "precision (auto)": choose_precision("auto"),
        "bundled models": ", ".join(bundled_models()) or "none",
    }
    for name, weights in WEIGHTS.items():
        try:
            found[f"weights {name}"] = str(weights_path(name))
        except UserError:
            found[f"weights {name}"] = f"not here ({weights.file}, {weights.size_mb:.0f} MB)"
    return found | {f"version {name}": value for name, value in versions().items() if value}
