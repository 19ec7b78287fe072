"""How files end, by what they hold; in small letters, `ends_with` takes capitals too."""

from collections.abc import Collection
from pathlib import Path

TIFFS = (".tif", ".tiff")
LOSSY_PICTURES = (".jpg", ".jpeg", ".webp")
"""Pictures that are most often compressed at a loss."""
PICTURES = (".jpg", ".jpeg", ".png", ".webp", *TIFFS, ".bmp")
"""Pictures and photos that are read and written."""
SHOWN_PICTURES = (".png", ".jpg", ".jpeg")
"""Pictures for people, as limner draws them."""
MASKS = (".png", *TIFFS, ".bmp")
"""Pictures without loss, whose values can be classes or instances."""
RASTERS = (*TIFFS, ".png", ".jpg", ".jpeg", ".jp2", ".vrt")
"""Scenes and chips."""
VECTORS = (".geojson", ".gpkg", ".shp")
WRITTEN_VIDEOS = (".mp4", ".mov", ".mkv")
VIDEOS = (*WRITTEN_VIDEOS, ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv")
YAMLS = (".yaml", ".yml")


def ends_with(path: Path, suffixes: Collection[str]) -> bool:
    """Whether a file's name ends with one of these.

    >>> ends_with(Path("a.PNG"), PICTURES), ends_with(Path("png"), PICTURES)
    (True, False)
    """
    return path.suffix.lower() in suffixes
