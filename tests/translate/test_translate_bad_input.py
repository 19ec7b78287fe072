"""Mistakes with translations: one clear line each, exit code 2, and not a file made, changed or left behind."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from mistakes import Case, check_mistake

CommandLine = Callable[..., tuple[int, str, str]]
ENLARGE, FILL, PAINT = "ENLARGE", "FILL", "PAINT"


def photo(here: Path, name: str = "photo.png", height: int = 20, width: int = 24, value: int = 90) -> Path:
    path = here / name
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = np.random.default_rng(value).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(drawn).save(path)
    return path


def photo_and(*more: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda here: [photo(here), *(each(here) for each in more)]


def mask(value: int, height: int = 20, width: int = 24) -> Callable[[Path], object]:
    return lambda here: Image.fromarray(np.full((height, width), value, np.uint8)).save(here / "mask.png")


def half_mask(here: Path) -> None:
    drawn = np.zeros((20, 24), np.uint8)
    drawn[:8] = 255
    Image.fromarray(drawn).save(here / "mask.png")


def folder(here: Path, name: str = "photos", count: int = 6, **size: int) -> None:
    for number in range(count):
        photo(here, f"{name}/{number}.png", value=20 + 30 * number, **size)


def pairs(here: Path) -> None:
    folder(here, "pairs/source")
    folder(here, "pairs/target")


def four_bands(here: Path) -> None:
    with rasterio.open(
        here / "four.tif", "w", driver="GTiff", height=20, width=24, count=4, dtype="uint16", crs="EPSG:32633",
        transform=rasterio.Affine(1, 0, 5e5, 0, -1, 4e6),
    ) as file:  # fmt: skip
        file.write(np.ones((4, 20, 24), np.uint16))


def signed(here: Path) -> None:
    with rasterio.open(
        here / "signed.tif", "w", driver="GTiff", height=20, width=24, count=3, dtype="int16", crs="EPSG:32633",
        transform=rasterio.Affine(1, 0, 5e5, 0, -1, 4e6),
    ) as file:  # fmt: skip
        file.write(np.ones((3, 20, 24), np.int16))


def broken(here: Path) -> None:
    path = photo(here)
    path.write_bytes(path.read_bytes()[:200])


def scored(**changes: object) -> Callable[[Path], object]:
    value = {
        "task": "translate-pairs",
        "rows": {"translated": {"scores": {"psnr": 20.0}, "psnr_interval": None}},
        "channel": "y",
        "border_px": 4,
        "region": "picture",
        "pictures": 3,
        "features": "x",
        "on": "held out",
        "notes": [],
    }
    return lambda here: (here / "other.json").write_text(json.dumps({**value, **changes}))


def scored_twice(here: Path) -> None:
    scored()(here)
    (here / "other.json").rename(here / "one.json")
    scored(border_px=8)(here)


TRAIN = "train translate/upscale --data photos --out new --data.held-out 1 --batch 2"
PAIRS = "train translate/pairs --data pairs --out new --data.held-out 1 --batch 2"
CASES = (
    Case("no run", "translate gone photo.png", "gone", photo),
    Case("a run of another room", "translate buildings photo.png", "room|translate", photo),
    Case("no picture", f"translate {ENLARGE} gone.png", "gone.png: no such file or folder"),
    Case("a broken picture", f"translate {ENLARGE} photo.png", "photo.png", broken),
    Case(
        "a file that is no picture",
        f"translate {ENLARGE} a.txt",
        "not a photo",
        lambda h: (h / "a.txt").write_text("x"),
    ),
    Case("an empty folder", f"translate {ENLARGE} empty", "no photos in this folder", lambda h: (h / "empty").mkdir()),
    Case("holes without a mask", f"translate {FILL} photo.png", "give --mask", photo),
    Case(
        "a mask for no holes",
        f"translate {ENLARGE} photo.png --mask mask.png",
        "leave --mask out",
        photo_and(half_mask),
    ),
    Case("no such mask", f"translate {FILL} photo.png --mask gone.png", "gone.png: no such", photo),
    Case(
        "a small mask",
        f"translate {FILL} photo.png --mask mask.png",
        "a mask has its picture's size",
        photo_and(mask(255, 10, 10)),
    ),
    Case("a black mask", f"translate {FILL} photo.png --mask mask.png", "black all over", photo_and(mask(0))),
    Case("a white mask", f"translate {FILL} photo.png --mask mask.png", "white all over", photo_and(mask(255))),
    Case(
        "a folder without the mask",
        f"translate {FILL} photo.png --mask masks",
        "no mask called photo.png",
        photo_and(lambda h: photo(h, "masks/other.png")),
    ),
    Case("tiny tiles", f"translate {ENLARGE} photo.png --tile-px 4", "--tile-px is 4; needed: 16 to 8192", photo),
    Case(
        "one file for two",
        f"translate {ENLARGE} photo.png b.png --out c.png",
        "one file for 2 pictures",
        photo_and(lambda h: photo(h, "b.png")),
    ),
    Case("the input as output", f"translate {ENLARGE} photo.png --out photo.png", "photo.png", photo),
    Case("an unknown format", f"translate {ENLARGE} photo.png --out c.xyz", "pictures are written as", photo),
    Case(
        "four bands for three",
        f"translate {ENLARGE} four.tif",
        "a picture of 4 channels; the run translates pictures of 3",
        four_bands,
    ),
    Case("signed numbers", f"translate {ENLARGE} signed.tif", "holds int16; needed: uint8, uint16 or float32", signed),
    Case(
        "something else there",
        f"translate {ENLARGE} photo.png --out c.png",
        "is there already",
        photo_and(lambda h: photo(h, "c.png")),
    ),
    Case(
        "a clip for holes",
        f"translate {FILL} frames --clip --mask mask.png",
        "give pictures, not clips",
        lambda h: [folder(h, "frames"), half_mask(h)],
    ),
    Case("no device", f"translate {ENLARGE} photo.png --device tpu", "device is 'tpu'", photo),
    Case("no way", "degrade photo.png", "nothing says how pictures shall be made worse", photo),
    Case("two ways", "degrade photo.png --upscale 4 --gray", "--upscale and --gray are several ways", photo),
    Case("by three", "degrade photo.png --upscale 3", "needed: 2, 4 or 8", photo),
    Case("lengths without blur", "degrade photo.png --gray --most-px 9", "are of --blur", photo),
    Case("wrong lengths", "degrade photo.png --blur motion --least-px 20", "motion blur from 20 to 13", photo),
    Case("a whole hole", "degrade photo.png --hole box --share 1.5", "share of the area", photo),
    Case("a negative seed", "degrade photo.png --gray --seed -1", "--seed is -1", photo),
    Case(
        "two of one name",
        "degrade photos photo.png --gray",
        "has the same name",
        photo_and(lambda h: photo(h, "photos/photo.jpg")),
    ),
    Case(
        "too small to shrink",
        "degrade dot.png --upscale 8",
        "cannot be made 8 times smaller",
        lambda h: photo(h, "dot.png", 4, 30),
    ),
    Case(
        "no partner",
        "score made true --pairs",
        "no picture of this name in",
        lambda h: [folder(h, "made"), folder(h, "true", 5)],
    ),
    Case(
        "two sizes",
        "score photo.png b.png --pairs",
        "the same size and channels",
        photo_and(lambda h: photo(h, "b.png", 21)),
    ),
    Case(
        "a file and a folder", "score photo.png photos --pairs", "give two pictures or two folders", photo_and(folder)
    ),
    Case(
        "all border",
        "score photo.png b.png --pairs --border-px 10",
        "leaves nothing",
        photo_and(lambda h: photo(h, "b.png")),
    ),
    Case(
        "a border of maps", "score photo.png b.png --border-px 4", "add --pairs", photo_and(lambda h: photo(h, "b.png"))
    ),
    Case("one protocol and another", "compare one.json other.json", "different numbers", scored_twice),
    Case("no evaluation of pairs", "compare other.json", "not an evaluation of translated pictures", scored(rows=3)),
    Case("no data", "train translate/upscale --out new", "no data is given"),
    Case("large crops", f"{TRAIN} --data.crop-px 64", "shortest side of a picture is 20", folder),
    Case("crops between", f"{TRAIN} --data.crop-px 18", "a multiple of 4", folder),
    Case("a large batch", f"{TRAIN} --data.crop-px 16 --batch 99", "batch is 99, but there are 5 pairs", folder),
    Case("no folder of sources", "train translate/pairs --data photos --out new", "no folder 'source' in it", folder),
    Case(
        "several sizes",
        f"{PAIRS} --data.size-px none --data.jitter-px none --data.crop-px none",
        "several sizes|2 times|px",
        lambda h: [pairs(h), photo(h, "pairs/source/1.png", 24, 24), photo(h, "pairs/target/1.png", 24, 24)],
    ),
    Case(
        "levels that do not fit",
        f"{PAIRS} --data.size-px 48 --data.jitter-px none --data.crop-px 48",
        "multiples of 64",
        pairs,
    ),
    Case(
        "a discriminator that is too deep",
        f"{PAIRS} --generator.levels 3 --discriminator.layers 5 --data.size-px 64",
        "needs .* px",
        pairs,
    ),
    Case("enlarging by a unet", f"{TRAIN} --data.crop-px 16 --generator.name unet", "not 4 times as large", folder),
    Case("no such loss", f"{PAIRS} --content [l3]", "l3", pairs),
    Case("a hole without one", f"{PAIRS} --discriminator-sees hole", "discriminator_sees is hole", pairs),
    Case("nothing to learn by", f"{PAIRS} --content [] --adversarial 0", "nothing to learn by|content", pairs),
    Case("jitter without crops", f"{PAIRS} --data.crop-px none", "data.jitter_px enlarges", pairs),
    Case("half a pair held out", f"{PAIRS} --data.held-out 1.5", "a whole number of pairs", pairs),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_one_line(case: Case, translators: Path, here: Path, limner: CommandLine) -> None:
    command = case.command
    for name, run in ((ENLARGE, "enlarge"), (FILL, "fill"), (PAINT, "paint")):
        command = command.replace(name, str(translators / run))
    check_mistake(Case(case.name, command, case.says, case.build), here, limner)
