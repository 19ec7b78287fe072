"""One look for a series of photos: what a transfer did to its key photo, as one map of colors for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from limner.colors.color_map import ColorMap
from limner.photos.photos import Photo
from limner.recolor.fusion.regrain import regrain
from limner.recolor.methods.recolored import Recolored
from limner.recolor.recoloring.looks.looks import nearest_map


@dataclass(frozen=True)
class SeriesLook:
    """What makes one color of any photo the same new color.

    key: the name of the photo that it was chosen from. method: of the full transfer there. by: the global method whose
    map stands for it. color_map: of colors in sRGB. error: how far the map is from the full transfer on the key, in
    mean Delta E (1976). smoothness: of the regrain that puts each photo's own grain back; 0 leaves it out.
    """

    key: str
    method: str
    by: str
    color_map: ColorMap
    error: float
    smoothness: float

    @staticmethod
    def of(key: Photo, done: Recolored, method: str, smoothness: float) -> SeriesLook:
        """The look of a key photo and of what a transfer made of it, both in the photo's own profile."""
        if done.color_map is not None and key.profile is None:
            return SeriesLook(key.path.name, method, done.method, done.color_map, 0.0, smoothness)
        shown = slice(None) if key.seen is None else key.seen
        before, after = (key.to_srgb(picture.cpu())[:, shown] for picture in (key.picture, done.picture))
        by, color_map, error = nearest_map(before, after)
        return SeriesLook(key.path.name, method, by, color_map, error, smoothness)

    def __call__(self, photo: Photo) -> Tensor:
        """The picture of a photo, in its own profile, in the new colors: (3, H, W) float32, not clipped."""
        target = photo.to_srgb(photo.filled)
        picture = self.color_map(target.flatten(1)).view_as(target)
        if self.smoothness > 0:
            picture = regrain(target, picture, self.smoothness)
        return photo.from_srgb(picture)

    def line(self) -> str:
        """For people."""
        if self.error == 0:
            return f"one look for all, the {self.by} of {self.key}"
        return (
            f"one look for all, of {self.key}: a global {self.by} that stands for {self.method}, "
            f"{self.error:.1f} Delta E from it there on average"
        )
