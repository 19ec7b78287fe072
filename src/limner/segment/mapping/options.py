"""How a scene is mapped: the options of `limner segment`, and the tiles that follow from them. Imports no torch."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from cyclopts import Parameter

from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.errors import UserError
from limner.nn.engines.names import Engine
from limner.segment.footprints.options import AS_MEASURED, FootprintOptions
from limner.segment.mapping.answers import PLAIN as AS_ANSWERED
from limner.segment.mapping.answers import AnswerOptions
from limner.segment.scoring.options import Harmonize, HarmonizeTo, Normalize, Threshold

if TYPE_CHECKING:
    from limner.segment.predicting.tiles import Axis

PolygonFormat = Literal["gpkg", "geojson", "none"]
POLYGON_FORMATS: tuple[str, ...] = get_args(PolygonFormat)
TILE_PX, OVERLAP_PX = 512, 192
MARGIN = 3 / 8
"""Of the overlap.

Chosen by measurement, see docs/results/seams.md: a half is as good, but leaves no pixel to fade over.
"""


@dataclass(frozen=True)
class SceneOptions:
    """How a run looks at scenes.

    normalize: standardize by the training areas' mean and deviation ("run"), by the scene's own ("scene"), or as the
    run was trained ("auto"). harmonize: bring each scene to the colors of the training areas first. harmonize_to: the
    training area whose colors they take, "all" of them together (if not given), or the "nearest". bands: numbers of the
    scenes' bands to read, from 1, in the run's order. one_place: all scenes show one place, so that mean, deviation and
    a threshold without labels are found for all of them together (`limner.segment.mapping.place`). threshold: in place
    of the run's own; "auto": for each scene the one of the highest F1 that its probabilities promise
    (`limner.segment.measures.thresholds`). engine: what computes the network, torch where another answers otherwise.
    """

    normalize: Normalize = "auto"
    harmonize: Harmonize = None
    harmonize_to: HarmonizeTo = None
    bands: Annotated[
        tuple[str, ...] | None,
        Parameter(negative=(), help="Bands of the scene to read, in the run's order, such as 3,2,1.", group=INPUT),
    ] = None
    one_place: Annotated[
        bool,
        Parameter(
            negative=(),
            help="The scenes show one place: look at their colors, and for their threshold, together.",
            group=METHOD,
        ),
    ] = False
    ground_m: Annotated[
        float | None,
        Parameter(help="Meters that a pixel of the scene covers, for files that do not say.", group=INPUT),
    ] = None
    threshold: Threshold = None
    precision: Annotated[
        Literal["auto", "bf16", "fp32"], Parameter(help="Number format of the network.", group=METHOD)
    ] = "auto"
    engine: Annotated[
        Engine, Parameter(help="What computes the network; openvino is quicker on processors.", group=METHOD)
    ] = "torch"


@dataclass(frozen=True)
class MapOptions:
    """How a scene is mapped. Raises `UserError` for values that cannot be.

    Tile, overlap and margin count the network's pixels: those of the scene unless it is resampled for the network. Tile
    and overlap are multiples of the network's stride. margin_px: pixels at a tile's inner edges that do not count, for
    the padding spoils them; by default three eighths of the overlap. batch: halved when CUDA memory runs out. answers:
    turned pictures, a CRF, entropy.
    """

    tile_px: Annotated[int, Parameter(help="Edge of a tile.", group=METHOD)] = TILE_PX
    overlap_px: Annotated[int, Parameter(help="Overlap of neighboring tiles.", group=METHOD)] = OVERLAP_PX
    margin_px: Annotated[int | None, Parameter(show=False, group=METHOD)] = None
    batch: Annotated[int, Parameter(help="Tiles computed at once.", group=METHOD)] = 4
    probabilities: Annotated[
        bool, Parameter(negative=(), help="Write the probabilities as a raster too.", group=OUTPUT)
    ] = False
    polygons: Annotated[PolygonFormat, Parameter(help="Format of the polygons.", group=OUTPUT)] = "gpkg"
    footprints: Annotated[FootprintOptions, Parameter(name="*", group=OUTPUT)] = AS_MEASURED
    check_seams: Annotated[
        bool,
        Parameter(negative=(), help="Measure how many pixels larger tiles would put into another class.", group=OUTPUT),
    ] = False
    answers: Annotated[AnswerOptions, Parameter(name="*")] = AS_ANSWERED

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise UserError(f"batch is {self.batch}; needed: 1 tile or more")
        if self.polygons not in POLYGON_FORMATS:
            raise UserError(f"polygons is {self.polygons!r}; needed: one of {', '.join(POLYGON_FORMATS)}")
        if self.answers.crf and self.check_seams:
            raise UserError(
                "--check-seams measures what the network's tiles cost, which --crf then changes; give one of them"
            )

    @property
    def margin(self) -> int:
        """Pixels of the network at a tile's inner edges that do not count."""
        return int(self.overlap_px * MARGIN) if self.margin_px is None else self.margin_px

    def deciding(self) -> dict[str, Any]:
        """What decides the result, for its record: not how many tiles are computed at once, nor what is measured.

        That of ``answers`` is told by itself (`AnswerOptions.deciding`).
        """
        found = {**asdict(self), "margin_px": self.margin}
        if not self.footprints.regularize:
            del found["footprints"]["regularize"]  # records of before it was there are of the same request
        return {name: value for name, value in found.items() if name not in ("batch", "check_seams", "answers")}

    def axis(self, length: int, stride: int, scale: float = 1.0) -> "Axis":
        """The tiles along an axis of ``length`` pixels of the scene.

        stride: of the network. scale: network pixels along the edge of one of the scene's. A tile, an overlap and a
        margin are as many of the scene's pixels as come nearest to those of the network that were asked for, in
        `whole_steps`.

        >>> MapOptions(512, 128, 48).axis(1000, stride=32, scale=2)
        Axis(length=1000, tile_px=256, overlap_px=64, margin_px=24, stride=16)
        """
        from limner.segment.predicting.tiles import Axis, whole_steps  # brings NumPy, which no help needs

        step, seen = whole_steps(stride, scale)
        tile_px = max(1, round(self.tile_px / seen)) * step
        overlap_px = min(round(self.overlap_px / seen) * step, tile_px - step)
        margin_px = min(round(self.margin * step / seen), overlap_px // 2)
        return Axis(length, tile_px, overlap_px, margin_px, step)


AS_IT_IS, AS_USUAL = SceneOptions(), MapOptions()


@dataclass(frozen=True)
class SegmentOptions:
    """What `limner segment` takes."""

    scene: Annotated[SceneOptions, Parameter(name="*")] = AS_IT_IS
    mapping: Annotated[MapOptions, Parameter(name="*")] = AS_USUAL


PLAIN = SegmentOptions()
