"""The ground that a run's pictures show, kept in the run, so that a scene of the same ground is known again.

It is kept as outlines in degrees (WGS 84): a copy of a picture, a mosaic of chips or a scene in another reference
system show the same ground. Pictures without a georeference are not known again.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rasterio.crs import CRS

from limner.scenes.georeference import transformer
from limner.scenes.rasters import Raster
from limner.segment.data.chips import Area

Ring = tuple[tuple[float, float], ...]
"""Corners (longitude, latitude) in degrees."""
Ground = Mapping[str, tuple[Ring, ...]]
"""Of each area by its name, the outlines of what its pictures show, without holes."""
DEGREES = CRS.from_epsg(4326)
POINTS_AN_EDGE = 9
TOUCHING_DEGREES = 1e-6
"""About 0.1 m: chips so near to each other have one outline."""
DIGITS = 7
"""Of a degree: about 1 cm."""
MOST_RINGS = 1000
"""Of so many places apart no outlines are kept: a run's facts are read whenever it is opened."""


def ground_of(areas: Iterable[Area]) -> dict[str, tuple[Ring, ...]]:
    """The ground that the pictures of areas show; of areas without a georeference nothing, and nothing at all where it
    is more than `MOST_RINGS` pieces."""
    from shapely import unary_union

    found: dict[str, tuple[Ring, ...]] = {}
    for area in areas:
        shapes = []
        for chip in area.chips:
            with chip.open() as picture:
                shape = _outline(picture)
            if shape is not None:
                shapes.append(shape.buffer(TOUCHING_DEGREES, join_style="mitre"))
        if shapes:
            joined = unary_union(shapes).simplify(TOUCHING_DEGREES)
            parts = getattr(joined, "geoms", [joined])
            found[area.name] = tuple(
                tuple((round(east, DIGITS), round(north, DIGITS)) for east, north in part.exterior.coords)
                for part in parts
            )
    return found if sum(map(len, found.values())) <= MOST_RINGS else {}


def shares_on(picture: Raster, ground: Ground) -> dict[str, float]:
    """The share of a picture that lies on the ground of each area, by its name; areas without any are left out, and all
    where the picture has no georeference."""
    from shapely import Polygon, unary_union

    shape = _outline(picture)
    if shape is None:
        return {}
    shares = {
        name: unary_union([Polygon(ring) for ring in rings]).intersection(shape).area / shape.area
        for name, rings in ground.items()
    }
    return {name: share for name, share in shares.items() if share > 0}


def _outline(picture: Raster) -> Any | None:
    """The outline of a picture in degrees, a shapely polygon; None where nobody knows it, and across the date line,
    where degrees jump."""
    from shapely import Polygon

    to_degrees = transformer(picture.crs, DEGREES) if picture.georeferenced else None
    if to_degrees is None:
        return None
    along = np.linspace(0, 1, POINTS_AN_EDGE)[:-1]
    around = [*zip(along, 0 * along, strict=True), *zip(0 * along + 1, along, strict=True)]
    around += [(1 - x, 1 - y) for x, y in around]
    corners = [picture.transform @ (x * picture.width, y * picture.height) for x, y in around]
    east, north = (np.array(each) for each in to_degrees.transform(*zip(*corners, strict=True)))
    if not (np.isfinite(east).all() and np.isfinite(north).all()) or np.ptp(east) > 180:
        return None
    shape = Polygon(zip(east, north, strict=True))
    return shape if shape.is_valid and shape.area > 0 else None
