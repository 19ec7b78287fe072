"""What is asked of the networks beside their plain answer: turned pictures, a CRF. Imports no torch."""

from dataclasses import dataclass, fields
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.command_line import METHOD
from limner.foundation.errors import UserError
from limner.segment.predicting.crf.options import CrfOptions

USUAL_CRF = CrfOptions()


@dataclass(frozen=True)
class PredictionOptions:
    """How probabilities are made. Raises `UserError` for values that cannot be.

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

    def told(self, networks: int = 1) -> str | None:
        """How the answers of so many networks were made, in words; None for the plain answer of one.

        >>> PredictionOptions(tta=True).told(3)
        'the mean of 3 networks, flipped and turned'
        """
        said = [f"the mean of {networks} networks"] if networks > 1 else []
        said += ["flipped and turned"] if self.tta else []
        if self.crf:
            changed = [name for name in CrfOptions.__dataclass_fields__ if self._changed(name)]
            set_to = "; ".join(f"{name} {getattr(self.crf_settings, name):g}" for name in changed)
            said.append("through the CRF" + (f" ({set_to})" if set_to else ""))
        return ", ".join(said) or None

    def _changed(self, name: str) -> bool:
        return bool(getattr(self.crf_settings, name) != getattr(USUAL_CRF, name))


ONE_LOOK = PredictionOptions()
"""The plain answer."""
