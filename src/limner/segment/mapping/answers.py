"""What is asked of the networks for a map, and what is made of it. Imports no torch."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from limner.foundation.command_line import OUTPUT
from limner.segment.predicting.options import PredictionOptions


@dataclass(frozen=True)
class AnswerOptions(PredictionOptions):
    """How a scene's probabilities are made, and what is written of them."""

    entropy: Annotated[
        bool, Parameter(negative=(), help="Write how unsure the map is, in bits, as a raster too.", group=OUTPUT)
    ] = False

    def deciding(self) -> dict[str, Any]:
        """What decides the result, for its record."""
        return {"tta": self.tta, "entropy": self.entropy, "crf": asdict(self.crf_settings) if self.crf else "off"}


PLAIN = AnswerOptions()
