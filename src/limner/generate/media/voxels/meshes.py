"""Solids as closed meshes, by marching cubes, in the two plain forms that viewers open: OBJ and PLY."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from skimage.measure import marching_cubes


class Mesh(NamedTuple):
    """vertices: (n, 3) float32, x, y and z in sides of the grid, y up. faces: (m, 3) int32, which vertices; seen from
    outside they go around to the left."""

    vertices: np.ndarray
    faces: np.ndarray


def mesh_of(likelihood: np.ndarray, level: float) -> Mesh | None:
    """The surface of a solid, (side, side, side) in [0, 1], where it crosses ``level``; None where it does not.

    A layer of nothing is put around, so that the surface is closed (Lorensen and Cline, SIGGRAPH 1987).
    """
    padded = np.pad(likelihood.astype(np.float32), 1)
    if not (padded > level).any():
        return None
    vertices, faces, _, _ = marching_cubes(padded, level, gradient_direction="ascent")
    return Mesh(((vertices - 1) / len(likelihood)).astype(np.float32), faces.astype(np.int32))


def write_obj(path: Path, mesh: Mesh) -> None:
    """Write a mesh as Wavefront OBJ: text, vertices counted from 1."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in mesh.vertices)
        file.writelines(f"f {a} {b} {c}\n" for a, b, c in mesh.faces + 1)


def write_ply(path: Path, mesh: Mesh) -> None:
    """Write a mesh as binary PLY, little-endian."""
    head = (
        "ply\nformat binary_little_endian 1.0\ncomment written by limner\n"
        f"element vertex {len(mesh.vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    rows = np.empty(len(mesh.faces), [("count", "u1"), ("vertices", "<i4", 3)])
    rows["count"], rows["vertices"] = 3, mesh.faces
    with path.open("wb") as file:
        file.write(head.encode("ascii"))
        file.write(mesh.vertices.astype("<f4").tobytes())
        file.write(rows.tobytes())
