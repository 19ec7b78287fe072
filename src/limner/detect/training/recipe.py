"""The recipe of the room `detect`: pictures with objects, a detector, and how it moves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.detect.data.augment import AugmentSettings
from limner.detect.data.options import ObjectReading
from limner.detect.data.pictures import Sizing
from limner.detect.data.split import check_group
from limner.detect.networks import GIVEN, NETWORKS
from limner.foundation.errors import UserError
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, try_optimizer
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting


@dataclass(frozen=True)
class ObjectSettings:
    """Which pictures and objects to learn from, at what size, and what is held out."""

    paths: tuple[Path, ...] = setting((), "where the data lies (--data)")
    objects: tuple[str, ...] = setting((), "classes to find; none: all that are annotated")
    regions: str | None = setting(
        None, "masks hold classes, not instances: each connected region of this value or class is an object"
    )
    group: str = setting(
        "alike",
        "what is held out together: alike (near-duplicates), none, folder, or a regular expression on the names",
    )
    labels: Path | None = setting(None, "a vector file: its polygons over georeferenced scenes are the objects")
    label_field: str | None = setting(None, "the field of that file that tells the class; none: all are of one")
    chip_px: int | None = setting(
        None, "side of the chips that such scenes are cut into; none: 512", unit="px", minimum=32, maximum=8192
    )
    upright_labels: bool = setting(
        False, "labels of pictures that their EXIF turns count the upright picture's pixels, not those stored"
    )
    held_out: float = setting(0.2, "share of the pictures that is held out for the scores", minimum=0, maximum=0.5)
    short_px: int = setting(800, "what the shorter side is brought to", unit="px", minimum=32, maximum=4096)
    longest_px: int = setting(1333, "what the longer side may then have", unit="px", minimum=32, maximum=8192)

    def __post_init__(self) -> None:
        check_group(self.group)
        _ = self.reading  # what does not go together is told
        if self.longest_px < self.short_px:
            raise UserError(
                f"data.longest_px is {self.longest_px}, less than data.short_px, which is {self.short_px}; needed: no "
                "less"
            )

    @property
    def sizing(self) -> Sizing:
        """How pictures are brought to the size that the detector reads."""
        return Sizing(self.short_px, self.longest_px)

    @property
    def reading(self) -> ObjectReading:
        """How they are read."""
        return ObjectReading(
            self.objects or None,
            self.regions,
            self.group,
            self.labels,
            self.label_field,
            self.chip_px,
            self.upright_labels or None,
        )


@dataclass(frozen=True)
class DetectRecipe(Recipe):
    """How a detector learns."""

    task: Literal["detect"] = setting("detect", "the room")
    data: ObjectSettings = setting(ObjectSettings, "pictures and their objects")
    network: Choice = choice("faster-rcnn", "finds the objects", lambda: NETWORKS, GIVEN)
    optimizer: Choice = choice("sgd", "how the network moves", lambda: OPTIMIZERS, ("parameters",))
    schedule: Choice = choice("cosine", "how the learning rate changes", lambda: SCHEDULES)
    warmup_steps: int = setting(100, "steps over which the learning rate rises to its full value", minimum=0)
    clip: float = setting(10.0, "the longest that a gradient of all weights may be", minimum=0.01)
    augment: AugmentSettings = setting(AugmentSettings, "changes of pictures while they are learned from")
    batch: int = setting(4, "pictures in a step", unit="pictures", minimum=1)
    epochs: int = setting(12, "passes over the pictures", minimum=1)

    def __post_init__(self) -> None:
        try_optimizer(self.optimizer)
        self.schedule.build(SCHEDULES)
        if self.loop.accumulate != 1:
            raise UserError("loop.accumulate is not for detectors; needed: 1; give a smaller --data.short-px instead")
