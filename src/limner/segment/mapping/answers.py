"""What is asked of the networks beside their plain answer, and what is made of it. Imports no torch."""

from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

from cyclopts import Parameter

from limner.foundation.command_line import METHOD, OUTPUT
from limner.foundation.errors import UserError
from limner.segment.predicting.crf.options import CrfOptions

USUAL_CRF = CrfOptions()


@dataclass(frozen=True)
class AnswerOptions:
    """How a scene's probabilities are made. Raises `UserError` for values that cannot be.

    What the CRF's settings mean: `limner.segment.predicting.crf.options.CrfOptions`.
    """

    tta: Annotated[
        bool, Parameter(negative=(), help="Average over flips and quarter turns; 8 times as long.", group=METHOD)
    ] = False
    crf: Annotated[
        bool, Parameter(negative=(), help="Let near pixels of like color agree: a fully connected CRF.", group=METHOD)
    ] = False
    crf_smooth_weight: Annotated[
        float, Parameter(help="CRF: how strongly near pixels agree, whatever their color.", group=METHOD)
    ] = USUAL_CRF.smooth_weight
    crf_smooth_px: Annotated[float, Parameter(help="CRF: how near.", group=METHOD)] = USUAL_CRF.smooth_px
    crf_color_weight: Annotated[
        float, Parameter(help="CRF: how strongly near pixels of like color agree.", group=METHOD)
    ] = USUAL_CRF.color_weight
    crf_color_px: Annotated[float, Parameter(help="CRF: how near.", group=METHOD)] = USUAL_CRF.color_px
    crf_color_std: Annotated[
        float, Parameter(help="CRF: how like, in standard deviations of the scene's bands.", group=METHOD)
    ] = USUAL_CRF.color_std
    crf_steps: Annotated[int, Parameter(help="CRF: steps of mean-field inference.", group=METHOD)] = USUAL_CRF.steps
    entropy: Annotated[
        bool, Parameter(negative=(), help="Write how unsure the map is, in bits, as a raster too.", group=OUTPUT)
    ] = False

    def __post_init__(self) -> None:
        changed = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        settings = [name for name in changed if name.startswith("crf_")]
        if settings and not self.crf:
            raise UserError(f"--{settings[0].replace('_', '-')} is a setting of the CRF: add --crf")
        _ = self.crf_settings  # what cannot be is refused here

    @property
    def crf_settings(self) -> CrfOptions:
        """The settings of the CRF."""
        return CrfOptions(**{field.name: getattr(self, f"crf_{field.name}") for field in fields(CrfOptions)})

    def deciding(self) -> dict[str, Any]:
        """What decides the result, for its record."""
        return {"tta": self.tta, "entropy": self.entropy, "crf": asdict(self.crf_settings) if self.crf else "off"}


PLAIN = AnswerOptions()
