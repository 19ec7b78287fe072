"""All ways to make pictures worse, by the names that recipes use."""

from collections.abc import Callable

from limner.translate.degrading.blurs import Defocus, MotionBlur
from limner.translate.degrading.degradation import Degradation
from limner.translate.degrading.holes import Hole
from limner.translate.degrading.looks import Edges, Gray, Jpeg, Night, Noise
from limner.translate.degrading.sizes import Smaller


def none() -> None:
    """Pictures are pairs already: sources and targets stand in folders of their own."""
    return


DEGRADATIONS: dict[str, Callable[..., Degradation | None]] = {
    "none": none, "smaller": Smaller, "motion-blur": MotionBlur, "defocus": Defocus, "noise": Noise, "jpeg": Jpeg,
    "hole": Hole, "gray": Gray, "edges": Edges, "night": Night,
}  # fmt: skip
