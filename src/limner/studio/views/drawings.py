"""What was drawn over a picture in the browser, as files that the verbs take: outlines as vectors, painted masks."""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import rasterio.features
import shapely
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from limner.foundation.errors import UserError
from limner.foundation.files.names import spelled
from limner.foundation.files.writing import replacing
from limner.scenes.rasters import Raster, open_raster
from limner.studio.folder import Folder
from limner.studio.views.answers import asked, body_of

MOST_DRAWN, MOST_PAINTED = 2 * 10**6, 8 * 10**6
"""Bytes of a request with outlines, and of one with a mask."""
MOST_CORNERS = 50_000
LARGEST_PAINTED_PX = 2000 * 2000
RING_PX = 32
"""Of background known around each outline on a scene without a place, as `limner refine` has it around polygons."""
UNKNOWN = 255
DRAWN = ("objects", "ground")
Shapes = list[shapely.Polygon]


@dataclass(frozen=True)
class Drawings:
    """What is drawn goes to the uploads of a folder."""

    folder: Folder

    def routes(self) -> list[Route]:
        """Those of what is drawn."""
        return [Route("/drawn", self.drawn, methods=["POST"]), Route("/painted", self.painted, methods=["PUT"])]

    async def drawn(self, request: Request) -> Response:
        """Outlines over a scene: ``shapes``, each a ring of (x, y) from 0 to 1 across and down the picture, ``over``
        its path, ``name`` what they are (objects, or the ground on which all of them were drawn).
        """
        given = await asked(request, MOST_DRAWN)
        return JSONResponse({"path": await run_in_threadpool(self.write_drawn, given)})

    def write_drawn(self, given: Any) -> str:
        """The file of outlines: a GeoPackage in the scene's reference system, and a mask for a scene without one.

        Raises `UserError` for what is no outline, and for ground on a scene without a place.
        """
        if not isinstance(given, dict) or set(given) != {"over", "name", "shapes"} or given["name"] not in DRAWN:
            raise UserError("the page sent what is no drawing; load it again")
        over, rings = _picture(self.folder, given["over"]), _rings(given["shapes"])
        with open_raster(over) as scene:
            shapes = _on_pixels(rings, scene.width, scene.height)
            if not shapes:
                raise UserError("the outlines enclose nothing; draw at least one")
            if scene.crs is not None:
                path = self.folder.place_for(f"{over.stem}-{given['name']}.gpkg")
                _write_polygons(shapes, scene, path)
            elif given["name"] == "ground":
                raise UserError(f"{over.name}: has no place on the earth; draw objects alone, which become a mask")
            else:
                path = self.folder.place_for(f"{over.stem}-objects.png")
                _write_picture(_mask_of(shapes, scene.width, scene.height), path)
        return self.folder.named(path)

    async def painted(self, request: Request) -> Response:
        """A mask as a PNG, white where it was painted, over the picture that the address names."""
        over = request.query_params.get("over", "")
        body = await body_of(request, MOST_PAINTED, "the mask is too large; load the page again")
        return JSONResponse({"path": await run_in_threadpool(self.write_painted, over, body)})

    def write_painted(self, over: str, body: bytes) -> str:
        """The file of a mask, at its picture's size. Raises `UserError` for what is no PNG, or without white."""
        picture = _picture(self.folder, over)
        white = _white(body)
        if white.getextrema()[1] == 0:
            raise UserError("nothing is painted yet; paint where something is to change")
        with open_raster(picture) as raster:
            size = raster.width, raster.height
        path = self.folder.place_for(f"{picture.stem}-mask.png")
        _write_picture(np.asarray(white.resize(size, Image.Resampling.NEAREST)), path)
        return self.folder.named(path)


def _picture(folder: Folder, name: Any) -> Path:
    if not isinstance(name, str):
        raise UserError("the page sent what is no drawing; load it again")
    path = folder.inside(folder.there(name))
    if not path.is_file():
        raise UserError(f"{name}: is a folder; choose a picture to draw over")
    return path


def _white(body: bytes) -> Image.Image:
    """A PNG as 0 and 255."""
    try:
        with Image.open(io.BytesIO(body), formats=("PNG",)) as mask:
            large = mask.width * mask.height > LARGEST_PAINTED_PX
            gray = Image.new("L", (1, 1)) if large else mask.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UserError("the page sent what is no mask; load it again") from None
    if large:
        raise UserError("the mask is too large; load the page again")
    return gray.point(lambda level: 255 if level > 127 else 0)


def _rings(given: Any) -> list[np.ndarray]:
    """(N, 2) float each, 0..1."""
    rings = given if isinstance(given, list) else [given]
    corners = [corner for ring in rings if isinstance(ring, list) for corner in ring]
    whole = all(isinstance(ring, list) and len(ring) >= 3 for ring in rings) and len(corners) <= MOST_CORNERS
    if not whole or not all(
        isinstance(corner, list) and len(corner) == 2 and all(_is_share(number) for number in corner)
        for corner in corners
    ):
        raise UserError(f"an outline has three corners or more on the picture, and all have at most {MOST_CORNERS}")
    return [np.asarray(ring, np.float64) for ring in rings]


def _is_share(number: Any) -> bool:
    return type(number) in (int, float) and math.isfinite(number) and 0 <= number <= 1


def _on_pixels(rings: list[np.ndarray], width: int, height: int) -> Shapes:
    """Valid polygons in pixels; an outline that crosses itself becomes its parts."""
    drawn = [shapely.make_valid(shapely.Polygon(ring * (width, height))) for ring in rings]
    parts = shapely.get_parts(shapely.get_parts(drawn))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]


def _write_polygons(shapes: Shapes, scene: Raster, path: Path) -> None:
    a, b, c, d, e, f = tuple(scene.transform)[:6]

    def placed(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    crs: Any = scene.crs
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        pyogrio.raw.write(
            spelled(temporary), shapely.to_wkb(shapely.transform(shapes, placed)), [], [], layer=path.stem,
            driver="GPKG", geometry_type="Polygon", crs=crs.to_wkt(),
        )  # fmt: skip


def _mask_of(shapes: Shapes, width: int, height: int) -> np.ndarray:
    """(H, W) uint8: 1 within the outlines, 0 in a ring around them, 255 beyond."""
    rings = shapely.buffer(shapes, RING_PX)
    burned = [*((ring, 0) for ring in rings), *((shape, 1) for shape in shapes)]
    mask: np.ndarray = rasterio.features.rasterize(burned, (height, width), fill=UNKNOWN, dtype="uint8")
    return mask


def _write_picture(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")
