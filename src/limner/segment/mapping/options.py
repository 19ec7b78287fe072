"""What decides how a scene is mapped, and the tiles that follow from it on the scene's own grid."""

from dataclasses import dataclass

from limner.foundation.errors import UserError
from limner.segment.footprints.options import FootprintOptions
from limner.segment.mapping.record import POLYGON_FORMATS
from limner.segment.predicting.tiles import Axis, whole_steps

NORMALIZATIONS = ("run", "scene", "matched")
TILE_PX, OVERLAP_PX = 512, 192
MARGIN = 3 / 8
"""Of the overlap.

Chosen by measurement, see docs/results/seams.md: a half is as good, but leaves no pixel to fade over.
"""


@dataclass(frozen=True)
class MapOptions:
    """What decides how a scene is mapped. Raises `UserError` for values that cannot be.

    Tile, overlap and margin count the network's pixels: those of the scene unless it is resampled for the network.
    """

    tile_px: int  # side of a tile, a multiple of the network's stride
    overlap_px: int  # what neighboring tiles share, a multiple of the stride
    margin_px: int  # pixels at a tile's inner edges that do not count, for the padding spoils them
    normalize: (
        str  # by whose mean and deviation. run: the training areas'; scene: its own; matched: those of `harmonize_to`
    )
    probabilities: bool  # whether to keep the probability raster
    polygons: str  # gpkg, geojson or none
    footprints: FootprintOptions  # which polygons
    harmonize: str | None = None  # how the scene is brought to the colors of training areas: one of `HARMONIZERS`
    harmonize_to: str | None = None  # the area whose colors it takes, or all, or nearest

    def __post_init__(self) -> None:
        if self.normalize not in NORMALIZATIONS:
            raise UserError(f"normalize is {self.normalize!r}; needed: one of {', '.join(NORMALIZATIONS)}")
        if self.normalize == ("matched" if self.harmonize is None else "scene"):
            needed = "a way to harmonize" if self.harmonize is None else "run or matched, for the scene is harmonized"
            raise UserError(f"normalize is {self.normalize!r}; needed: {needed}")
        if self.polygons not in POLYGON_FORMATS:
            raise UserError(f"polygons is {self.polygons!r}; needed: one of {', '.join(POLYGON_FORMATS)}")

    def axis(self, length: int, stride: int, scale: float = 1.0) -> Axis:
        """The tiles along an axis of ``length`` pixels of the scene.

        stride: of the network. scale: network pixels along the edge of one of the scene's. A tile, an overlap and a
        margin are as many of the scene's pixels as come nearest to those of the network that were asked for, in
        `whole_steps`.

        >>> MapOptions(512, 128, 48, "run", False, "none", AS_MEASURED).axis(1000, stride=32, scale=2)
        Axis(length=1000, tile_px=256, overlap_px=64, margin_px=24, stride=16)
        """
        step, seen = whole_steps(stride, scale)
        tile_px = max(1, round(self.tile_px / seen)) * step
        overlap_px = min(round(self.overlap_px / seen) * step, tile_px - step)
        margin_px = min(round(self.margin_px * step / seen), overlap_px // 2)
        return Axis(length, tile_px, overlap_px, margin_px, step)
