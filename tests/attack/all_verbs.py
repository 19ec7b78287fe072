"""Runs every verb on files that name a server, in one process, and prints how each ended.

    python tests/attack/all_verbs.py {limner,gdal} URL FOLDER [RUN]

gdal: rasterio and pyogrio alone, to see that the files do call where nobody keeps them from it. RUN: a trained run of
maps. The files are drawn into FOLDER. Run by `isolated.py`, which counts who is called.
"""

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

QUICK = ["--network.name", "lite-unet", "--network.pretrained", "false", "--epochs", "1", "--steps-per-epoch", "1"]
FEW = ("wms.tif", "vsicurl.vrt", "tag.tif", "msk.tif", "link.geojson", "vrt.geojson", "view.gpkg", "list.mp4")
"""Of each kind one, for a run of half a minute; all of them with LIMNER_ATTACK=1 in the environment."""
MAPPING = ["--tile-px", "128", "--overlap-px", "64"]
REFINING = ["--epochs", "1", "--steps-per-epoch", "1", "--batch", "2", "--data.validation-share", "0.2"]
"""A share is kept apart, not each part in turn: all that is read is the same."""


def commands(files: list[Path], run: Path) -> Iterator[list[str]]:
    """Every verb that reads files, on each of them wherever it takes one."""
    scene, photo = Path("scene.tif"), Path("photo.png")
    for file in files:
        name, out = str(file), f"out/{file.name}"
        vector = file.suffix in (".geojson", ".gpkg")
        if vector:
            yield ["check", str(scene), "--labels", name]
            yield ["train", "segment/demo", "--data", str(scene), "--labels", name, "--dry-run", *QUICK]
            yield ["evaluate", str(run), "--data", str(scene), "--labels", name]
            yield ["refine", str(run), str(scene), "--labels", name, "--out", f"{out}-run", *REFINING]
            yield ["score", "mask.tif", name]
            continue
        yield ["check", name]
        yield ["check", str(scene), "--labels", name]
        yield ["train", "segment/demo", "--data", name, "--dry-run", *QUICK]
        yield ["evaluate", str(run), "--data", name]
        yield ["refine", str(run), name, "--labels", "roofs.gpkg", "--out", f"{out}-run", *REFINING]
        yield ["segment", str(run), name, "--out", f"{out}-map", *MAPPING]
        yield ["score", name, "mask.tif"]
        yield ["score", "mask.tif", name]
        yield ["recolor", name, "--like", str(photo), "--method", "mkl", "--out", f"{out}-recolored"]
        yield ["recolor", str(photo), "--like", name, "--method", "mkl", "--out", f"{out}-like"]
        yield ["recolor", name, "--like", str(run), "--out", f"{out}-harmonized"]
        yield ["cutouts", name, "--object", "car", "--no-filter", "--out", f"{out}-cut"]
        yield ["fid", name, str(photo)]
        yield ["compare", name, name]
        yield ["translate", "painter", name, "--out", f"{out}-translated"]
        yield ["degrade", name, "--noise", "9", "--out", f"{out}-pairs"]
        yield ["detect", "detector", name, "--out", f"{out}-detected"]
        yield ["classify", "told", name, "--out", f"{out}-classified"]
        yield ["look", "told", name, "--out", f"{out}.html"]
        yield ["generate", "made", "-n", "2", "--like", name, "--out", f"{out}-like-it"]
        folder = Path(f"area-{file.name}")
        (folder / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / "images")
        for beside in Path().glob(f"{file.name}.*"):
            shutil.copy(beside, folder / "images")
        yield ["check", str(folder)]
        yield ["train", "generate/tiny", "--data", str(folder / "images"), "--dry-run"]
        shutil.copytree(folder / "images", folder / "target", dirs_exist_ok=True)
        shutil.copytree(folder / "images", folder / "source", dirs_exist_ok=True)
        yield ["check", str(folder), "--room", "translate"]
        yield ["train", "translate/pairs-l1", "--data", str(folder), "--dry-run"]
        for room in ("detect", "classify"):
            yield ["check", str(folder), "--room", room]
        yield ["fid", str(folder / "images"), str(folder / "images")]


def main(kind: str, url: str, folder: Path, run: Path | None) -> None:
    """Draw the files, and read them."""
    if kind == "limner":
        import limner  # noqa: F401  # before rasterio, as a command does
    from drawing import draw_mask, draw_polygons, draw_scene, write_raster
    from hostile import draw_hostile, read_as_gdal_does

    os.chdir(folder)
    files = draw_hostile(Path(), url)
    if kind == "gdal":
        for file in files:
            read_as_gdal_does(file)
        return
    import pytest
    from damage_kind import leave_blank
    from damaged import draw_detector, draw_generator, draw_painter, draw_told

    from limner.cli import main as command_line

    assert run is not None
    leave_blank(pytest.MonkeyPatch())  # until this process ends
    for draw in (draw_painter, draw_detector, draw_told, draw_generator):
        draw()
    draw_scene(Path("scene.tif"), 192, 192)
    write_raster(Path("mask.tif"), draw_mask(192, 192))
    draw_polygons(Path("roofs.gpkg"))
    write_raster(Path("photo.png"), draw_mask(64, 64)[None].repeat(3, 0))
    if os.environ.get("LIMNER_ATTACK", "0") == "0":
        files = [file for file in files if file.name in FEW]
    for command in commands(files, run):
        said = io.StringIO()
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(said):
                command_line([*command, "--debug"])
        except SystemExit as ended:
            print("ended", ended.code, *command, flush=True)
        except Exception as error:
            print("raised", type(error).__name__, *command, "|", str(error)[:150].replace("\n", " "), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]).absolute() if len(sys.argv) > 4 else None)
