"""The segment room's recipe."""

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting
from limner.segment.labels.reading import Reading


@dataclass(frozen=True)
class DataSettings:
    """Which areas to learn from and how they are cut into crops."""

    paths: tuple[Path, ...] = setting((), "folders of areas, or one scene (--data)")
    labels: Path | None = setting(None, "the scene's labels: a mask or a vector file")
    within: Path | None = setting(None, "vector file of the annotated ground; beyond it nothing is known")
    masks: str = setting("masks", "name of the folders of masks")
    group: str | None = setting(
        None, "areas by a regular expression on the pictures' names, or 'ground': what overlaps is one area"
    )
    mosaic: bool = setting(False, "join the georeferenced chips of each area to one picture")
    classes: tuple[str, ...] = setting((), "class names from class 0, or a classes.yaml; empty: as the labels say")
    target: str | None = setting(None, "one class against all others; names the object of 0/255 masks")
    label_field: str | None = setting(None, "field of the vector files that tells the class")
    layer: str | None = setting(None, "layer of the labels' vector files that have several")
    within_layer: str | None = setting(None, "layer of 'within', if it has several")
    bands: tuple[int, ...] = setting((), "bands to read, from 1, in this order; empty: all")
    to_ground_m: float | None = setting(None, "bring all pictures to this many meters a pixel", unit="m", minimum=1e-3)
    areas: tuple[str, ...] = setting((), "areas to learn from, by name; empty: all; * stands for any text")
    leave_out: tuple[str, ...] = setting((), "areas to leave out, by name")
    annotate: float | None = setting(
        None, "use the labels of only this share of the ground, in squares drawn by the seed", minimum=0, maximum=1
    )
    tile_px: int = setting(
        364, "edge of a training tile: 256 * sqrt(2), so that any rotation fits", unit="px", minimum=32
    )
    stride_px: int = setting(120, "distance between training tiles", unit="px", minimum=1)
    crop_px: int = setting(256, "edge of what the network sees in training", unit="px", minimum=32)
    validation_share: float = setting(0.2, "share of each area's ground held out in blocks", minimum=0, maximum=0.5)
    ring_px: int = setting(32, "background known around each polygon when there is no 'within'", unit="px", minimum=0)
    areas_balanced: bool = setting(True, "draw all areas equally often, however small")
    classes_balanced: bool = setting(False, "draw tiles so that each class is sought equally often")
    scale_range: tuple[float, float] = setting((1.0, 1.0), "crops are shrunk or enlarged by a factor in this range")
    jitter: float = setting(0.0, "random gain and offset per band, as a share of its deviation", minimum=0, maximum=1)
    curves: float = setting(0.0, "how far the tone curve of each band is bent at random", minimum=0, maximum=1)
    band_mixing: float = setting(0.0, "how much of each other band a band is given or loses", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        if self.crop_px % 32:
            raise UserError(f"data.crop_px is {self.crop_px}; it must be a multiple of 32")
        if self.crop_px > self.tile_px:
            raise UserError(f"data.crop_px {self.crop_px} is larger than data.tile_px {self.tile_px}; enlarge the tile")
        low, high = self.scale_range
        if not 0.25 <= low <= high <= 4:
            raise UserError(f"data.scale_range is {low}, {high}; it must be two rising factors between 0.25 and 4")
        names = self.reading.class_names
        if names is not None and (len(names) < 2 or len(set(names)) != len(names)):
            raise UserError(
                f"data.classes is {', '.join(names)}; give at least two different names, or one classes.yaml"
            )

    @property
    def reading(self) -> Reading:
        """How the folders and labels are read."""
        return Reading.of(self)


@dataclass(frozen=True)
class StageSettings:
    """One stretch of learning."""

    name: str = setting(MISSING, "what to call it")
    epochs: int = setting(MISSING, "passes over the training tiles", minimum=1)
    train: Literal["all", "decoder"] = setting("all", "what learns: all, or all but the encoder")
    learning_rate_factor: float = setting(1.0, "multiplies the optimizer's learning rate", minimum=0)


@dataclass(frozen=True)
class SegmentRecipe(Recipe):
    """How to learn to map: data, network, loss, optimizer, stages."""

    task: Literal["segment"] = setting("segment", "the room")
    data: DataSettings = setting(DataSettings, "pictures and labels")
    normalize: Literal["run", "area", "initial"] = setting(
        "run", "standardize by all training areas together, each by its own, or as the initial run did"
    )
    network: Choice = choice(
        "lite-unet", "see 'limner networks'", "limner.segment.networks:NETWORKS", ("channels", "classes")
    )
    initial: Path | None = setting(None, "a run whose weights to start from")
    threshold: Literal["half", "calibrated", "scene"] = setting(
        "half",
        "two classes: decide at probability 0.5, where F1 is best on held-out (else on all) labelled ground, or where "
        "each scene's probabilities promise the highest F1",
    )
    keep_if_better: bool = setting(
        False,
        "hold labelled ground out in turn, and keep so much of what was learned as it allows: all, a share, or nothing",
    )
    loss: Choice = choice("cross-entropy", "what is minimized", "limner.segment.training.losses:LOSSES", ("known",))
    borders: Choice = choice(
        "none",
        "what the network learns beside the classes, to tell objects apart that touch",
        "limner.segment.training.borders:BORDERS",
    )
    optimizer: Choice = choice(
        "adamw", "how it is minimized", "limner.learning.loop.optimizers:OPTIMIZERS", ("parameters",)
    )
    schedule: Choice = choice("cosine", "how the learning rate changes", "limner.learning.loop.optimizers:SCHEDULES")
    average: Choice = choice(
        "none",
        "a running average of the weights, which then maps; half-lives count crops",
        "limner.learning.loop.average:AVERAGES",
    )
    batch: int = setting(8, "crops in a step", unit="crops", minimum=1)
    epochs: int = setting(30, "passes over the training tiles (without stages)", minimum=1, unless="stages")
    decoder_epochs: int = setting(
        0, "how many of the epochs, but the last, train all but the encoder", minimum=0, unless="stages"
    )
    steps_per_epoch: int | None = setting(None, "steps in an epoch; none: one pass over the tiles", minimum=1)
    keep_by: Literal["f1", "loss"] = setting("f1", "what tells the best epoch on validation ground")
    stages: tuple[StageSettings, ...] = setting((), "several stretches of learning instead of one")

    def __post_init__(self) -> None:
        if self.normalize == "initial" and self.initial is None:
            raise UserError("normalize is 'initial', but no initial run is named; add 'initial: RUN'")
        if self.keep_if_better and self.initial is None:
            raise UserError("keep_if_better compares with an initial run, but none is named; add 'initial: RUN'")
        if self.keep_if_better and self.average.name != "none":
            raise UserError("keep_if_better mixes weights by itself; leave average out, or set it to none")
        # What these cannot take is refused here, before anything is written. They are imported only now, so that the
        # names of settings are known before torch is.
        from limner.learning.loop.average import AVERAGES
        from limner.learning.loop.optimizers import SCHEDULES, try_optimizer
        from limner.segment.training.borders import BORDERS
        from limner.segment.training.losses import LOSSES
        from limner.segment.training.pixel_weights import KnownClasses

        try_optimizer(self.optimizer)
        self.schedule.build(SCHEDULES)
        self.average.build(AVERAGES)
        self.borders.build(BORDERS)
        self.loss.build(LOSSES, known=KnownClasses(pixels=lambda: np.ones((1, 2), int)))

    @property
    def crops_per_step(self) -> int:
        """Crops that a step learns from."""
        return self.batch * self.loop.accumulate

    @property
    def crops_of_all(self) -> int:
        """Crops that all processes together learn from in one optimization step."""
        return self.crops_per_step * self.loop.devices

    def all_stages(self) -> tuple[StageSettings, ...]:
        """The stages, or what ``epochs`` and ``decoder_epochs`` mean."""
        if self.stages:
            return self.stages
        first = min(self.decoder_epochs, self.epochs - 1)
        if not first:
            return (StageSettings("train", self.epochs),)
        return (StageSettings("decoder", first, train="decoder"), StageSettings("all", self.epochs - first))
