"""Which number formats this machine computes in."""

import torch


def choose_precision(wanted: str) -> str:
    """Fabric's name for a recipe's precision; ``auto`` means bf16 where the processor computes in it, else fp32."""
    if wanted == "auto":
        wanted = "bf16" if processor_has_bf16() else "fp32"
    return {"bf16": "bf16-mixed", "fp32": "32-true"}[wanted]


def processor_has_bf16() -> bool:
    """Whether the GPU, or without one the CPU (AMX, AVX512-BF16), computes in bfloat16."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
