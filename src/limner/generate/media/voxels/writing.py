"""What ``limner generate`` writes of a run that makes solids: meshes, turntables and the voxels themselves."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.datasets.pictures.gif_writing import write_gif
from limner.foundation.files.records import Account, make_once
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import Progress, say
from limner.generate.making.options import GenerateOptions
from limner.generate.making.sample import Generated
from limner.generate.media.voxels.meshes import mesh_of, write_obj, write_ply
from limner.generate.media.voxels.predictor import SHOWN_PX, VoxelMaker
from limner.generate.media.voxels.turntable import turntable
from limner.reporting.grid import grid

VOXELS_FILE, VIEWS, SECONDS, COLUMNS = "voxels.npz", 12, 0.1, 8


def write_solids(
    maker: VoxelMaker, options: GenerateOptions, folder: Path, request: dict[str, Any], overwrite: bool
) -> Generated:
    """Write solids into a folder: of each ``<seed>-<number>.obj``, ``.ply`` and, once around, ``.gif``; all of them in
    ``voxels.npz`` (voxels (n, side, side, side) uint8, likelihood float16) and in ``grid.png``. Whole or not at all.

    A solid without a filled voxel has no mesh, and is told.
    """
    asked = {**request, "n": options.count, "seed": options.seed}

    def make(temporary: Path) -> Account:
        make_folder(temporary)
        likelihood = maker.generate(options.count, seed=options.seed, truncation=options.truncation)
        filled = (likelihood >= maker.filled_above).numpy()
        np.savez_compressed(
            temporary / VOXELS_FILE, voxels=filled.astype(np.uint8), likelihood=likelihood.numpy().astype(np.float16)
        )
        Image.fromarray(grid(maker.pictures(likelihood), COLUMNS)).save(temporary / "grid.png")
        empty = 0
        with Progress("generate", 0 if options.no_files else options.count, "solids") as progress:
            for number, solid in enumerate([] if options.no_files else likelihood.numpy()):
                empty += not _write_solid(temporary / f"{options.seed}-{number:06d}", solid, maker.filled_above)
                progress.advance()
        return Account({"empty": empty})

    made = make_once(folder, asked, make, overwrite=overwrite)
    if made.numbers["empty"]:
        say(f"{made.numbers['empty']} of {options.count} solids are empty and have no mesh")
    return Generated(tuple(sorted(folder.glob("*.obj"))), 0 if made.skipped else options.count, folder / "grid.png")


def _write_solid(stem: Path, solid: np.ndarray, level: float) -> bool:
    mesh = mesh_of(solid, level)
    if mesh is None:
        return False
    write_obj(stem.with_suffix(".obj"), mesh)
    write_ply(stem.with_suffix(".ply"), mesh)
    write_gif(stem.with_suffix(".gif"), turntable(solid, 2 * SHOWN_PX, VIEWS, level), SECONDS)
    return True
