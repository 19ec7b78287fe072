"""All penalties, each of which stands in a file of its own, and their switches."""

from limner.adversarial.regularizers.consistency import consistency_penalty
from limner.adversarial.regularizers.gradient_penalties import dragan_penalty, gradient_penalty, r1_penalty
from limner.adversarial.regularizers.lazy import lazy_factor
from limner.adversarial.regularizers.lecam import follow_logits, lecam_averages, lecam_penalty
from limner.adversarial.regularizers.orthogonal import orthogonal_penalty
from limner.adversarial.regularizers.settings import PenaltySettings

__all__ = [
    "PenaltySettings", "consistency_penalty", "dragan_penalty", "follow_logits", "gradient_penalty", "lazy_factor",
    "lecam_averages", "lecam_penalty", "orthogonal_penalty", "r1_penalty",
]  # fmt: skip
