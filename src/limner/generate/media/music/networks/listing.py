"""Networks that make music, by the names that recipes use.

All are called with ``shape``. A generator says by ``form`` what it makes (see `forms`), and by ``by_bars`` whether it
makes one bar after the other, told the one before; such a discriminator says by ``sees_previous`` whether it is shown
that, too.
"""

from collections.abc import Callable

from torch import nn

from limner.generate.media.music.networks.c_rnn_gan import RecurrentDiscriminator, RecurrentGenerator
from limner.generate.media.music.networks.grids import (
    BarDiscriminator,
    BarGenerator,
    GridDiscriminator,
    GridGenerator,
)
from limner.generate.media.music.networks.midinet import MidiNetDiscriminator, MidiNetGenerator
from limner.generate.media.music.networks.musegan import MuseGanDiscriminator, MuseGanGenerator

MUSIC_GIVEN = ("shape",)
MUSIC_GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "grid": GridGenerator, "bar": BarGenerator, "midinet": MidiNetGenerator, "musegan": MuseGanGenerator,
    "c-rnn-gan": RecurrentGenerator,
}  # fmt: skip
MUSIC_DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "grid": GridDiscriminator, "bar": BarDiscriminator, "midinet": MidiNetDiscriminator,
    "musegan": MuseGanDiscriminator, "c-rnn-gan": RecurrentDiscriminator,
}  # fmt: skip
