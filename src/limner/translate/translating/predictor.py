"""A trained network that translates pictures: what a run of this room hands out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.learning.runs.described import build_fitting, described_choice
from limner.reporting.card import card, newest_picture
from limner.scenes.windows import Window
from limner.translate.data.pairs import Frame
from limner.translate.data.reading import Colors
from limner.translate.degrading.holes import Fill, hole_color
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.networks import GENERATORS
from limner.translate.networks.in_use import network_in_use
from limner.translate.networks.translator import uses_picture_statistics
from limner.translate.translating.facts import read_facts
from limner.translate.translating.tiles import TILE_PX, PictureNorm, Read, translated_tiles, with_picture_norms

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

GENERATOR_GIVEN = ("inputs", "outputs", "scale")
WHOLE_PX = 1 << 20
"""A tile that holds any picture of a training."""


@dataclass(frozen=True, repr=False)
class PictureTranslator:
    """Pictures made of pictures by a trained network, of any size.

    network: a `limner.translate.networks.Translator`. colors, source_colors: of what is made and given. fill: of the
    holes that it was trained to fill; None for other runs. see_mask: it is shown where they are.
    """

    network: nn.Module
    outputs: int
    channels: int
    """Of what it is given, without the mask."""
    scale: int
    colors: Colors
    source_colors: Colors
    fill: Fill | None
    see_mask: bool
    device: torch.device
    whole: bool = False
    """Its batch normalization uses a picture's own statistics, or it brings pictures to one size, so that no picture
    can be cut into tiles."""
    frames: int = 0
    """Of a clip it is given so many, and makes another one; 0: it is given pictures."""
    frame: Frame = "next"
    """Which one it makes of them, where it is given frames."""
    note: str = ""
    """What to tell before it works; empty where there is nothing."""
    digest: str = ""
    folder: Path | None = None
    score: str = ""

    @property
    def fills(self) -> bool:
        """Whether it fills holes, and so needs to be told where they are."""
        return self.fill is not None

    @property
    def sees_all(self) -> bool:
        """Whether what it makes somewhere depends on the whole picture, through instance normalization."""
        return any(isinstance(layer, PictureNorm) for layer in self.network.modules())

    def size_notes(self, height: int, width: int) -> tuple[str, ...]:
        """What to know of a picture of this size, where the network knows one size alone."""
        side = getattr(self.network, "side_px", 0)
        if side in (0, height) and side in (0, width):
            return ()
        return (f"the network knows {side} x {side} px: other pictures are brought to that, and what it makes back",)

    def translate(
        self, picture01: Tensor, mask: Tensor | None = None, *, tile_px: int | None = TILE_PX, in_place: bool = False
    ) -> Tensor:
        """What it makes of a picture.

        picture01: (C, h, w) float32 in [0, 1]. mask: (1, h, w), 1 where pixels are missing, for a run that fills holes;
        all else stays as it is. tile_px: side of the tiles; None: the whole picture in one pass. in_place: paint holes
        into the picture itself, for whoever needs it no more. Gives (C, scale h, scale w) float32 in [0, 1] on the CPU.

        Raises `UserError` for other channels, a mask that is missing or means nothing, and a picture that a network of
        a fixed size cannot take.
        """
        self.check(len(picture01), mask)
        read = self.reader(picture01, mask)
        height, width = picture01.shape[1:]
        if getattr(self.network, "takes_center", False):
            source = read(Window(0, 0, height, width))
            with torch.no_grad():
                center = self.network(source[None].to(self.device))[0].float().cpu()
            made = source[: self.outputs].clone()
            made[:, height // 4 : height // 4 + center.shape[1], width // 4 : width // 4 + center.shape[2]] = center
            made01 = ((made + 1) / 2).clamp(0, 1)
            return made01 if mask is None else torch.where(mask > 0.5, made01, picture01)
        if mask is None:
            made = torch.empty(self.outputs, height * self.scale, width * self.scale)
        else:
            made = picture01 if in_place else picture01.clone()  # what a hole held is never read: it has its color
        edge = WHOLE_PX if tile_px is None or self.whole else tile_px
        for window, part in translated_tiles(self.network, read, height, width, tile_px=edge, wanted=_holed(mask)):
            part01 = ((part + 1) / 2).clamp(0, 1)
            here = (slice(None), *window.slices)
            if mask is not None:
                part01 = torch.where(mask[here] > 0.5, part01, picture01[here])
            rows, columns = (slice(each.start * self.scale, each.stop * self.scale) for each in window.slices)
            made[:, rows, columns] = part01
        return made

    def next_frame(self, frames01: Sequence[Tensor], *, tile_px: int | None = TILE_PX) -> Tensor:
        """The frame that comes after these, for a run that learned from clips: (C, h, w) float32 in [0, 1].

        frames01: the last of a clip in their order, `frames` of them or more, each (C, h, w) float32 in [0, 1]. Raises
        `UserError` for fewer, for a run that learned from pictures, and for other channels.
        """
        self._check_makes("next")
        if len(frames01) < self.frames:
            raise UserError(f"{len(frames01)} frames; the run makes the next one of {self.frames}")
        return self.translate(torch.cat([*reversed(frames01[-self.frames :])]), tile_px=tile_px)

    def frame_between(self, frames01: Sequence[Tensor], *, tile_px: int | None = TILE_PX) -> Tensor:
        """The frame in the middle of these, for a run that learned such: (C, h, w) float32 in [0, 1].

        frames01: in the order of the clip, `frames` of them, half of them before the one that is made, each (C, h, w)
        float32 in [0, 1]. Raises `UserError` for another number, for another run, and for other channels.
        """
        self._check_makes("between")
        if len(frames01) != self.frames:
            raise UserError(f"{len(frames01)} frames; the run makes the one in the middle of {self.frames}")
        return self.translate(torch.cat([*reversed(frames01)]), tile_px=tile_px)

    @property
    def frame_words(self) -> str:
        """What it makes of frames, in words."""
        return {"next": "the next frame", "between": "frames between others"}[self.frame]

    def _check_makes(self, frame: Frame) -> None:
        if not self.frames or self.frame != frame:
            did = f"makes {self.frame_words}" if self.frames else "learned from pictures"
            other = {
                "next": "no next frame; take one of translate/next-frame",
                "between": "no frame between others; take one of translate/between-frames",
            }[frame]
            raise UserError(f"the run {did}, so it knows {other}")

    def check(self, channels: int, mask: object) -> None:
        """Raise `UserError` for a picture of other channels, and for a mask that is missing or means nothing."""
        if channels != self.channels:
            raise UserError(f"a picture of {channels} channels; the run translates pictures of {self.channels}")
        if self.fills and mask is None:
            raise UserError("the run fills holes; give --mask, a picture that is white where something is missing")
        if mask is not None and not self.fills:
            raise UserError("the run fills no holes, so a mask means nothing; leave --mask out")

    def reader(self, picture01: Tensor, mask: Tensor | None) -> Read:
        """What gives windows of a picture in [-1, 1] as the network takes them, the hole filled and its mask appended:
        only the window is copied, so that a large picture stands in memory once."""
        if mask is None:
            return lambda window: picture01[(slice(None), *window.slices)] * 2 - 1
        assert self.fill is not None
        color, hole = hole_color(picture01, mask, self.fill), mask

        def read(window: Window) -> Tensor:
            here = (slice(None), *window.slices)
            source = torch.where(hole[here] > 0.5, color[:, None, None], picture01[here]) * 2 - 1
            return torch.cat([source, hole[here].float() * 2 - 1]) if self.see_mask else source

        return read

    def tiles(self, read: Read, height: int, width: int, tile_px: int = TILE_PX) -> Any:
        """See `translated_tiles`; for pictures that are read and written part by part."""
        return translated_tiles(self.network, read, height, width, tile_px=WHOLE_PX if self.whole else tile_px)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        larger = f", {self.scale} times as large" if self.scale > 1 else ""
        return f"PictureTranslator({self.channels} to {self.outputs} channels{larger}{where}, on {self.device})"

    def _repr_html_(self) -> str:
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        facts = {
            "makes": f"{self.frame_words} (of {self.frames})"
            if self.frames
            else f"{self.colors} of {self.source_colors}"
            + (f", {self.scale} times as large" if self.scale > 1 else ""),
            "network": f"{type(self.network).__name__}, {parameters / 1e6:.2f} M parameters",
            "score": self.score,
        }
        return card("limner translate", facts, None if self.folder is None else newest_picture(self.folder))


def _holed(mask: Tensor | None) -> Callable[[Window], bool] | None:
    """Whether a window holds a part of a hole; None where every window is asked for."""
    if mask is None:
        return None
    return lambda window: bool((mask[(slice(None), *window.slices)] > 0.5).any())


def make_translator(
    network: nn.Module, *, inputs: int, outputs: int, scale: int, colors: Colors, source_colors: Colors,
    degrade_name: str, degrade_options: Any, see_mask: bool, picture_statistics: bool, dropout: bool,
    device: torch.device, own: bool = False, **more: Any,
) -> PictureTranslator:  # fmt: skip
    """What translates, around a generator. own: the network may be changed, as nobody trains it."""
    fills = degrade_name == "hole"
    if not own and uses_picture_statistics(network):
        network = copy.deepcopy(network)
    used = with_picture_norms(network_in_use(network, picture_statistics=picture_statistics, dropout=dropout))
    return PictureTranslator(
        network=used.to(device),
        outputs=outputs,
        channels=inputs - (1 if fills and see_mask else 0),
        scale=scale,
        colors=colors,
        source_colors=source_colors,
        fill=degrade_options.get("fill", "mean") if fills else None,
        see_mask=see_mask,
        device=device,
        whole=getattr(used, "side_px", 0) > 0
        or (picture_statistics and any(isinstance(layer, nn.BatchNorm2d) for layer in used.modules())),
        **more,
    )


def load_network(run: Run, name: str, build: Callable[[], nn.Module]) -> nn.Module:
    """A run's network of that name with its weights, which nothing moves any more.

    Raises `UserError` where the network that ``build`` gives has other tensors than the run's file.
    """
    prefix = f"{name}."
    shapes = {key.removeprefix(prefix): shape for key, shape in run.weight_shapes().items() if key.startswith(prefix)}
    network = build_fitting(build, shapes, run.folder)
    weights = run.weights()
    network.load_state_dict({key: weights[prefix + key] for key in shapes})
    return network.requires_grad_(False)


def load_translator(run: Run, device: str = "auto") -> PictureTranslator:
    """What translates with a run's network. device: auto, cpu or cuda.

    Raises `UserError` for a run that is damaged and for a device that is not here.
    """
    facts = read_facts(run)
    place = choose_device(device)
    source = run.folder / "model.json"
    described = described_choice(facts.generator, GENERATORS, GENERATOR_GIVEN, source, "generator")
    degrade = described_choice(facts.degrade, DEGRADATIONS, (), source, "degrade")
    network = load_network(
        run, "generator", lambda: described.build(
            GENERATORS, inputs=facts.inputs, outputs=facts.outputs, scale=facts.scale
        ),
    )  # fmt: skip
    return make_translator(
        network, inputs=facts.inputs, outputs=facts.outputs, scale=facts.scale,
        colors=facts.colors, source_colors=facts.source_colors, degrade_name=degrade.name,
        degrade_options=degrade.options, see_mask=facts.see_mask, picture_statistics=facts.picture_statistics,
        dropout=facts.dropout, device=place, own=True, frames=facts.frames, frame=facts.frame, digest=run.digest(),
        folder=run.folder,
    )  # fmt: skip
