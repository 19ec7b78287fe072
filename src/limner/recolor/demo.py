"""`limner demo recolor`: the recolor room's story on photos that come with scikit-image, each real command before it
runs.

A coffee cup takes the colors of a launch at dusk, with pictures of how; every method does the same, with numbers; a cat
is warmed wholly, by half, and with its lightness kept; a drone scene is brought to the colors of the areas that a
network learned from. All goes into one report.
"""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from skimage import data

from limner.datasets.pictures.decoding import decode
from limner.foundation.files.records import Made
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import say
from limner.recolor.recoloring.options import ALL_METHODS, PLAIN, RecolorOptions
from limner.recolor.recoloring.recolor import recolor_files
from limner.reporting.pictures import resized, to_display, write_picture
from limner.reporting.report import Report
from limner.scenes.rasters import Window, open_raster

PLACES = Path(str(resources.files("limner") / "bundled" / "places"))
SCENE, LEARNED = Path("banepa/images/banepa.tif"), Path("kampala-1/images/kampala-1.tif")
PHOTOS = {
    "coffee": ("Pikolo Espresso Bar, by Rachel Michetti", "CC0"),
    "rocket": ("launch of DSCOVR on Falcon 9, by SpaceX", "public domain"),
    "chelsea": ("Chelsea the cat, by Stefan van der Walt", "CC0"),
}
"""Of scikit-image's: what they show and who took them, and the licence that scikit-image states."""
SHOWN_PX, QUICK_PX = 1024, 120
SCORES = {
    "closed": "closed",
    "ssim": "SSIM",
    "gradient_correlation": "gradient correlation",
    "chroma_ratio": "chroma ratio",
    "banding": "banding",
    "blotches": "blotches",
    "halos": "halos",
    "opacity": "opacity",
}
"""Of `limner.recolor.scoring.score.TransferScore`, and what the report calls them."""
MISLED = (
    "The table takes the blue of the sky and the saucer a brown that is near black, though no sky is like a table: "
    "regions are matched by how they look, not by what they are."
)


@dataclass(frozen=True)
class Step:
    """One command of the story."""

    picture: Path
    like: str
    out: Path
    options: RecolorOptions = PLAIN
    explain: bool = False

    @property
    def command(self) -> str:
        """As it is typed."""
        given = {name: value for name, value in vars(self.options).items() if value != getattr(PLAIN, name)}
        shown = [word for name, value in given.items() for word in _option(name, value)]
        explain = ["--explain"] if self.explain else []
        words = ["limner", "recolor", self.picture, "--like", self.like, *shown, "--out", self.out, *explain]
        return shlex.join(map(str, words))

    def run(self) -> Made:
        """Show the command, then do what it does."""
        say(f"$ {self.command}")
        return recolor_files([self.picture], [self.like], self.out, self.options, explain=self.explain)[0]


def run_demo(out: Path, *, quick: bool = False) -> Path:
    """Run the story in folder ``out`` and give the report's path; a repeated call goes on where it stopped.

    quick: on tiny photos, to see that all works.
    """
    _write_photos(make_folder(out) / "photos", QUICK_PX if quick else None)
    scene = out / "scenes" / SCENE.name
    if not scene.exists():
        shutil.copy(PLACES / SCENE, make_folder(scene.parent) / scene.name)
    coffee, rocket, chelsea = (out / "photos" / f"{name}.png" for name in PHOTOS)
    warm = {"whole": PLAIN, "half": RecolorOptions(strength=0.5), "lightness-kept": RecolorOptions(keep_luminance=True)}

    say("\n1. A cup of coffee in the colors of a launch at dusk, with pictures of how it was done.")
    dusk = Step(coffee, str(rocket), out / "dusk", explain=True)
    done = dusk.run()
    say("\n2. The same by every method, on one sheet with numbers.")
    methods = Step(coffee, str(rocket), out / "methods", RecolorOptions(method=ALL_METHODS))
    sheet = methods.run()
    say("\n3. A cat in the colors of the coffee: wholly, by half, and with its lightness kept.")
    cats = [Step(chelsea, str(coffee), out / f"warm-{name}", options) for name, options in warm.items()]
    for step in cats:
        step.run()
    say("\n4. A drone scene of Banepa, Nepal, in the colors of the places that the bundled network learned from.")
    harmonized = Step(scene, "buildings", out / "harmonized")
    matched = harmonized.run()

    report = Report("limner demo recolor", "One picture in the colors of another, region by region")
    _add_dusk(report, dusk, done)
    _add_methods(report, sheet)
    _add_cats(report, cats, list(warm))
    _add_scene(report, scene, matched.path)
    report.section("The commands").command([step.command for step in (dusk, methods, *cats, harmonized)])
    _add_sources(report)
    path = report.write(out / "report.html")
    say(f"\nThe whole story in pictures: {path}")
    say("Now with your own: limner recolor YOUR_PHOTO --like A_PHOTO_WITH_THE_COLORS --explain")
    return path


def _option(name: str, value: object) -> list[str]:
    flag = "--" + name.replace("_", "-")
    return [flag] if value is True else [flag, str(value)]


def _write_photos(folder: Path, longest_px: int | None) -> None:
    """scikit-image's photos as files."""
    for name in PHOTOS:
        path = make_folder(folder) / f"{name}.png"
        if not path.exists():
            photo = np.asarray(getattr(data, name)())
            write_picture(path, photo if longest_px is None else resized(photo, longest_px))


def _add_dusk(report: Report, step: Step, done: Made) -> None:
    numbers = done.numbers
    report.facts(
        {
            "color distance closed": f"{numbers['closed']:.0%}",
            "SSIM with the target": numbers["ssim"],
            "superpixels": numbers["target superpixels"],
            "seconds": f"{numbers['seconds']:.1f}",
        }
    )
    report.section("A cup at dusk").pictures(
        [(_pixels(step.picture), "target"), (_pixels(step.like), "reference"), (_pixels(done.path), "result")],
        "Both photos are cut into superpixels, each described by features of a network. Each superpixel of the cup "
        "takes the mean color of those of the launch that look like it, and each pixel a mean of what the superpixels "
        "became that fit it.",
    )
    report.text(MISLED)
    explained = step.out / f"{step.picture.stem}-explained"
    report.section("How it was done").picture(
        _pixels(explained / "superpixels.png"),
        "The target's superpixels: small connected regions, each of about one color.",
    )
    report.picture(
        _pixels(explained / "attention.png"),
        "What six of them look at. The brighter, the larger the share of the new color that comes from there; the "
        "ring is "
        f"around the largest. The median superpixel of this picture looks at {numbers['perplexity']:.1f}.",
    )
    report.picture(
        _pixels(explained / "matches.png"),
        "The launch in regions of like color, and the cup in the colors of the regions that it looks at.",
    )
    report.picture(
        _pixels(explained / "stages.png"),
        "What each superpixel becomes is a mosaic. Its colors are spread to the reference's whole palette, then fused "
        "to a smooth picture, and last the grain of the target is put back.",
    )
    report.text(f"Every match as numbers: {explained / 'matches.csv'}.")


def _add_methods(report: Report, sheet: Made) -> None:
    report.section("The same by every method").picture(
        sheet.path,
        "All but superpixel and sct are one function of the color: what is of one color stays of one color.",
    )
    report.table(
        ("method", *SCORES.values()),
        [(name, *(score[key] for key in SCORES)) for name, score in sheet.numbers["methods"].items()],
        "closed: the share of the distance to the reference's colors that is gone. SSIM and gradient correlation: "
        "what is kept of the target's structure. chroma ratio: 1 is as colorful as the reference. banding: steps in "
        "smooth areas.",
    )
    report.picture(
        sheet.path.with_name(sheet.path.name.replace("-methods.jpg", "-trade-off.png")),
        "Reaching the colors against keeping the structure: upper right is better. One pair of photos ranks no "
        "methods; which method when stands in the documentation.",
    )


def _add_cats(report: Report, steps: Sequence[Step], names: Sequence[str]) -> None:
    results = [
        (_pixels(step.out / step.picture.name), name.replace("-", " ")) for step, name in zip(steps, names, strict=True)
    ]
    report.section("As much of it as you like").pictures(
        [(_pixels(steps[0].picture), "target"), (_pixels(steps[0].like), "reference"), *results],
        "--strength 0.5 goes half of the way; --keep-luminance takes hue and chroma only.",
    )


def _add_scene(report: Report, scene: Path, harmonized: Path) -> None:
    report.section("A scene in the colors that a network knows").pictures(
        [
            (_middle(scene), "the scene"),
            (_middle(harmonized), "harmonized"),
            (_middle(PLACES / LEARNED), "one of the places that were learned from"),
        ],
        "The middle of the scene. One map of colors for the whole scene, found from the means and covariances of both "
        "sides, so that it works for scenes of any size; the file stays the GeoTIFF that it was. limner segment "
        "--harmonize mkl does this on the fly.",
    )


def _pixels(path: Path | str) -> np.ndarray:
    """A photo's pixels, which a report holds as a JPEG, in fewer bytes than a PNG."""
    return np.asarray(decode(Path(path), "rgb"))


def _middle(path: Path) -> np.ndarray:
    """The middle of a raster, at most `SHOWN_PX` wide and high, to look at."""
    with open_raster(path) as raster:
        height, width = min(raster.height, SHOWN_PX), min(raster.width, SHOWN_PX)
        pixels = raster.read(Window((raster.height - height) // 2, (raster.width - width) // 2, height, width))
    return to_display(pixels.values, pixels.valid)


def _add_sources(report: Report) -> None:
    rows = [(f"photos/{name}.png", f"{what}; from scikit-image", licence) for name, (what, licence) in PHOTOS.items()]
    rows.append((f"scenes/{SCENE.name}", "Drone imagery of Banepa, Nepal, OpenAerialMap; producer HOTOSM", "CC BY 4.0"))
    rows.append((LEARNED.stem, "Drone imagery near Kampala, Uganda, OpenAerialMap, by way of HOT", "CC BY 4.0"))
    report.section("Sources").table(("file", "what it shows", "licence"), rows)
