"""What `limner detect` takes beside the run and its pictures or scene. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.errors import UserError

SCENE_FILES = (".gpkg", ".geojson")
"""What the objects of a scene are written to."""


@dataclass(frozen=True)
class DetectOptions:
    """What is shown of what is found. min_score: the least score, 0 to 1; None: the one that the run chose. most: of
    each picture, the surest."""

    min_score: Annotated[
        float | None, Parameter(help="How sure it must be of what is shown, 0 to 1 (default: as the run chose).")
    ] = None
    most: Annotated[int, Parameter(help="Objects that are shown of each picture, the surest.")] = 100

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise UserError(f"--min-score is {self.min_score:g}; needed: 0 (whatever is found) to 1")
        if self.most < 1:
            raise UserError(f"--most is {self.most}; needed: 1 or more")


@dataclass(frozen=True)
class TileOptions:
    """How a scene is looked through, where ``out`` is a GeoPackage or GeoJSON. tile_px: side of a tile in pixels of the
    scene; None: it shows the ground that a picture of the training did. overlap_px: what neighbors share; None: a
    quarter. bands: numbers of those that are red, green and blue; None: the only three."""

    tile_px: Annotated[
        int | None, Parameter(help="Of scenes: side of a tile in its pixels (default: as objects were learned).")
    ] = None
    overlap_px: Annotated[
        int | None, Parameter(help="Of scenes: what tiles share, at least an object's size (default: a quarter).")
    ] = None
    bands: Annotated[str | None, Parameter(help="Of scenes: which bands are red, green and blue, such as 3,2,1.")] = (
        None
    )


PLAIN = DetectOptions()
AS_LEARNED = TileOptions()
