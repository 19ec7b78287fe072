"""Runs commands on damaged files and prints, one JSON line each, what ended otherwise than it should.

    python tests/attack/damaged.py KIND FIRST LAST FOLDER PROGRESS

Inputs are numbered, and number N of a kind is always the same damage to the same drawn file. A command may do its work,
or end in one line with exit code 1 or 2; a traceback, a library's own error, a file left behind by a refused command
and growth of memory beyond `MOST_GROWTH_MB` are faults. The number at work is kept in PROGRESS, so that whoever
started this process sees which input it hangs on or dies of.
"""

import json
import os
import re
import resource
import shutil
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import numpy as np
from damage_kind import Kind, call, learn
from media_kinds import MEDIA_KINDS
from PIL import Image

from drawing import draw_area, draw_mask, draw_picture, draw_polygons, draw_scene, write_raster
from drawn_cityscapes import write_cityscapes
from drawn_photos import draw_photo
from drawn_pictures import draw_shape
from drawn_videos import encode, moving_gradient
from limner.generate.cutouts.journal import JOURNAL

MOST_GROWTH_MB = 2048
NUMBERS = (b"-1", b"0", b"99999999999999999999", b"1e999", b"NaN", b"null", b"2147483648", b"[]", b"{}", b'""')
BYTES = (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"\n", b"\x00\x00")


def _scene(path: str) -> Callable[[], None]:
    def draw() -> None:
        write_raster(Path(path), draw_picture(draw_mask(320, 320)))
        write_raster(Path("truth.tif"), draw_mask(320, 320))
        draw_photo(Path("photo.png"))

    return draw


def _mask(path: str) -> Callable[[], None]:
    def draw() -> None:
        for name in (path, "truth.tif"):
            write_raster(Path(name), draw_mask(96, 96))

    return draw


def _vectors(path: str) -> Callable[[], None]:
    def draw() -> None:
        draw_scene(Path("scene.tif"), 320, 320)
        draw_polygons(Path(path))
        write_raster(Path("mask.tif"), draw_mask(320, 320))

    return draw


def _photos(path: str) -> Callable[[], None]:
    def draw() -> None:
        draw_photo(Path(path))
        draw_photo(Path("like.png"), seed=1)

    return draw


def _coco() -> None:
    Path("data").mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save("data/a.png")
    box = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [8, 8, 40, 30], "area": 1200, "iscrowd": 0,
           "segmentation": [[8, 8, 48, 8, 48, 38, 8, 38]]}  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "categories": [{"id": 3, "name": "car"}],
        "annotations": [box, {**box, "id": 2, "segmentation": {"size": [64, 64], "counts": [520, 30, 3546]}}],
    }
    Path("data/a.json").write_text(json.dumps(content))


def _yolo() -> None:
    for folder in ("data/images", "data/labels"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save("data/images/a.png")
    Path("data/labels/a.txt").write_text("0 0.5 0.5 0.4 0.3\n1 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n")
    Path("data/data.yaml").write_text("path: .\ntrain: images\nnames: {0: car, 1: bus}\nnc: 2\n")


def _voc() -> None:
    for folder in ("voc/images", "voc/annotations"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    box = "<bndbox><xmin>9</xmin><ymin>9</ymin><xmax>48</xmax><ymax>38</ymax></bndbox>"
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(f"voc/images/{number}.png")
        objects = f"<object><name>car</name><difficult>{number % 2}</difficult>{box}</object>" * (number % 3)
        size = "<size><width>64</width><height>64</height><depth>3</depth></size>"
        xml = f"<annotation><filename>{number}.png</filename>{size}{objects}</annotation>"
        Path(f"voc/annotations/{number}.xml").write_text(xml)


def _pairs() -> None:
    for folder in ("source", "target"):
        Path("pairs", folder).mkdir(parents=True, exist_ok=True)
        for number in range(8):
            pixels = draw_shape("box", number)
            Image.fromarray(255 - pixels if folder == "source" else pixels).save(Path("pairs", folder, f"{number}.png"))


def _domains() -> None:
    for folder in ("box", "disk"):
        Path("domains", folder).mkdir(parents=True, exist_ok=True)
        for number in range(12):
            Image.fromarray(draw_shape(folder, number)).save(Path("domains", folder, f"{number}.png"))


def draw_painter() -> None:
    _pairs()
    draw_photo(Path("photo.png"), height=40, width=56)
    shutil.rmtree("painter", ignore_errors=True)
    learn(PAINT.split())


def draw_detector() -> None:
    _voc()
    draw_photo(Path("photo.png"), height=64, width=72)
    shutil.rmtree("detector", ignore_errors=True)
    learn(DETECT.split())


def draw_generator() -> None:
    Path("boxes").mkdir(exist_ok=True)
    for number in range(24):
        Image.fromarray(draw_shape("box", number)).save(f"boxes/{number}.png")
    shutil.rmtree("made", ignore_errors=True)
    learn(MAKE.split())


def _recipe() -> None:
    draw_area(Path("town"), 2)
    Path("mine.yaml").write_text(
        "task: segment\nnetwork: {name: residual-unet, depth: 18}\nloss:\n  name: dice\nbatch: 4\nepochs: 3\n"
        "optimizer: {name: adamw, learning_rate: 1e-3}\ndata:\n  paths: [town]\n  tile_px: 64\n  crop_px: 64\n"
        "stages:\n  - {name: one, epochs: 1}\n"
    )


def _classes() -> None:
    draw_area(Path("town"), 2)
    Path("town/classes.yaml").write_text("classes:\n  land: 0\n  roof: [255, 2]\n")


def _run(file: str) -> Callable[[], None]:
    def draw() -> None:
        draw_scene(Path("scene.tif"), 96, 96)
        model = Path(sys.modules["limner"].__file__ or "").parent / "bundled" / "models" / "buildings"
        shutil.copytree(model, "run", dirs_exist_ok=True)
        assert Path(file).exists()

    return draw


def _recolored() -> None:
    draw_photo(Path("photo.png"))
    draw_photo(Path("like.png"), seed=1)
    call(["recolor", "photo.png", "--like", "like.png", "--method", "mkl", "--out", "done.png"])


def _labelled() -> None:
    Path("pictures").mkdir(exist_ok=True)
    for number in range(16):
        draw_photo(Path(f"pictures/{number}.png"), seed=number)
    rows = "".join(f"pictures/{number}.png,{'day' if number % 2 else 'night'}\n" for number in range(16))
    Path("labels.csv").write_text(f"path,label\n{rows}")


def _cube() -> None:
    _photos("photo.png")()
    call(["recolor", "photo.png", "--like", "like.png", "--method", "mkl", "--out", "look.cube"])


class _Killed(BaseException):
    """Stands for a SIGKILL: no code of limner's may catch it."""


def _half_trained() -> None:
    """A training that ended right after its third checkpoint."""
    from limner.learning.loop import training

    draw_area(Path("town"), 2)
    write, written = training.write_checkpoint, 0

    def write_and_die(*arguments: Any, **options: Any) -> None:
        nonlocal written
        write(*arguments, **options)
        if (written := written + 1) == 3:
            raise _Killed

    training.write_checkpoint = write_and_die
    try:
        learn(TRAIN.split())
    finally:
        training.write_checkpoint = write
    assert written == 3


def _half_cut() -> None:
    """Cut-outs whose command was killed at its very end: all rows stand in the journal, none in the manifest."""
    from limner.generate.cutouts.journal import Journal

    write_cityscapes(Path("city"), splits=("train",), count=1)
    close, Journal.close = Journal.close, lambda self: None  # type: ignore[method-assign]
    call(CUT_CITY.split())
    Journal.close = close  # type: ignore[method-assign]
    Path("cars/manifest.csv").unlink()


def _city() -> None:
    write_cityscapes(Path("city"), splits=("train",), count=1)


def _boxes() -> None:
    Path("boxes/images").mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save("boxes/images/a.png")
    Path("boxes/b.csv").write_text("path,x0,y0,x1,y1,label\na.png,8,8,48,38,car\na.png,1,2,30,40,bus\n")


def _clip(path: str) -> Callable[[], None]:
    def draw() -> None:
        encode(Path(path), moving_gradient(6))
        draw_photo(Path("like.png"), seed=1)

    return draw


def _digits(folder: str) -> None:
    chance = np.random.default_rng(0)
    Path(folder).mkdir(exist_ok=True)
    labels = np.arange(32, dtype=np.uint8) % 2
    if folder == "idx":
        for name, values in (("images-idx3", chance.integers(0, 256, (32, 28, 28), np.uint8)), ("labels-idx1", labels)):
            head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            Path(folder, f"train-{name}-ubyte").write_bytes(head + values.tobytes())
        return
    pictures = chance.integers(0, 256, (32, 3072), np.uint8)
    for name, part in (("data_batch_1", slice(24)), ("test_batch", slice(24, 32))):
        rows = [bytes([label]) + row.tobytes() for label, row in zip(labels[part], pictures[part], strict=True)]
        Path(folder, f"{name}.bin").write_bytes(b"".join(rows))
    Path(folder, "batches.meta.txt").write_text("frog\nship\n")


def draw_told() -> None:
    for kind in ("disk", "box"):
        Path("kinds", kind).mkdir(parents=True, exist_ok=True)
        for number in range(12):
            Image.fromarray(draw_shape(kind, number)).save(Path("kinds", kind, f"{number}.png"))
    draw_photo(Path("photo.png"))
    shutil.rmtree("told", ignore_errors=True)
    learn(["train", "classify/lenet-digits", "--data", "kinds", "--out", "told", "--batch", "8", "--epochs", "1"])


TRAIN = ("train segment/demo --data town --out run --epochs 4 --network.name lite-unet --network.pretrained false "
         "--network.width 4 --loop.precision fp32 --batch 2 --steps-per-epoch 2 --data.tile-px 96 --data.crop-px 64 "
         "--data.stride-px 64 --loop.checkpoint-minutes 0")  # fmt: skip
PAINT = ("train translate/pairs-l1 --data pairs --out painter --epochs 1 --steps-per-epoch 1 --batch 2 "
         "--data.held-out 2 --loop.precision fp32 --data.size-px 32 --data.jitter-px none --data.crop-px 32 "
         "--generator.levels 3 --generator.width 4")  # fmt: skip
DETECT = ("train detect/faster-rcnn-light --data voc --out detector --epochs 1 --batch 4 --data.short-px 64 "
          "--data.longest-px 96 --data.group none --loop.precision fp32 --network.width 8 --network.hidden 8 "
          "--network.proposals 16 --network.regions 8 --loop.evaluate-every 1")  # fmt: skip
MAKE = "train generate/tiny --data boxes --out made --batch 4 --kimg 0.016 --scores.samples 16 --data.held-out 10"
CUT_CITY = "cutouts city --object car --no-filter --out cars"
CITY = "city/gtFine/train/aachen/aachen_000000_000019_gtFine"
LEARN = "train classify/lenet-digits --data {} --batch 4 --dry-run"
READ_RASTER = ("check {f} --labels truth.tif", "recolor photo.png --like {f} --method mkl --out {out}.png")
READ_PHOTO = ("recolor {f} --like like.png --method mkl --out {out}.png", "recolor like.png --like {f} --method "
              "reinhard --out {out}.png")  # fmt: skip
READ_VECTOR = ("check scene.tif --labels {f}", "score mask.tif {f}")
CUT = ("cutouts data --object car --no-filter --out {out}",)
LEARN_TABLE = "train classify/lenet-digits --data labels.csv --batch 4 --dry-run"
KINDS: dict[str, Kind] = {
    **{f"raster {suffix}": Kind(_scene(f"scene.{suffix}"), f"scene.{suffix}", READ_RASTER)
       for suffix in ("tif", "png")},
    **{f"mask {suffix}": Kind(_mask(f"mask.{suffix}"), f"mask.{suffix}", ("score {f} truth.tif", "score truth.tif {f}"))
       for suffix in ("tif", "png")},
    **{f"photo {suffix}": Kind(_photos(f"photo.{suffix}"), f"photo.{suffix}", READ_PHOTO)
       for suffix in ("png", "jpg", "tif", "webp", "bmp")},
    **{f"vectors {suffix}": Kind(_vectors(f"roofs.{suffix}"), f"roofs.{suffix}", READ_VECTOR)
       for suffix in ("geojson", "gpkg", "shp")},
    "vectors dbf": Kind(_vectors("roofs.shp"), "roofs.dbf", ("check scene.tif --labels roofs.shp",)),
    "COCO": Kind(_coco, "data/a.json", CUT),
    "YOLO labels": Kind(_yolo, "data/labels/a.txt", CUT),
    "YOLO data.yaml": Kind(_yolo, "data/data.yaml", CUT),
    "recipe": Kind(_recipe, "mine.yaml", ("train mine.yaml --dry-run",)),
    "classes.yaml": Kind(_classes, "town/classes.yaml", ("check town",)),
    "model.json": Kind(_run("run/model.json"), "run/model.json", ("inspect run", "segment run scene.tif --out {out}")),
    "evaluation.json": Kind(_run("run/evaluation.json"), "run/evaluation.json", ("compare run",)),
    "weights": Kind(_run("run/model.safetensors"), "run/model.safetensors", ("segment run scene.tif --out {out}",)),
    "record": Kind(_recolored, "done.png.json", ("recolor photo.png --like like.png --method mkl --out done.png",)),
    "table of pictures": Kind(_labelled, "labels.csv", (LEARN_TABLE,)),
    **{f"clip {suffix}": Kind(_clip(f"clip.{suffix}"), f"clip.{suffix}",
                              ("recolor {f} --like like.png --method mkl --out {out}.mp4",))
       for suffix in ("mp4", "mkv")},
    "Cityscapes polygons": Kind(_city, f"{CITY}_polygons.json", (CUT_CITY.replace(" cars", " {out}"),)),
    "Cityscapes ids": Kind(_city, f"{CITY}_instanceIds.png", (CUT_CITY.replace(" cars", " {out}"),)),
    "list of boxes": Kind(_boxes, "boxes/b.csv", ("cutouts boxes --object car --no-filter --out {out}",)),
    "journal of cut-outs": Kind(_half_cut, f"cars/{JOURNAL}", (CUT_CITY,), "cars"),
    "checkpoint": Kind(_half_trained, "run/checkpoint/state.pt", (TRAIN,), "run"),
    "status of a run": Kind(_half_trained, "run/run.json", (TRAIN,), "run"),
    "metrics of a run": Kind(_half_trained, "run/metrics.csv", (TRAIN,), "run"),
    "idx pictures": Kind(lambda: _digits("idx"), "idx/train-images-idx3-ubyte", (LEARN.format("idx"),)),
    "idx labels": Kind(lambda: _digits("idx"), "idx/train-labels-idx1-ubyte", (LEARN.format("idx"),)),
    "CIFAR batch": Kind(lambda: _digits("cifar"), "cifar/data_batch_1.bin", (LEARN.format("cifar"),)),
    "model.json of classes": Kind(draw_told, "told/model.json", ("classify told photo.png", "compare told")),
    "evaluation.json of classes": Kind(draw_told, "told/evaluation.json", ("compare told",)),
    "weights of classes": Kind(draw_told, "told/model.safetensors", ("classify told photo.png --out {out}",)),
    "VOC": Kind(_voc, "voc/annotations/5.xml", ("cutouts voc --object car --no-filter --out {out}",
                                                "check voc --room detect --out {out}.png")),
    "COCO for detect": Kind(_coco, "data/a.json", ("check data --room detect --out {out}.png",)),
    "YOLO labels for detect": Kind(_yolo, "data/labels/a.txt", ("check data --room detect --out {out}.png",)),
    **{f"degraded {suffix}": Kind(_photos(f"photo.{suffix}"), f"photo.{suffix}",
                                  ("degrade {f} --blur motion --out {out}",)) for suffix in ("png", "jpg", "tif")},
    "pairs": Kind(_pairs, "pairs/source/3.png", ("check pairs --room translate --out {out}.png",
                                                 PAINT.replace(" painter ", " {out} ") + " --dry-run")),
    "domains": Kind(_domains, "domains/disk/3.png", ("check domains --room translate --domains",)),
    "translated": Kind(draw_painter, "photo.png", ("translate painter photo.png --out {out}.png",), learns=True),
    **{f"{file} of pairs": Kind(draw_painter, f"painter/{file}", commands, learns=True) for file, commands in (
        ("model.json", ("translate painter photo.png --out {out}.png", "compare painter")),
        ("evaluation.json", ("compare painter",)),
        ("model.safetensors", ("translate painter photo.png --out {out}.png",)))},
    **{f"{file} of boxes": Kind(draw_detector, f"detector/{file}", commands, learns=True) for file, commands in (
        ("model.json", ("detect detector photo.png --out {out}", "compare detector")),
        ("evaluation.json", ("compare detector",)),
        ("model.safetensors", ("detect detector photo.png --out {out}",)))},
    **{f"{file} of a GAN": Kind(draw_generator, f"made/{file}", commands, learns=True) for file, commands in (
        ("model.json", ("generate made -n 2 --out {out}", "compare made")),
        ("evaluation.json", ("compare made",)))},
    **MEDIA_KINDS,
    "look-up table": Kind(_cube, "look.cube", ("recolor photo.png --like look.cube --out {out}.png",)),
}  # fmt: skip


def damage(content: bytes, generator: np.random.Generator) -> bytes:
    """One to four injuries of a file: bits and bytes changed, cut, moved, doubled, and numbers that are none."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 5)):
        if not data:
            break
        place = int(generator.integers(len(data)))
        length = int(min(len(data) - place, 2 ** generator.integers(0, 9)))
        injury = generator.integers(8)
        if injury == 0:
            data[place] ^= 1 << int(generator.integers(8))
        elif injury == 1:
            chosen = BYTES[generator.integers(len(BYTES))]
            data[place : place + len(chosen)] = chosen
        elif injury == 2:
            del data[place : place + length]
        elif injury == 3:
            data[place:place] = data[place : place + length]
        elif injury == 4:
            del data[place:]
        elif injury == 5:
            data[place:place] = generator.integers(0, 256, length, np.uint8).tobytes()
        elif injury == 6:
            data[place : place + length] = bytes(length)
        elif found := list(re.finditer(rb"-?[0-9]+(\.[0-9]+)?", bytes(data[:65536]))):
            number = found[generator.integers(len(found))]
            data[number.start() : number.end()] = NUMBERS[generator.integers(len(NUMBERS))]
    return bytes(data)


def fault_of(code: int | str, said: str, left: set[str]) -> str | None:
    """What is wrong with how a command ended; None where nothing is. left: what a command left that did not work."""
    if code not in (0, 1, 2):
        return f"ended with {code}: {said[-300:]}"
    if "Traceback" in said:
        return f"traceback: {said[-300:]}"
    if code == 2 and left:
        return f"left {sorted(left)[:3]} behind"
    if code == 2 and not said.splitlines()[-1].startswith("limner: "):
        return f"no line of limner's: {said[-300:]}"
    return None


def main(name: str, first: int, last: int, folder: Path, progress: Path) -> None:
    """Run the commands of a kind on its inputs ``first`` to ``last`` - 1."""
    kind = KINDS[name]
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    kind.draw()
    file = Path(kind.file)
    whole = file.read_bytes()
    for number, command in enumerate(kind.commands):  # what is not damaged is read, or nothing would be tried here
        code, said = call(command.format(f=kind.file, out=f"whole{number}").split())
        assert code == 0, (command, code, said)
    if kind.restored is not None:
        shutil.rmtree(kind.restored)
        kind.draw()
        whole = file.read_bytes()
        shutil.copytree(kind.restored, "kept")
    known = {str(path) for path in Path().rglob("*")}
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for number in range(first, last):
        progress.write_text(str(number))
        if kind.restored is not None:
            shutil.rmtree(kind.restored)
            shutil.copytree("kept", kind.restored)
        file.write_bytes(damage(whole, np.random.default_rng([number, *map(ord, name)])))
        for command in kind.commands:
            started = time.monotonic()
            code, said = call(command.format(f=kind.file, out="out").split())
            left = {str(path) for path in Path().rglob("*")} - known
            fault = fault_of(code, said, left)
            grown_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
            if fault is None and grown_mb > MOST_GROWTH_MB:
                fault = f"memory grew by {grown_mb:.0f} MB"
                before_mb += grown_mb
            took = round(time.monotonic() - started, 3)
            row = {"number": number, "command": command, "code": code, "seconds": took, "grown_mb": round(grown_mb)}
            print(json.dumps({**row, "fault": fault}), flush=True)
            for path in sorted(left, reverse=True):
                shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink(missing_ok=True)
    progress.write_text("done")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
