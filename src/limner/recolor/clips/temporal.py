"""Clips recolored without flicker: what decides a color is found at key frames and held or faded between them.

Recolored frame by frame, a clip flickers: superpixels lie differently in every frame, so they match differently. Here
a method is asked once, or at key frames only, and its answer is kept as a function that does not change: a global map,
or the superpixels of a key frame with their new colors, from which color fusion (`limner.recolor.fusion.fuse`) gives a
color to the pixels of any frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from limner.foundation.errors import UserError
from limner.recolor.clips.cuts import is_cut
from limner.recolor.fusion.regrain import PUBLISHED_WEIGHTS, regrain
from limner.recolor.methods.global_map import GlobalOptions, fit_colors
from limner.recolor.methods.histogram_analogy import AnalogyOptions
from limner.recolor.methods.methods import Mix, Options, method_options, transfer
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.sct import SctOptions
from limner.recolor.methods.superpixel import SuperpixelOptions

KEY_EVERY = 4
"""Frames from one key frame to the next: a sixth of a second of film.

Closer ones cost more, farther ones lag behind.
"""
PALETTE = 0.9
"""How far a clip's matched colors are spread to the references' palette (`limner.recolor.matching.palette`) where
nothing is selected: averages over time dull colors as averages over matches do. Chosen by measurement: see
docs/recolor/video.md.
"""
AT_REST, MOVING, SLOWEST = 0.01, 0.03, 0.2
"""Mean change of the source's channels around a pixel, 0..1, that counts as noise, and as motion; and the share of its
new change of color that a pixel at rest takes over in a frame."""
SURROUNDINGS_PX = 5
SAMPLED_FRAMES, SAMPLED_PX = 64, 1 << 15
"""Most frames, and pixels of each, from which a global map is fitted."""


def recolor_clip(
    clip: Iterable[Tensor],
    references: Sequence[Tensor],
    method: str | Options = "superpixel",
    *,
    temporal: bool = True,
    key_every: int = KEY_EVERY,
    strength: float = 1.0,
    keep_luminance: bool = False,
) -> Iterator[Tensor]:
    """The frames of a clip in the colors of the references, one by one: (3, H, W) float32, not clipped.

    - Global methods (`limner.colors.classic.FITS`): one map, fitted to a sample of the whole clip.
    - Others: the method recolors key frames, every ``key_every`` and the first and last of a scene. Between two of them
      each frame is fused from the superpixels of both, the second fading in, and regrained; where the source rests, its
      change of color follows slowly. A cut of the scene (`limner.recolor.clips.cuts`) starts anew.

    The same clip and options give the same frames. Memory holds a few frames, however long the clip; work is done on
    the device of the references.

    clip: (3, H, W) float32 frames, gamma-encoded 0..1, of one size. It is iterated twice, so no generator. references,
    method, strength and keep_luminance: as those of `limner.recolor.methods.methods.transfer_color`; but the superpixel
    method's palette is 0.9 where its options do not say, as fading and following dull colors a little. temporal: False
    recolors every frame by itself, as a picture.

    Raises `UserError` for options that cannot be.
    """
    mix = Mix(strength, keep_luminance)
    return transfer_clip(clip, references, method_options(method), mix, temporal=temporal, key_every=key_every)


def transfer_clip(
    clip: Iterable[Tensor],
    references: Sequence[Tensor],
    options: Options,
    mix: Mix,
    *,
    reference_masks: Sequence[Tensor | None] = (),
    reference_weights: Sequence[float] = (),
    temporal: bool = True,
    key_every: int = KEY_EVERY,
) -> Iterator[Tensor]:
    """`recolor_clip`, of options that are made. reference_masks, reference_weights: as of
    `limner.recolor.methods.pictures.Pictures`.
    """
    if key_every < 1:
        raise UserError(f"key frames every {key_every}; needed: 1 (every frame) or more")
    frames = _OnDevice(clip, references[0].device)
    if temporal and isinstance(options, SuperpixelOptions) and options.palette is None:
        options = replace(options, palette=PALETTE)

    def with_references(frame: Tensor) -> Pictures:
        return Pictures(frame, references, reference_masks=reference_masks, reference_weights=reference_weights)

    pairs: Iterator[tuple[Tensor, Tensor]]
    if not temporal:
        pairs = ((frame, transfer(with_references(frame), options).picture) for frame in frames)
    elif isinstance(options, GlobalOptions):
        pairs = _mapped(frames, with_references(sample_colors(frames)[:, None]), options)
    else:
        pairs = _settled(_faded(frames, with_references, options, key_every))
    return (mix.of(frame, picture) for frame, picture in pairs)


@dataclass(frozen=True)
class _OnDevice:
    """A clip whose frames are brought to a device."""

    clip: Iterable[Tensor]
    device: torch.device

    def __iter__(self) -> Iterator[Tensor]:
        return (frame.to(self.device) for frame in self.clip)


def _mapped(clip: Iterable[Tensor], sampled: Pictures, options: GlobalOptions) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames with what one global map makes of them. sampled: its target is a sample of the clip."""
    color_map = fit_colors(sampled, options.fit)
    for frame in clip:
        picture = color_map(frame.flatten(1)).view_as(frame)
        yield frame, regrain(frame, picture, options.smoothness) if options.smoothness > 0 else picture


def sample_colors(clip: Iterable[Tensor], seed: int = 0) -> Tensor:
    """Colors of a clip of any length, (3, n) float32: 32768 pixels of each of up to 64 frames, spread evenly.

    Which frames stay is known only at the end: whenever there are too many, every second one is dropped.
    """
    samples: list[Tensor] = []
    step = 1
    for number, frame in enumerate(clip):
        if number % step == 0:
            generator = torch.Generator().manual_seed(seed + number)
            pixels = torch.randint(frame[0].numel(), (SAMPLED_PX,), generator=generator)
            samples.append(frame.flatten(1)[:, pixels.to(frame.device)])
            if len(samples) > SAMPLED_FRAMES:
                samples, step = samples[::2], step * 2
    return torch.cat(samples, dim=1)


def key_frames(clip: Iterable[Tensor], every: int) -> Iterator[tuple[int, Tensor]]:
    """The first and last frame of every scene, and those between at equal steps: with their numbers, from 0."""
    number, since = 0, 0
    last: Tensor | None = None
    for number, frame in enumerate(clip):
        if last is None or is_cut(last, frame):
            if last is not None and since > 0:
                yield number - 1, last
            yield number, frame
            since = 0
        else:
            since += 1
            if since == every:
                yield number, frame
                since = 0
        last = frame
    if last is not None and since > 0:
        yield number, last


def _faded(
    clip: Iterable[Tensor],
    with_references: Callable[[Tensor], Pictures],
    options: SuperpixelOptions | SctOptions | AnalogyOptions,
    key_every: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames with what answers at key frames, faded into each other, make of them."""
    frames = iter(clip)  # follows the key frames, which are found and asked first
    weights = options.weights if isinstance(options, SuperpixelOptions) else PUBLISHED_WEIGHTS
    smoothness, options = options.smoothness, replace(options, smoothness=0.0)
    before: Callable[[Tensor], Tensor] | None = None
    done = 0
    for number, key_frame in key_frames(clip, key_every):
        answer = _ask(with_references(key_frame), options)
        steps = number + 1 - done  # one at a cut, so that nothing fades across it
        for step, frame in enumerate(islice(frames, steps), start=1):
            picture = answer(frame)
            if before is not None and step < steps:
                picture = before(frame).lerp(picture, step / steps)
            yield frame, regrain(frame, picture, smoothness, weights=weights) if smoothness > 0 else picture
        before, done = answer, number + 1


def _settled(pairs: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames with their pictures, of which the change of color is steady where the source rests: noise leaves it alone.

    The change E follows the wanted one: E(t) = E(t-1) + a (wanted - E(t-1)), a = 1 where the source moves.
    """
    last: Tensor | None = None
    for frame, picture in pairs:
        wanted = picture - frame
        if last is None or is_cut(last, frame):
            change = wanted
        else:
            moved = (frame - last).abs().amax(0, keepdim=True)
            around = avg_pool2d(moved, SURROUNDINGS_PX, 1, SURROUNDINGS_PX // 2, count_include_pad=False)
            change = change.lerp(wanted, ((around - AT_REST) / (MOVING - AT_REST)).clamp(SLOWEST, 1).expand_as(wanted))
        last = frame
        yield frame, frame + change


def _ask(pictures: Pictures, options: Options) -> Callable[[Tensor], Tensor]:
    """What the method does to a key frame, as a function of place and color: its superpixels and their new colors, or
    its grid of changes."""
    done = transfer(pictures, options)
    if done.grid is not None:
        return done.grid
    fusion = done.fusion
    assert fusion is not None  # of methods that fuse superpixels, which are all others that are asked
    return lambda frame: fusion(frame).picture
