"""Networks that make pictures of sentences, by the names that recipes use.

Generators are called with ``size_px``, ``channels`` and ``code``, and take latents and codes; discriminators take
pictures and codes. Enlargers take pictures and codes, and give larger pictures.
"""

from collections.abc import Callable

from torch import nn

from limner.generate.media.text.enlarging import TEXT_ENLARGERS, StackGanSecondDiscriminator
from limner.generate.media.text.gan_cls import GanClsDiscriminator, GanClsGenerator
from limner.generate.media.text.light import LightTextDiscriminator, LightTextGenerator
from limner.generate.media.text.stackgan import StackGanDiscriminator, StackGanGenerator

__all__ = ["TEXT_DISCRIMINATORS", "TEXT_ENLARGERS", "TEXT_GENERATORS", "TEXT_GIVEN"]

TEXT_GIVEN = ("size_px", "channels", "code")
TEXT_GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "light": LightTextGenerator, "gan-cls": GanClsGenerator, "stackgan": StackGanGenerator,
}  # fmt: skip
TEXT_DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "light": LightTextDiscriminator, "gan-cls": GanClsDiscriminator, "stackgan": StackGanDiscriminator,
    "stackgan-2": StackGanSecondDiscriminator,
}  # fmt: skip
