"""Color profiles drawn for tests: the bytes of ICC.1:2022, by hand."""

import struct

import numpy as np
from PIL import Image, ImageCms

# Columns red, green, blue of Display P3 under D50 (as Apple's profile has them), and of Adobe RGB (1998).
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB_CURVE = (3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}l", *(round(value * 65536) for value in values))


def parametric(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*values)


def table(values: np.ndarray) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">L", len(values)) + (values * 65535).round().astype(">u2").tobytes()


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">LH", 1, round(value * 256)) + b"\0\0"


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ", pcs: bytes = b"XYZ ") -> bytes:
    """A display profile with ``tags`` and those that every one has."""
    white = b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)
    name = "drawn".encode("utf-16-be")
    text = b"mluc\0\0\0\0" + struct.pack(">LL2s2sLL", 1, 12, b"en", b"US", len(name), 28) + name
    tags = {b"desc": text, b"cprt": text, b"wtpt": white, **tags}
    place, head, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        head += struct.pack(">4sLL", tag, place + len(body), len(data))
        body += data
    size = place + len(body)
    start = struct.pack(">L4sL4s4s4s", size, b"", 0x04200000, b"mntr", space, pcs).ljust(36, b"\0") + b"acsp"
    start = start.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return start.ljust(128, b"\0") + struct.pack(">L", len(tags)) + head + body


def matrix_profile(columns: tuple, curve: bytes) -> bytes:
    named = zip((b"r", b"g", b"b"), columns, strict=True)
    tags = {letter + b"XYZ": b"XYZ \0\0\0\0" + fixed(*column) for letter, column in named}
    return profile(tags | {letter + b"TRC": curve for letter in (b"r", b"g", b"b")})


def lut_profile() -> bytes:
    """sRGB by look-up tables alone: the lattice of an mft2 to Lab and back, computed by littlecms itself, in 8 bits."""
    size = 17
    steps = np.linspace(0, 255, size).round().astype(np.uint8)
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 3)
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB", 5000)
    forth = ImageCms.profileToProfile(Image.fromarray(points), srgb, lab, outputMode="LAB")
    back = ImageCms.profileToProfile(
        Image.frombytes("LAB", (size**3, 1), lab_points(size)), lab, srgb, outputMode="RGB"
    )
    as_lab = np.frombuffer(forth.tobytes(), np.uint8).reshape(-1, 3).astype(float)
    as_lab[:, 1:] = (as_lab[:, 1:] + 128) % 256
    as_lab16 = as_lab / 255 * 65280
    tables = {b"A2B0": lut16(size, as_lab16), b"B2A0": lut16(size, np.asarray(back).reshape(-1, 3) / 255.0 * 65535)}
    return profile(tables, pcs=b"Lab ")


def lab_points(size: int) -> bytes:
    steps = np.linspace(0, 255, size).round()
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    points[:, 1:] = (points[:, 1:] + 128) % 256
    return points.astype(np.uint8).tobytes()


def lut16(size: int, values: np.ndarray, inks: int = 3) -> bytes:
    """A table of ICC's type lut16Type with straight curves before and after."""
    line = np.array([0, 65535], ">u2").tobytes()
    head = b"mft2\0\0\0\0" + bytes([inks, 3, size, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">HH", 2, 2)
    return head + line * inks + values.round().astype(">u2").tobytes() + line * 3


def cmyk_profile() -> bytes:
    """A printer's profile: its inks are all a yellowish gray, darker the more there is."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(-1, 4)
    lightness = np.clip(100 - inks @ [40, 40, 10, 90], 0, 100)
    lab = np.stack([lightness / 100 * 65280, np.full(16, 32768), np.full(16, 32768 + 8 * 256)], 1)
    return profile({b"A2B0": lut16(2, lab, inks=4)}, space=b"CMYK", pcs=b"Lab ")
