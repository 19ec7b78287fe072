"""The recipe of translations that are learned from pairs: every switch is one line, so that a study is a list of
recipes. Imports no torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, WeightedChoice, choice, setting, weighted_choices
from limner.translate.training.shared_settings import beginning_setting, optimizer_setting, schedule_setting

GENERATOR_GIVEN = ("inputs", "outputs", "scale")
DISCRIMINATOR_GIVEN = ("channels", "size_px")


def _content() -> Mapping[str, Callable[..., Any]]:
    from limner.translate.training.pairs.content import CONTENT

    return CONTENT


@dataclass(frozen=True)
class PairSettings:
    """Which pairs to learn from, and how they are cropped."""

    paths: tuple[Path, ...] = setting((), "folders of pairs, or of pictures that are made worse (--data)")
    source: str = setting("source", "name of the folder of what is given, below each of paths")
    target: str = setting("target", "name of the folder of what shall be made, below each of paths")
    joined: Literal["no", "source-left", "source-right"] = setting(
        "no", "whether a file holds both pictures of a pair side by side, and where the given one stands"
    )
    frames: int | None = setting(
        None, "learn a frame of clips from so many others; paths: videos, or a folder of frames for each",
        unit="frames", minimum=1,
    )  # fmt: skip
    frame: Literal["next", "between"] = setting(
        "next", "which one, with data.frames: the frame after them, or the one in their middle (of an even number)"
    )
    colors: Literal["rgb", "gray", "bands"] = setting("rgb", "channels of the targets; bands: all that a raster has")
    source_colors: Literal["rgb", "gray", "bands"] = setting("rgb", "channels of the sources, where they are files")
    size_px: int | None = setting(None, "bring both pictures to squares of this side", unit="px", minimum=8)
    jitter_px: int | None = setting(None, "enlarge to this side before cropping, in training", unit="px", minimum=8)
    crop_px: int | None = setting(None, "side of the targets' crops; none: whole pictures", unit="px", minimum=8)
    flip: bool = setting(True, "mirror half of the pairs, left to right")
    held_out: float = setting(
        0.1, "pairs (or clips) kept for the scores: a share below 1, or how many; those that look alike stay together",
        minimum=0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of pairs")
        if self.jitter_px is not None and self.crop_px is None:
            raise UserError("data.jitter_px enlarges pictures before they are cropped; give --data.crop-px, too")
        if self.frames is not None and self.joined != "no":
            raise UserError(
                f"data.joined is {self.joined}, and data.frames makes pairs of clips; leave one of them out"
            )
        if self.frame == "between" and (self.frames is None or self.frames % 2):
            raise UserError(
                f"data.frames is {'none' if self.frames is None else self.frames}; a frame between others has as many "
                "before it as after it: give an even number, such as 2, or --data.frame next"
            )
        if self.source == self.target:
            raise UserError(f"data.source and data.target are both '{self.source}'; needed: two folders")


@dataclass(frozen=True)
class ScoreSettings:
    """What is measured while it learns."""

    channel: Literal["y", "rgb"] = setting("y", "what PSNR and SSIM see: luma, or all channels")
    border_px: int = setting(
        0, "cut off all around before PSNR and SSIM; the papers on enlarging: the factor", minimum=0
    )
    pairs: int = setting(64, "held-out pairs that are looked at while it learns; at its end all are", minimum=1)
    keep_by: Literal["psnr", "none"] = setting("psnr", "the score that tells the best weights; none: the last")


@dataclass(frozen=True)
class PairRecipe(Recipe):
    """How to learn to make one picture of another: pairs, a network, and what it is told."""

    task: Literal["translate-pairs"] = setting("translate-pairs", "pictures into others, learned from pairs")
    data: PairSettings = setting(PairSettings, "pairs")
    degrade: Choice = choice(
        "none",
        "makes the sources of the targets; none: pairs are files",
        "limner.translate.degrading.ways:DEGRADATIONS",
    )
    see_mask: bool = setting(True, "show the network where a hole is, as a further channel")
    generator: Choice = choice("unet", "makes the picture", "limner.translate.networks:GENERATORS", GENERATOR_GIVEN)
    content: tuple[WeightedChoice, ...] = weighted_choices(
        ("l1",), "what is compared with the target, each with its weight", _content
    )
    adversarial: float = setting(
        1.0, "weight of the adversarial loss beside the content; 0: no discriminator", minimum=0
    )
    discriminator: Choice = choice(
        "patch", "tells true from made", "limner.translate.networks:DISCRIMINATORS", DISCRIMINATOR_GIVEN
    )
    discriminator_sees: Literal["pair", "target", "hole"] = setting(
        "pair", "source and target together, the target alone, or the middle half of it, where the hole is"
    )
    discriminator_weight: float = setting(1.0, "of the discriminator's loss; pix2pix: 0.5", minimum=0)
    discriminator_steps: int = setting(1, "updates of the discriminator to one of the generator", minimum=1)
    gradient_penalty: float = setting(
        0.0, "gradients of norm 1 between true and made (WGAN-GP); the paper: 10", minimum=0
    )
    loss: Choice = choice("non-saturating", "what the two minimize", "limner.adversarial.losses:LOSSES")
    initialization: Choice = beginning_setting("default")
    generator_optimizer: Choice = optimizer_setting("how the generator moves")
    discriminator_optimizer: Choice = optimizer_setting("how the discriminator moves")
    schedule: Choice = schedule_setting("how both learning rates change, after the warm-up")
    warmup_epochs: int = setting(0, "epochs before, in which the generator learns by warmup_content alone", minimum=0)
    warmup_content: tuple[WeightedChoice, ...] = weighted_choices(("l2",), "what is compared then", _content)
    statistics: Literal["training", "picture"] = setting(
        "training", "what batch normalization uses in a trained network: the training's means, or the picture's own"
    )
    dropout_in_use: bool = setting(False, "keep dropout in a trained network, as pix2pix does for noise")
    batch: int = setting(16, "pairs in a step", unit="pairs", minimum=1)
    epochs: int = setting(20, "stretches of training, each with an evaluation", minimum=1)
    steps_per_epoch: int | None = setting(None, "steps in each; none: as many as show every pair once", minimum=1)
    scores: ScoreSettings = setting(ScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        # What these cannot take is refused here, before anything is written. They are imported only now, so that the
        # names of settings are known before torch is.
        from limner.learning.loop.optimizers import SCHEDULES, try_optimizer
        from limner.translate.degrading.ways import DEGRADATIONS

        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            try_optimizer(optimizer)
        self.schedule.build(SCHEDULES)
        self.degrade.build(DEGRADATIONS)
        if not self.content and not self.adversarial:
            raise UserError("content is empty and adversarial is 0, so there is nothing to learn by; give one of them")
        if self.loop.accumulate != 1:
            raise UserError(
                f"loop.accumulate is {self.loop.accumulate}; the translate room takes its whole batch at once so far"
            )
        if self.discriminator_sees == "hole" and self.degrade.name != "hole":
            raise UserError(f"discriminator_sees is hole, but degrade is {self.degrade.name}; take pair or target")
        if self.degrade.name != "none" and self.data.frames is not None:
            raise UserError(
                f"degrade {self.degrade.name} makes sources, and so does data.frames; leave one of them out"
            )
        if self.degrade.name != "none" and self.data.joined != "no":
            raise UserError(
                f"data.joined is {self.data.joined}, but degrade {self.degrade.name} makes the sources; "
                "leave one of them out"
            )
