"""What `limner networks generate` prints: the networks of pictures, then those of media at the sizes of papers."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from limner.generate.media.captions.networks import CAPTION_DISCRIMINATORS, CAPTION_GENERATORS
from limner.generate.media.clips.networks import CLIP_DISCRIMINATORS, CLIP_GENERATORS
from limner.generate.media.music.networks.forms import MusicShape
from limner.generate.media.music.networks.listing import MUSIC_DISCRIMINATORS, MUSIC_GENERATORS
from limner.generate.media.text.networks import TEXT_DISCRIMINATORS, TEXT_ENLARGERS, TEXT_GENERATORS
from limner.generate.media.voxels.networks import VOXEL_DISCRIMINATORS, VOXEL_GENERATORS
from limner.generate.networks.listing import list_networks as list_picture_networks
from limner.learning.networks.listing import NetworkRow, NetworkSizes
from limner.nn.initialize import shapes_only
from limner.nn.parameters import count_parameters

CODE = 1024
"""Numbers of a sentence's code, as the papers have it."""
LARGE_PX = 256
"""Edge of what StackGAN's second stage makes."""
MELODY, VOICES = MusicShape(1, 8, 16, 55, 86), MusicShape(4, 4, 16, 36, 81)
"""What music is listed with: eight bars of a melody; four bars of the voices of chorales."""
Networks = Mapping[str, Callable[..., Any]]


def list_networks(sizes: NetworkSizes) -> list[NetworkRow]:
    """The networks of pictures, as `limner.generate.networks.listing.list_networks` has them, and those of media in one
    form each, with exact parameters at their default options, nothing allocated.

    Raises `UserError` as that does.
    """
    rows = list_picture_networks(sizes)
    with shapes_only():
        return [*rows, *_media(sizes.channels)]


def _media(channels: int) -> Iterator[NetworkRow]:
    roles = ("generator", "discriminator")
    small, large = ({"size_px": size_px, "channels": channels, "code": CODE} for size_px in (64, LARGE_PX))
    for role, text in zip(roles, (TEXT_GENERATORS, TEXT_DISCRIMINATORS), strict=True):
        first = {name: kind for name, kind in text.items() if name != "stackgan-2"}
        yield from _rows(first, f"{role} of text, 64 px, codes of {CODE}", small)
    enlargers = {name: kind for name, kind in TEXT_ENLARGERS.items() if name != "none"}
    yield from _rows(enlargers, f"second generator of text, {LARGE_PX} px, codes of {CODE}", large)
    second = {"stackgan-2": TEXT_DISCRIMINATORS["stackgan-2"]}
    yield from _rows(second, f"discriminator of text, {LARGE_PX} px, codes of {CODE}", large)
    for role, captions in zip(roles, (CAPTION_GENERATORS, CAPTION_DISCRIMINATORS), strict=True):
        given = {"words": 40, "length": 16, "size_px": 64}
        yield from _rows(captions, f"{role} of captions, 40 words, 64 px", given)
    for role, clips in zip(roles, (CLIP_GENERATORS, CLIP_DISCRIMINATORS), strict=True):
        yield from _rows(clips, f"{role} of clips, 64 px", {"size_px": 64})
    for role, voxels in zip(roles, (VOXEL_GENERATORS, VOXEL_DISCRIMINATORS), strict=True):
        yield from _rows(voxels, f"{role} of voxels, 64 a side", {"side": 64})
    for role, music in zip(roles, (MUSIC_GENERATORS, MUSIC_DISCRIMINATORS), strict=True):
        one = {name: kind for name, kind in music.items() if name != "musegan"}
        yield from _rows(one, f"{role} of music, a melody", {"shape": MELODY})
        four = {name: music[name] for name in ("grid", "musegan")}
        yield from _rows(four, f"{role} of music, four voices", {"shape": VOICES})


def _rows(entries: Networks, form: str, given: Mapping[str, Any]) -> Iterator[NetworkRow]:
    for name, kind in entries.items():
        line = (kind.__doc__ or "").strip().splitlines()[0]
        yield NetworkRow(name, form, count_parameters(kind(**given)), None, line)
