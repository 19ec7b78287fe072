"""ICC profiles made of what other files say: primaries, a white and a curve (ICC.1:2022, version 4)."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
"""White of the profile connection space, as all profiles write it."""
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""Lam 1985: cone responses in which one white is adapted to another; ICC.1:2022, annex E."""
LEAST_AREA = 1e-4
"""Of the triangle of primaries in CIE xy: sRGB's is 0.11."""


class Primaries(NamedTuple):
    """CIE 1931 (x, y) of white, red, green and blue, in the order of PNG's cHRM."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


D65 = (0.3127, 0.329)
SRGB_PRIMARIES = Primaries(D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
ADOBE_PRIMARIES = Primaries(D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
ADOBE_GAMMA = 563 / 256
"""Adobe RGB (1998), version 2005-05, section 4."""
PRIMARIES = {
    1: SRGB_PRIMARIES,
    5: Primaries(D65, (0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    6: Primaries(D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    9: Primaries(D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    12: Primaries(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}
"""ITU-T H.273, table 2: BT.709, BT.601 of 625 and of 525 lines, BT.2020, P3 of cinemas and of displays."""
HIGH_DYNAMIC_RANGE = {16: "PQ", 18: "HLG"}
"""H.273, table 3: transfers beyond the white of a page."""


def gamma_curve(gamma: float) -> bytes:
    """Numbers to the power of ``gamma`` are linear."""
    return _parametric(0, gamma)


@lru_cache(maxsize=1)
def srgb_curve() -> bytes:
    """IEC 61966-2-1."""
    return _parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _parametric(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*values)


def _fixed(*values: float) -> bytes:
    """s15Fixed16. Raises `ValueError` for numbers that it cannot hold."""
    if not all(abs(value) < 2**15 for value in values):  # NaN neither
        raise ValueError("a number that a profile cannot hold")
    return struct.pack(f">{len(values)}l", *(round(value * 65536) for value in values))


CURVES = {
    1: (_BT709 := _parametric(3, 1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)),
    4: gamma_curve(2.2),
    5: gamma_curve(2.8),
    6: _BT709,
    8: gamma_curve(1.0),
    13: srgb_curve(),
    14: _BT709,
    15: _BT709,
}
"""H.273, table 3, of those that are not of high dynamic range."""


def rgb_profile(primaries: Primaries, curve: bytes) -> bytes:
    """A profile of kind "matrix" with one curve. Raises `ValueError` for primaries that span no colors."""
    (xr, yr), (xg, yg), (xb, yb) = primaries[1:]
    area = abs((xg - xr) * (yb - yr) - (xb - xr) * (yg - yr)) / 2
    if area < LEAST_AREA or min(y for _, y in primaries) <= 0:
        raise ValueError("primaries that span no colors")
    white, *columns = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries)
    colors = np.stack(columns, axis=1)
    matrix = _adaptation(white) @ colors * np.linalg.solve(colors, white)
    tags = {name + b"XYZ": _xyz(*column) for name, column in zip((b"r", b"g", b"b"), matrix.T, strict=True)}
    return _profile(b"RGB ", tags | {name + b"TRC": curve for name in (b"r", b"g", b"b")}, _adaptation(white))


def gray_profile(curve: bytes) -> bytes:
    """A profile of grays."""
    return _profile(b"GRAY", {b"kTRC": curve}, np.eye(3))


def _adaptation(white: np.ndarray) -> np.ndarray:
    """What takes XYZ under ``white`` to XYZ under D50, by Bradford's cones."""
    return np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ white)) @ BRADFORD


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _profile(space: bytes, tags: dict[bytes, bytes], adaptation: np.ndarray) -> bytes:
    """The file: a header of 128 bytes, the table of tags, their data (sections 7.2 and 7.3)."""
    tags = {
        b"desc": _words("made by limner of what a file says of its colors"),
        b"cprt": _words("no copyright"),
        b"wtpt": _xyz(*D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(*adaptation.ravel()),
        **tags,
    }
    start = 128 + 4 + 12 * len(tags)
    table, body = b"", b""
    for name, data in tags.items():
        table += struct.pack(">4sLL", name, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">L4xL4s4s4s12x4s28x", start + len(body), 0x04400000, b"mntr", space, b"XYZ ", b"acsp"
    ) + _fixed(*D50)  # fmt: skip
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + body


def _words(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">LL2s2sLL", 1, 12, b"en", b"US", len(encoded), 28) + encoded
