"""The classify room's recipe: data, a network, what it minimizes and how it moves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.classify.data.split import SplitRule
from limner.classify.networks import NETWORKS
from limner.classify.training.augment import AugmentSettings
from limner.classify.training.losses import LOSSES
from limner.foundation.errors import UserError
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, try_optimizer
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting

NETWORK_GIVEN = ("channels", "classes")


@dataclass(frozen=True)
class ExampleSettings:
    """Which pictures to learn from, how they are brought to one size, and what is held out."""

    paths: tuple[Path, ...] = setting((), "where the data lies (--data); none: scikit-learn's digits")
    torchvision: str | None = setting(
        None, "the name of a data set of torchvision whose root the path is, such as CIFAR10"
    )
    class_folder: Literal["first", "innermost"] = setting(
        "first", "of folders for each class, which names it: the one directly below the path, or the whole way"
    )
    size_px: int = setting(224, "edge that pictures are brought to", unit="px", minimum=8, maximum=2048)
    crop_px: int | None = setting(None, "edge of what the network sees of that (none: all)", unit="px", minimum=8)
    colors: Literal["rgb", "gray"] = setting("rgb", "channels of the pictures")
    fit: Literal["auto", "crop", "pad", "squash"] = setting(
        "auto", "how pictures become squares; auto: padded where most stand on a plain ground, else cropped"
    )
    memory: Literal["auto", "memory", "stream"] = setting(
        "auto", "where pictures are kept; auto: in memory if they take at most half of what is free, else on disk"
    )
    split: Literal["auto", "pictures", "order"] = setting(
        "auto", "what is held out; auto: what the data says or by its groups, else drawn picture by picture"
    )
    held_out: float = setting(0.2, "share of the pictures that is held out for the scores", minimum=0, maximum=0.5)
    folds: int | None = setting(None, "hold out one of so many equal parts instead", minimum=2)
    fold: int = setting(0, "which of them, from 0", minimum=0)

    def __post_init__(self) -> None:
        if self.crop_px is not None and self.crop_px > self.size_px:
            raise UserError(
                f"data.crop_px is {self.crop_px}, and pictures are of {self.size_px} px (data.size_px); needed: no more"
            )

    @property
    def seen_px(self) -> int:
        """Edge of what the network sees."""
        return self.crop_px or self.size_px

    @property
    def rule(self) -> SplitRule:
        """How pictures are parted."""
        return SplitRule(self.split, self.held_out, self.folds, self.fold)


@dataclass(frozen=True)
class ClassifyRecipe(Recipe):
    """How a network learns to tell classes of pictures apart."""

    task: Literal["classify"] = setting("classify", "the room")
    data: ExampleSettings = setting(ExampleSettings, "pictures")
    network: Choice = choice("efficientnet-lite", "tells the classes apart", lambda: NETWORKS, NETWORK_GIVEN)
    contrast: Literal["none", "global", "local"] = setting(
        "none", "contrast normalization before all else: of each picture as a whole, or of each neighborhood in it"
    )
    normalize: Literal["data", "network", "unit", "signed"] = setting(
        "data",
        "what channels are standardized by: the data's mean and deviation, or the network's; or their range, 0 to 1 or "
        "-1 to 1",
    )
    whiten: float | None = setting(
        None, "ZCA-whiten small pictures after that, so much added to each variance; 0.1 as Coates et al.", minimum=0
    )
    loss: Choice = choice("cross-entropy", "what is minimized", lambda: LOSSES)
    balance: bool = setting(False, "let each class count alike in the loss, however many pictures it has")
    optimizer: Choice = choice("sgd", "how the network moves", lambda: OPTIMIZERS, ("parameters",))
    schedule: Choice = choice("constant", "how the learning rate changes", lambda: SCHEDULES)
    body_factor: float = setting(1.0, "learning rate of all but the last layer, as a factor", minimum=0, maximum=1)
    greedy_layers: int = setting(
        0, "convolutions whose kernels are first learned without labels, each from what those before answer", minimum=0
    )
    head_epochs: int = setting(0, "epochs in which only the last layer learns, before the others", minimum=0)
    augment: AugmentSettings = setting(AugmentSettings, "changes of pictures while they are learned from")
    batch: int = setting(64, "pictures in a step", unit="pictures", minimum=1)
    epochs: int = setting(10, "passes over the pictures", minimum=1)
    keep_by: Literal["accuracy", "loss"] = setting(
        "accuracy", "the score on what is held out that tells the best epoch"
    )

    def __post_init__(self) -> None:
        # What these cannot take is refused here, before anything is written.
        try_optimizer(self.optimizer)
        self.schedule.build(SCHEDULES)
        self.loss.build(LOSSES)

    @property
    def pictures_per_step(self) -> int:
        """Pictures that a step learns from."""
        return self.batch * self.loop.accumulate

    @property
    def pictures_of_all(self) -> int:
        """Pictures that all processes together learn from in one optimization step."""
        return self.pictures_per_step * self.loop.devices
