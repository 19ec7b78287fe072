"""Whether limner still makes what it made: a list of commands, and a digest of everything that each of them writes.

    PYTHONPATH=BEFORE/src python tools/same_bytes.py before.json
    PYTHONPATH=AFTER/src python tools/same_bytes.py after.json --against before.json

Runs limner's commands with fixed seeds on one thread over small inputs that it draws or takes from the bundled places,
in a folder of its own (``--work FOLDER`` keeps it). Prints ``name  sha256``, a line an output, and writes them as JSON.
With ``--against`` it says which outputs differ, are gone or are new, and exits with 1 where any differs or is gone.
``--only WORD ...`` runs the commands whose names hold one of the words, and what they need. About three minutes.

Only the command line and `limner.transfer_color` are used, so that it runs with any version. Equal digests are promised
on one machine with the same libraries: the file holds their versions, and a comparison says where these differ.

What is hashed is the file, byte by byte, but for three kinds:

- GeoPackages carry the time of writing: their layers' geometries, fields and reference system are hashed.
- JSON, YAML, CSV and text: versions, commits, durations and the folder's own path are taken out before.
- Videos: how many frames, their size, times and colors' names. Of equal frames libx264 makes other bytes from call to
  call, on one thread too; what limner made is hashed where the clip is a folder of frames.

Numba's loops give a color one float32 step (6e-8) away in the process that compiles them, so all of them are called
once before the first command.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyogrio
import rasterio
from PIL import Image
from rasterio.windows import Window
from skimage import data as pictures

LIBRARIES = ("torch", "torchvision", "timm", "numpy", "scipy", "numba", "rasterio", "shapely", "pillow", "av")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "GDAL_NUM_THREADS")
SCENE_PX, PHOTO_PX, FRAMES = 384, 160, 6
WRITTEN = 1_700_000_000
"""When all inputs were written, as it seems: seconds since 1970."""
VOLATILE = {"seconds", "versions", "version", "limner", "commit", "made_at", "created", "took_s"}
"""Keys of JSON and YAML whose values change from call to call or from version to version."""
TIMES = re.compile(r"\b\d+(\.\d+)? ?(s|ms|min|minutes|seconds)\b")


@dataclass(frozen=True)
class Command:
    """One command line.

    name: in the table. words: behind ``limner``, or behind ``python`` of a script of its own. keeps: what it writes, as
    globs. needs: names of commands whose files it reads. stdout: whether its answer counts as an output, too.
    """

    name: str
    words: str
    keeps: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    stdout: bool = False
    script: str = ""


EACH_METHOD = """
import sys
import numpy as np, torch
import limner
from PIL import Image

photo, like = (torch.from_numpy(np.asarray(Image.open(name)).copy()).permute(2, 0, 1) / 255 for name in sys.argv[1:3])
for method in sys.argv[3:]:
    np.save(f"methods/{method}.npy", limner.transfer_color(photo, like, method).picture.numpy())
"""
METHODS = (
    "superpixel", "sct", "reinhard", "xiao", "mkl", "histogram", "idt", "idt-regrain", "gamut", "histogram-analogy",
)  # fmt: skip
SEGMENT_DATA = "--data places/kampala-1 --data places/dubai-6"
SHORT = "--epochs 2 --steps-per-epoch 2 --batch 2 --data.crop-px 64 --loop.precision fp32"
GAN = (
    "--data cuts/building --data.size-px 32 --data.held-out 12 --batch 8 --kimg 0.048 --scores.samples 16"
    " --loop.precision fp32"
)
LEARNED = ("model.safetensors", "model.json", "metrics.csv", "evaluation.json", "card.md", "recipe.yaml")


def learned(folder: str) -> tuple[str, ...]:
    """What is compared of a run: weights, what it says of itself, and its scores."""
    return tuple(f"{folder}/{name}" for name in LEARNED)


def commands() -> list[Command]:
    """All of them, in an order in which each finds what it needs."""
    mapped = "segment buildings scene.tif --device cpu --precision fp32 --tile-px 256 --overlap-px 96"
    return [
        Command("map", f"{mapped} --probabilities --check-seams --out maps", ("maps/*",)),
        Command(
            "map harmonized",
            f"{mapped} --normalize run --harmonize mkl --polygons geojson --out harmonized-maps",
            ("harmonized-maps/*",),
        ),
        Command(
            "score",
            "score maps/scene_classes.tif truth.tif --json --errors errors.tif",
            ("errors.tif",),
            ("map",),
            True,
        ),
        Command("check", "check places/kampala-1 --out check.png --json", ("check.png",), (), True),
        Command("train segment", f"train segment/demo {SEGMENT_DATA} {SHORT} --out runs/demo", learned("runs/demo")),
        Command(
            "train residual-unet",
            f"train segment/residual-18 {SEGMENT_DATA} {SHORT} --out runs/residual",
            learned("runs/residual"),
        ),
        Command(
            "map of trained",
            "segment runs/demo scene.tif --device cpu --out trained",
            ("trained/*",),
            ("train segment",),
        ),
        Command(
            "evaluate segment",
            "evaluate runs/demo --data place --out evaluated.json --json",
            ("evaluated.json",),
            ("train segment",),
            True,
        ),
        Command(
            "refine",
            "refine runs/demo scene.tif --fraction 0.07 --truth truth.tif --out runs/refined --epochs 1"
            " --steps-per-epoch 2 --batch 2 --loop.precision fp32",
            learned("runs/refined"),
            ("train segment",),
            True,
        ),
        Command(
            "compare segment",
            "compare runs/demo runs/residual --out compared.csv",
            ("compared.csv",),
            ("train segment", "train residual-unet"),
            True,
        ),
        Command(
            "cut-outs of masks",
            "cutouts places --object building --regions 1 --no-filter --workers 1 --out cuts",
            ("cuts/building/**/*.png", "cuts/*.csv", "cuts/*.json", "cuts/sheet.png"),
        ),
        Command(
            "cut-outs of COCO",
            "cutouts coco/instances.json --object cup --no-filter --workers 1 --background transparent --margin 0.1"
            " --out cups",
            ("cups/cup/**/*.png", "cups/*.csv", "cups/*.json", "cups/sheet.png"),
        ),
        *(
            Command(
                f"train {recipe}",
                f"train generate/{recipe} {GAN} {more} --out runs/{recipe}",
                learned(f"runs/{recipe}"),
                ("cut-outs of masks",),
            )
            for recipe, more in (
                ("tiny", ""),
                ("dcgan", ""),
                ("wgan-gp", ""),
                ("sngan", ""),
                ("sa-dcgan", "--generator.attention 16 --discriminator.attention 16"),
            )
        ),
        Command(
            "generate",
            "generate runs/tiny -n 12 --seed 3 --device cpu --out made",
            ("made/**/*.png", "made/*.json"),
            ("train tiny",),
        ),
        Command(
            "walk",
            "generate runs/tiny --interpolate walk.gif -n 3 --seconds 1 --device cpu",
            ("walk.gif",),
            ("train tiny",),
        ),
        Command(
            "evaluate generate",
            "evaluate runs/tiny --samples 24 --out judged.json --json",
            ("judged.json",),
            ("train tiny",),
            True,
        ),
        Command(
            "compare generate",
            "compare runs/tiny runs/dcgan --samples 16 --out judged.md",
            ("judged.md",),
            ("train tiny", "train dcgan"),
            True,
        ),
        Command(
            "fid",
            "fid cuts/building made --features efficientnet-lite0 --device cpu --json",
            (),
            ("cut-outs of masks", "generate"),
            True,
        ),
        Command("transfer of color", f"photo.png like.png {' '.join(METHODS)}", ("methods/*",), script=EACH_METHOD),
        Command(
            "recolor all methods", "recolor photo.png --like like.png --method all --device cpu --out all", ("all/*",)
        ),
        Command(
            "recolor 8 bit PNG", "recolor photo.png --like like.png --device cpu --explain --out eight", ("eight/**/*",)
        ),
        Command(
            "recolor 16 bit PNG", "recolor deep.png --like like.png --method mkl --out sixteen.png", ("sixteen.png",)
        ),
        Command(
            "recolor JPEG", "recolor photo.jpg --like like.png --method reinhard --out pressed.jpg", ("pressed.jpg",)
        ),
        Command(
            "recolor masked",
            "recolor photo.png --like like.png --method idt --mask mask.png --strength 0.7 --keep-luminance"
            " --out masked.png",
            ("masked.png",),
        ),
        Command("look", "recolor photo.png --like like.png --method mkl --out look.cube", ("look.cube",)),
        Command("look applied", "recolor photo.png --like look.cube --out looked.png", ("looked.png",), ("look",)),
        Command("clip", "recolor clip.mp4 --like like.png --device cpu --out clips", ("clips/*",)),
        Command("clip of frames", "recolor frames --clip --like like.png --method mkl --out framed", ("framed/**/*",)),
        Command(
            "clip of frames by superpixels",
            "recolor frames --clip --like like.png --device cpu --out faded",
            ("faded/**/*",),
        ),
        Command("scene harmonized", "recolor scene.tif --like buildings --out scenes", ("scenes/*",)),
    ]


# --- inputs ----------------------------------------------------------------------------------------------------------


def draw_inputs(work: Path) -> None:
    """Places, a scene with its truth, photos of 8 and 16 bits, a mask, a clip and its frames, annotations as COCO's."""
    bundled = Path(str(resources.files("limner") / "bundled" / "places"))
    for name in ("kampala-1", "dubai-6"):
        copy_tree(bundled / name, work / "places" / name)
    window = Window(640, 640, SCENE_PX, SCENE_PX)  # houses, trees and a road
    for source, names in (
        ("images", ("scene.tif", "place/images/scene.tif")),
        ("masks", ("truth.tif", "place/masks/scene.tif")),
    ):
        with rasterio.open(bundled / "banepa" / source / "banepa.tif") as raster:
            values = raster.read(window=window)
            kept = {"crs": raster.crs, "transform": raster.window_transform(window), "dtype": values.dtype}
        for name in names:
            write_raster(work / name, values, **kept)
    photo, like = small(pictures.coffee()), small(pictures.rocket())
    Image.fromarray(photo).save(work / "photo.png")
    Image.fromarray(photo).save(work / "photo.jpg", quality=92)
    Image.fromarray(like).save(work / "like.png")
    ramp = np.linspace(0, 255, photo.shape[1], dtype=np.uint8)
    Image.fromarray(np.broadcast_to(ramp, photo.shape[:2]).copy()).save(work / "mask.png")
    deep = photo.astype(np.uint16).transpose(2, 0, 1) * 251 + ramp  # values that no 8 bit picture has
    write_raster(work / "deep.png", deep, driver="PNG", dtype="uint16")
    frames = [np.roll(photo, 3 * number, axis=1) for number in range(FRAMES)]
    (work / "frames").mkdir()
    (work / "methods").mkdir()  # what `EACH_METHOD` writes into
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(work / "frames" / f"{number:03d}.png")
    write_clip(work / "clip.mp4", frames)
    draw_coco(work / "coco")


def copy_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


def small(photo: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, its longer edge `PHOTO_PX`."""
    picture = Image.fromarray(photo)
    picture.thumbnail((PHOTO_PX, PHOTO_PX))
    return np.asarray(picture)


def write_raster(path: Path, values: np.ndarray, driver: str = "GTiff", **kept: Any) -> None:
    """(bands, H, W) as a raster file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    with rasterio.open(path, "w", driver=driver, count=count, height=height, width=width, **kept) as raster:
        raster.write(values)
    path.with_name(f"{path.name}.aux.xml").unlink(missing_ok=True)


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    height, width = frames[0].shape[0] // 2 * 2, frames[0].shape[1] // 2 * 2
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("libx264", rate=12, width=width, height=height, pix_fmt="yuv420p")
        stream.codec_context.thread_count = 1
        for frame in frames:
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(frame[:height, :width], format="rgb24")))
        clip.mux(stream.encode())


def draw_coco(folder: Path) -> None:
    """One photo with two outlined cups, annotated as COCO does."""
    folder.mkdir()
    photo = small(pictures.coffee())
    height, width = photo.shape[:2]
    Image.fromarray(photo).save(folder / "cups.png")
    outlines = [[10, 8, 70, 12, 64, 60, 12, 52], [80, 30, 140, 34, 150, 90, 90, 96]]
    annotations = [
        {
            "id": number + 1,
            "image_id": 1,
            "category_id": 1,
            "iscrowd": 0,
            "segmentation": [outline],
            "area": 2500,
            "bbox": [
                min(outline[::2]),
                min(outline[1::2]),
                max(outline[::2]) - min(outline[::2]),
                max(outline[1::2]) - min(outline[1::2]),
            ],
        }
        for number, outline in enumerate(outlines)
    ]
    contents = {
        "images": [{"id": 1, "file_name": "cups.png", "width": width, "height": height}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cup"}],
    }
    (folder / "instances.json").write_text(json.dumps(contents), encoding="utf-8")


# --- digests ---------------------------------------------------------------------------------------------------------


def digest(path: Path, work: Path) -> str:
    """SHA-256 of a file, of its contents where its bytes carry the time or the version: see above."""
    if path.suffix == ".gpkg":
        return of_layers(path)
    if path.suffix in {".mp4", ".mov", ".mkv", ".webm"}:
        return of_frames(path)
    if path.suffix in {".json", ".yaml", ".csv", ".md", ".txt", ".geojson", ".cube"}:
        return hashed(plain(path.read_text(encoding="utf-8"), work))
    return hashed(path.read_bytes())


def hashed(contents: bytes | str) -> str:
    return hashlib.sha256(contents.encode() if isinstance(contents, str) else contents).hexdigest()


def plain(text: str, work: Path) -> str:
    """Text without the folder's path, durations, versions and commits."""
    text = text.replace(str(work), "WORK")
    try:
        return json.dumps(timeless(json.loads(text)), indent=1)
    except ValueError:
        pass
    lines = [line for line in text.splitlines() if not re.match(rf"\s*#?\s*({'|'.join(VOLATILE)}):", line)]
    text = re.sub(r"limner \d+\.\d+\.\d+\S*|torch \d+\.\d+\.\d+\S*", "VERSION", "\n".join(lines))
    return TIMES.sub("TIME", text)


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = VOLATILE | ({"stages"} if "seconds" in value else set())  # of which the seconds are the sum
        return {key: timeless(item) for key, item in value.items() if key not in left_out}
    if isinstance(value, list):
        return [timeless(item) for item in value]
    return TIMES.sub("TIME", value) if isinstance(value, str) else value


def of_layers(path: Path) -> str:
    """Of a vector file: each layer's reference system, fields, and the features in their order."""
    parts = []
    for layer, kind in pyogrio.list_layers(path):
        about, _, geometries, columns = pyogrio.raw.read(path, layer=layer)
        parts.append(repr((layer, kind, about["crs"], list(about["fields"]), [hashed(item) for item in geometries])))
        parts.extend(repr(column.tolist()) for column in columns)
    return hashed("\n".join(parts))


def of_frames(path: Path) -> str:
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        frames = [(frame.time, frame.width, frame.height, str(frame.colorspace)) for frame in clip.decode(stream)]
        return hashed(repr((stream.codec_context.name, str(stream.average_rate), frames)))


# --- running ---------------------------------------------------------------------------------------------------------


def run(command: Command, work: Path) -> dict[str, str]:
    """Run it; the digests of what it keeps, by ``command: file``, or its last line as ``failed``."""
    script = command.script or "from limner.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *command.words.split()],
        cwd=work,
        env={**os.environ, **dict.fromkeys(THREADS, "1"), "LIMNER_CACHE": str(work / ".cache"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return {f"{command.name}: failed": last.replace(str(work), "WORK")}
    found = {}
    for pattern in command.keeps:
        paths = sorted(path for path in work.glob(pattern) if path.is_file())
        if len(paths) > 20:  # hundreds of cut-outs are one line
            listed = "\n".join(f"{path.relative_to(work).as_posix()} {digest(path, work)}" for path in paths)
            found[f"{command.name}: {pattern} ({len(paths)} files)"] = hashed(listed)
        else:
            found |= {f"{command.name}: {path.relative_to(work).as_posix()}": digest(path, work) for path in paths}
        if not paths:
            found[f"{command.name}: {pattern}"] = "nothing was written"
    if command.stdout:
        found[f"{command.name}: answer"] = hashed(plain(done.stdout, work))
    return found


def wanted(words: list[str]) -> list[Command]:
    """The commands whose names hold one of ``words`` (none: all), and those that they need."""
    every = commands()
    names = {command.name for command in every if not words or any(word in command.name for word in words)}
    for command in reversed(every):
        if command.name in names:
            names.update(command.needs)
    return [command for command in every if command.name in names]


def machine() -> dict[str, str]:
    """What equal bytes depend on besides limner."""
    about = {name: metadata.version(name) for name in LIBRARIES}
    return {**about, "python": platform.python_version(), "machine": platform.machine()}


def compare(before: dict[str, Any], after: dict[str, Any], complete: bool) -> int:
    """Say what differs; 1 where an output differs or, in a complete list, is gone."""
    for name, version in before["machine"].items():
        if after["machine"].get(name) != version:
            print(f"beware: {name} was {version}, now {after['machine'].get(name)}; bytes may differ for that")
    old, new = before["outputs"], after["outputs"]
    differ = [name for name in new if name in old and old[name] != new[name]]
    gone = [name for name in old if name not in new] if complete else []
    added = [name for name in new if name not in old]
    for title, names in (("differs", differ), ("gone", gone), ("new", added)):
        for name in names:
            print(f"{title}: {name}{' (' + new[name] + ')' if name.endswith(': failed') and name in new else ''}")
    print(f"{len(new) - len(differ) - len(added)} the same, {len(differ)} differ, {len(gone)} gone, {len(added)} new")
    return int(bool(differ or gone))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="JSON file for the digests")
    parser.add_argument("--against", type=Path, help="JSON file of another version to compare with")
    parser.add_argument("--work", type=Path, help="folder to work in, which is kept (default: one that is removed)")
    parser.add_argument("--only", nargs="+", default=[], help="words in the names of the commands to run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as removed:
        work = (options.work or Path(removed)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        if any(work.iterdir()):
            parser.error(f"--work {work} is not empty; give a new folder")
        draw_inputs(work)
        inputs = sorted(path for path in work.rglob("*") if path.is_file())
        for path in inputs:
            os.utime(path, (WRITTEN, WRITTEN))  # records of what was done hold it
        outputs = {f"input: {path.relative_to(work).as_posix()}": digest(path, work) for path in inputs}
        todo = wanted(options.only)
        if any("recolor" in command.words or command.script for command in todo):
            run(Command("loops are compiled", f"photo.png like.png {' '.join(METHODS)}", script=EACH_METHOD), work)
        for command in todo:
            begun, used = time.perf_counter(), os.times()
            found = run(command, work)
            outputs |= found
            for name, value in found.items():
                print(f"{name}  {value}")
            spent = os.times().children_user + os.times().children_system - used.children_user - used.children_system
            print(f"{command.name}: {time.perf_counter() - begun:.1f} s, {spent:.1f} of them computed", file=sys.stderr)
    result = {"machine": machine(), "outputs": outputs}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.against:
        return compare(json.loads(options.against.read_text(encoding="utf-8")), result, complete=not options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
