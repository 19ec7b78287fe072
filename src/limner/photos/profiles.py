"""Color profiles: a picture in the encoding of another file, without clipping.

A profile of kind "matrix" says how a file's numbers mean colors in two steps: a curve for each channel makes them
linear, and a 3 x 3 matrix takes them to CIE XYZ under D50 (ICC.1:2022, sections 8.3 and 10). littlecms, as Pillow calls
it, does this in 8 bits and clips what the other encoding cannot hold. Here both steps are floats and go on beyond
[0, 1], so that a red of Display P3 stays that red in sRGB, as a number above 1.

No profile means sRGB (IEC 61966-2-1), here and everywhere in the room.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
import torch
from PIL import Image, ImageCms
from torch import Tensor

from limner.foundation.machine.threads import in_parts

ASSUMING_SRGB = "no color profile: assuming sRGB"
CHUNK = 1 << 18  # colors at a time: what is between two steps stays in the cache
D50 = np.array([0.9642, 1.0, 0.82491])
D50_FROM_SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


@dataclass(frozen=True)
class Parametric:
    """y = (a x + b)^g + c where x >= d, else e x + f: ICC's ``para`` (section 10.18).

    Below the point where it reaches 0, or its lowest value, it goes on as its own mirror image through that point.
    """

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def decode(self, encoded: Tensor) -> Tensor:
        x0, y0 = self._lowest
        size = (encoded - x0).abs_().add_(x0)
        curved = (self.a * size + self.b).clamp_(min=0).pow_(self.g).add_(self.c)
        straight = size * self.e + self.f
        return torch.where(size >= self.d, curved, straight).sub_(y0).copysign_(encoded - x0).add_(y0)

    def encode(self, linear: Tensor) -> Tensor:
        x0, y0 = self._lowest
        size = (linear - y0).abs_().add_(y0)
        knee = max(self.a * self.d + self.b, 0.0) ** self.g + self.c
        curved = (size - self.c).clamp_(min=0).pow_(1 / self.g).sub_(self.b).div_(self.a)
        straight = (size - self.f) / self.e if self.e else torch.full_like(size, self.d)
        return torch.where(size >= knee, curved, straight).sub_(x0).copysign_(linear - y0).add_(x0)

    @property
    def _lowest(self) -> tuple[float, float]:
        return (-self.f / self.e, 0.0) if self.e else (self.d, self.f)


@dataclass(frozen=True)
class Table:
    """Values at equal steps from 0 to 1, straight lines between: ICC's ``curv`` (section 10.6). Odd.

    Above 1 it goes on as the power of x that has the table's slope at 1.
    """

    values: np.ndarray

    def decode(self, encoded: Tensor) -> Tensor:
        values = torch.from_numpy(self.values).to(encoded)
        size = encoded.abs()
        place = size.clamp(max=1) * (len(values) - 1)
        below = place.long().clamp_(max=len(values) - 2)
        inside = values[below].lerp(values[below + 1], place - below)
        return torch.where(size > 1, values[-1] * size.clamp(min=1).pow(self._power), inside).copysign_(encoded)

    def encode(self, linear: Tensor) -> Tensor:
        values = torch.from_numpy(np.maximum.accumulate(self.values)).to(linear)
        size = linear.abs()
        above = torch.searchsorted(values, size).clamp_(1, len(values) - 1)
        low, high = values[above - 1], values[above]
        share = ((size - low) / (high - low).clamp(min=torch.finfo(values.dtype).tiny)).clamp_(0, 1)
        inside = (above - 1 + share) / (len(values) - 1)
        beyond = (size / values[-1]).clamp(min=1).pow(1 / self._power)
        return torch.where(size > values[-1], beyond, inside).copysign_(linear)

    @property
    def _power(self) -> float:
        slope = (self.values[-1] - self.values[-2]) * (len(self.values) - 1) / self.values[-1]
        return float(max(slope, 1.0))  # a table that is flat at its end has no way back


Curve = Parametric | Table


@dataclass(frozen=True)
class Encoding:
    """What the numbers of a picture mean: ``matrix`` @ (linear red, green, blue) = XYZ under D50.

    Profiles round their whites, and some older ones leave them under the display's own light. Each white is taken as
    D50 itself (`white_at_d50`), so that grays stay gray from any profile to any other.
    """

    matrix: np.ndarray
    curves: tuple[Curve, Curve, Curve]


def white_at_d50(matrix: np.ndarray) -> np.ndarray:
    """``matrix`` with X, Y and Z scaled so that equal amounts of 1 give D50."""
    return matrix * (D50 / matrix.sum(1))[:, None]


SRGB = Encoding(white_at_d50(D50_FROM_SRGB), (Parametric(2.4, 1 / 1.055, 0.055 / 1.055, 0, 0.04045, 1 / 12.92),) * 3)


def to_profile(picture: Tensor, source_profile: bytes | None, target_profile: bytes | None) -> Tensor:
    """``picture``, whose numbers are meant as ``source_profile`` says, in the numbers of ``target_profile``.

    picture: (3, H, W) float32, gamma-encoded, any range. Gives the same shape, on the same device, not clipped: numbers
    outside [0, 1] are colors that the target's encoding cannot hold. The picture itself where both profiles are one.

    source_profile, target_profile: ICC bytes that `usable` let through; None means sRGB. One without a matrix goes
    through littlecms, to sRGB or from it, in 8 bits and clipped (see `has_matrix`).
    """
    if source_profile == target_profile:
        return picture
    source, target = encoding(source_profile), encoding(target_profile)
    if source is None:
        picture, source = _through_littlecms(picture, source_profile, None), SRGB
    if target is None:
        return _through_littlecms(_between(picture, source, SRGB), None, target_profile)
    return _between(picture, source, target)


def has_matrix(profile: bytes | None) -> bool:
    """Whether pictures go to and from this profile as floats, rather than in 8 bits by littlecms."""
    return encoding(profile) is not None


def usable(profile: bytes | None, space: str) -> tuple[bytes | None, str | None]:
    """(The profile, or None where it cannot serve; what to tell the user of it, or None).

    space: "RGB", "GRAY" or "CMYK", what the file's numbers are.
    """
    if profile is None:
        return None, ASSUMING_SRGB
    try:
        littlecms = ImageCms.ImageCmsProfile(BytesIO(profile))
        meant = littlecms.profile.xcolor_space.strip()
        name = " ".join(ImageCms.getProfileDescription(littlecms).split())
    except (OSError, ImageCms.PyCMSError):
        return None, "the color profile is damaged: assuming sRGB"
    if meant != space:
        return None, f"the color profile {name!r} is for {meant}, the picture is {space}: assuming sRGB"
    if space == "GRAY" and not has_matrix(profile):
        return None, f"the color profile {name!r} has no curve that could be read: assuming sRGB"
    if space == "RGB" and not has_matrix(profile):
        return profile, f"the color profile {name!r} has no matrix: other profiles are reached through 8-bit sRGB"
    return profile, None


def srgb_profile() -> bytes:
    """An ICC profile of sRGB, for files whose colors were brought there."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@lru_cache(maxsize=64)
def encoding(profile: bytes | None) -> Encoding | None:
    """What ``profile`` says, or None where it says it by look-up tables (or not at all).

    A gray profile has only a curve: its grays are taken as equal amounts of sRGB's red, green and blue.
    """
    if profile is None:
        return SRGB
    try:
        if profile[20:24] != b"XYZ ":
            return None
        if profile[16:20] == b"GRAY":
            return Encoding(SRGB.matrix, (_curve(_tag(profile, b"kTRC")),) * 3)
        columns = [_xyz(_tag(profile, name)) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        red, green, blue = (_curve(_tag(profile, name)) for name in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, struct.error, ValueError):
        return None
    matrix = np.array(columns).T
    if abs(np.linalg.det(matrix)) < 1e-6 or matrix.sum(1).min() <= 0:
        return None
    return Encoding(white_at_d50(matrix), (red, green, blue))


def _between(picture: Tensor, source: Encoding, target: Encoding) -> Tensor:
    matrix = torch.from_numpy(np.linalg.solve(target.matrix, source.matrix)).to(picture)
    colors = picture.reshape(3, -1)
    result = torch.empty_like(colors)

    def work(first: int, last: int) -> None:
        for start in range(first * CHUNK, min(last * CHUNK, colors.shape[1]), CHUNK):
            part = slice(start, start + CHUNK)
            decoded = [curve.decode(color[part]) for curve, color in zip(source.curves, colors, strict=True)]
            for curve, color, linear in zip(target.curves, result, matrix @ torch.stack(decoded), strict=True):
                color[part] = curve.encode(linear)

    chunks = -(-colors.shape[1] // CHUNK)
    if picture.device.type == "cpu":
        in_parts(work, chunks)
    else:
        work(0, chunks)
    return result.reshape(picture.shape)


def _through_littlecms(picture: Tensor, source: bytes | None, target: bytes | None) -> Tensor:
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    read, wanted = (ImageCms.ImageCmsProfile(BytesIO(profile or srgb_profile())) for profile in (source, target))
    converted = ImageCms.profileToProfile(Image.fromarray(pixels), read, wanted, outputMode="RGB")
    assert converted is not None  # as it was not asked to work in place
    return torch.from_numpy(np.array(converted)).permute(2, 0, 1).to(picture) / 255


def _tag(profile: bytes, name: bytes) -> bytes:
    """Data of a tag (section 7.3). Raises KeyError where the profile has none of that name."""
    (count,) = struct.unpack_from(">L", profile, 128)
    for entry in range(min(count, 200)):
        found, offset, size = struct.unpack_from(">4sLL", profile, 132 + 12 * entry)
        if found == name:
            return profile[offset : offset + size]
    raise KeyError(name)


def _xyz(data: bytes) -> tuple[float, ...]:
    return tuple(value / 65536 for value in struct.unpack_from(">3l", data, 8))


def _curve(data: bytes) -> Curve:
    if data[:4] == b"para":
        return _parametric(data)
    if data[:4] != b"curv":
        raise ValueError(f"a curve of type {data[:4]!r}")
    (count,) = struct.unpack_from(">L", data, 8)
    if count < 2:
        return Parametric(struct.unpack_from(">H", data, 12)[0] / 256 if count else 1.0)
    values = np.frombuffer(data, ">u2", count, 12) / 65535
    if values[-1] <= values[0]:
        raise ValueError("a curve that does not rise")
    return Table(values)


def _parametric(data: bytes) -> Parametric:
    """The five types of a parametric curve (table 68), each as the last one, which has all parameters."""
    (kind,) = struct.unpack_from(">H", data, 8)
    count = (1, 3, 4, 5, 7)[min(kind, 4)]
    values = [value / 65536 for value in struct.unpack_from(f">{count}l", data, 12)]
    if values[0] <= 0 or (count > 1 and values[1] <= 0):
        raise ValueError("a curve that does not rise")
    if kind in (1, 2):  # (a x + b)^g + c from x = -b / a on, where the power is 0; below it the constant c
        g, a, b, c = (*values, 0.0)[:4]
        return Parametric(g, a, b, c, d=-b / a, f=c)
    if kind == 3:  # (a x + b)^g, below d the line c x
        g, a, b, slope, d = values
        return Parametric(g, a, b, 0.0, d, slope)
    if kind == 4:  # the offsets of the curve and the line are called e and f: see section 10.18
        g, a, b, slope, d, c, f = values
        return Parametric(g, a, b, c, d, slope, f)
    return Parametric(values[0])
