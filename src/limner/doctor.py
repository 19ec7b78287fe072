"""What this machine has, for a user who wonders why something is slow or missing."""

import os
import platform
from typing import Any


def examine() -> dict[str, Any]:
    """Accelerators, number formats, cores, memory, weights, bundled models and versions, by name."""
    import psutil
    import torch

    from limner.precision import choose_precision
    from limner.pretrained import WEIGHTS, find_weights
    from limner.run import bundled_models, versions

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {
        "system": platform.platform(terse=True),
        "accelerators": ", ".join(gpus) or "none (the CPU does all)",
        "cores allowed": allowed,
        "torch threads": torch.get_num_threads(),
        "memory": f"{psutil.virtual_memory().available / 2**30:.1f} of {psutil.virtual_memory().total / 2**30:.1f} GiB free",
        "precision (auto)": choose_precision("auto"),
        "bundled models": ", ".join(bundled_models()) or "none",
    }
    for name in WEIGHTS:
        place = find_weights(name)
        found[f"weights {name}"] = str(place) if place else "not here (see: limner train --help, or docs/weights.md)"
    return found | {f"version {name}": value for name, value in versions().items() if value}
