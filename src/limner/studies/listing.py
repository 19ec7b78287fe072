"""The experiments by name. Imports no torch: they are named as module:name."""

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean

PREFIX = "convnets/"
"""How their names begin: by that `limner study` knows them from recipes."""

EXPERIMENTS: dict[str, tuple[str, str]] = {
    "convnets/pooling": ("limner.studies.pooling:POOLING", "does pooling make a network indifferent to shifts?"),
    "convnets/normalization": ("limner.studies.normalization:NORMALIZATION", "which one withstands other light?"),
    "convnets/kernels": ("limner.studies.kernels:KERNELS_STUDY", "what are kernels without labels worth?"),
    "convnets/depth": ("limner.studies.depth:DEPTH", "why do plain deep networks fail, and residual ones not?"),
    "convnets/capacity": ("limner.studies.capacity:CAPACITY", "which settings give a network more capacity?"),
    "convnets/unpooling": ("limner.studies.unpooling:UNPOOLING", "how are maps brought back to the picture's size?"),
    "convnets/sparsity": ("limner.studies.sparsity:SPARSITY", "what do sparsity and sharing save?"),
    "convnets/permutation": ("limner.studies.permutation:PERMUTATION", "do the pixels' places matter?"),
}  # fmt: skip
"""Each with where it stands, and its question."""


def check_experiment(name: str) -> str:
    """Where an experiment stands. Raises `UserError` for one that is not there."""
    if name not in EXPERIMENTS:
        raise UserError(f"no study '{name}'; {did_you_mean(name, EXPERIMENTS)}")
    return EXPERIMENTS[name][0]
