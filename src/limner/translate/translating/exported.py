"""A network that translates as a file of its own."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.learning.runs.export.export import told
from limner.learning.runs.export.exportable import Exportable, noise
from limner.learning.runs.run import Run
from limner.translate.translating.attributes import ATTRIBUTES
from limner.translate.translating.domains import load_for
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.predictor import PictureTranslator


class RawTranslator(nn.Module):
    """Pictures of pictures, both in 0..255: (B, C, H, W) float32, any H and W -> (B, outputs, scale H, scale W)."""

    def __init__(self, translator: PictureTranslator) -> None:
        super().__init__()
        network: Any = translator.network
        self.network, self.stride, self.scale = network, int(network.stride), int(network.scale)

    def forward(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[2:]
        image = picture / 127.5 - 1
        image = functional.pad(image, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        made: Tensor = self.network(image)[..., : height * self.scale, : width * self.scale]
        return ((made + 1) * 127.5).clamp(0, 255)


def exportable(run: Run, to: str | None = None) -> Exportable:
    """A run's network for `limner.export`, for pictures that fit in memory. to: the domain to make pictures of, for a
    run that learned several.

    Sides that are no multiple of the network's stride are filled up with the border repeated (limner itself reflects).
    Raises `UserError` for a run that fills holes, makes a frame of a clip, brings pictures to one size, changes
    attributes, or gives a gray picture its colors, and for a domain that is missing or unknown.
    """
    if run.task == ATTRIBUTES:
        raise UserError(f"{run.folder}: changes what it is told: such runs cannot be exported yet")
    translator = load_for(run, TranslateOptions(to=to), "cpu")
    if getattr(translator.network, "side_px", 0):
        raise UserError(f"{run.folder}: brings pictures to one size and back: such runs cannot be exported yet")
    if translator.fills or translator.frames or getattr(translator.network, "takes_center", False):
        what = f"makes {translator.frame_words} of a clip" if translator.frames else "fills holes"
        raise UserError(f"{run.folder}: {what}, and needs more than a picture: such runs cannot be exported yet")
    if hasattr(translator.network, "of_picture"):
        raise UserError(f"{run.folder}: looks at a small picture, then at the whole: such runs cannot be exported yet")
    least = max(int(translator.network.least_px), 2 * int(translator.network.stride), 32)  # type: ignore[arg-type]
    sizes = [(2, least, 2 * least), (1, least + 5, least + 11), (1, 3 * least, least)]
    axes = {0: "batch", 2: "height", 3: "width"}
    scaled = {0: "batch", 2: "made height", 3: "made width"}
    return Exportable(
        module=RawTranslator(translator).eval(),
        inputs=("picture",),
        output="made",
        examples=tuple((noise(batch, translator.channels, *size, seed=batch).clamp(0, 255),) for batch, *size in sizes),
        dynamic={"picture": axes, "made": scaled},
        answers="pictures",
        metadata=told(
            run.facts, "translate", f"(batch, {translator.channels}, height, width) float32, pixels in 0..255",
            f"(batch, {translator.outputs}, {translator.scale} height, {translator.scale} width) float32, 0..255",
        ),
    )  # fmt: skip
