"""Mapping a scene: the map over it, where it is unsure, footprints, files."""

from collections.abc import Sequence
from pathlib import Path

from limner.foundation.files.suffixes import RASTERS
from limner.reporting.pictures import class_colors
from limner.reporting.tables import percent
from limner.studio.fields import CheckField, ChoiceField, FileField, NumberField, RunField, Values
from limner.studio.folder import WORK
from limner.studio.jobs import Job
from limner.studio.page import Block, Output, Page, comparison, facts, files, layers, text
from limner.studio.pages.addresses import shown

NAMES = {
    "polygons": "footprints as polygons (GeoPackage)",
    "classes": "the map (GeoTIFF of classes)",
    "entropy": "doubt (GeoTIFF, bits)",
    "probability": "probabilities (GeoTIFF)",
    "preview": "a picture of the map (PNG)",
    "style": "style for QGIS",
    "record": "how it was made (JSON)",
}
UNSURE = (
    "Where the map is magenta the network hesitates. A place that looks unlike the training areas may be wrong without "
    "any doubt: compare with what you know."
)


def words(values: Values, place: str) -> list[str]:
    """`limner segment`."""
    told = ["segment", values["run"], values["scene"], "--entropy", "--out", f"{place}/maps"]
    if values["normalize"] != "auto":
        told += ["--normalize", values["normalize"]]
    if values["threshold"] is not None:
        told += ["--threshold", f"{values['threshold']:g}"]
    if values["ground_m"] is not None:
        told += ["--ground-m", f"{values['ground_m']:g}"]
    return [*told, *(f"--{name}" for name in ("tta", "crf", "regularize", "probabilities") if values[name])]


def show(output: Output) -> Sequence[Block]:
    """The map over its scene, and its files."""
    made = (output.as_json() or [None])[0]
    if made is None:
        return []
    places = {name: output.folder.inside(made[name]) for name in NAMES if made[name] is not None}
    scene = output.folder.inside(output.job.values["scene"])
    classes = places["classes"]
    over = [{"name": "map", "source": shown(output, "classes", classes), "on": True, "strength": 55}]
    if "polygons" in places and places["polygons"].exists():
        source = shown(output, "outlines", places["polygons"], scene)
        over.append({"name": "footprints", "source": source, "on": True, "strength": 100})
    if "entropy" in places:
        over.append({"name": "doubt", "source": shown(output, "doubt", places["entropy"]), "on": False, "strength": 80})
    blocks: list[Block] = [text(line, caution=True) for line in made["cautions"]]
    shares = {name: f"{percent(share)} %" for name, share in list(made["shares"].items())[1:]}
    polygons = {} if made["polygon_count"] is None else {"polygons": f"{made['polygon_count']:,}"}
    blocks.append(facts({**shares, **polygons, "mapped in": f"{made['seconds']:.1f} s"}))
    caption = "The scene with what was made of it; switch each layer, and make it paler. " + UNSURE
    blocks += _before_and_after(output, classes, scene)
    blocks.append({**layers(shown(output, "scene", scene), over, caption), "legend": _legend(list(made["shares"]))})
    there = [(output.named(Path(path)), NAMES[name]) for name, path in places.items() if path.exists()]
    return [*blocks, files(there)]


def map_of(output: Output, scene: str, run: str) -> Job | None:
    """The newest job that mapped a scene by a run."""
    return next((job for job in _maps(output, scene) if job.values.get("run") == run), None)


def _maps(output: Output, scene: str) -> list[Job]:
    """Jobs that mapped a scene, the newest first."""
    made = (job for job in output.jobs if job.page == "segment" and job.state == "done")
    return [job for job in made if job.values.get("scene") == scene]


def _before_and_after(output: Output, classes: Path, scene: Path) -> list[Block]:
    """This map beside the one that another run made of the scene, under a slider, if there is one."""
    values, began = output.job.values, output.job.began or 0.0
    others = (job for job in _maps(output, values["scene"]) if job.values.get("run") != values["run"])
    job = next((job for job in others if (job.began or 0.0) < began), None)
    if job is None:
        return []
    earlier = output.folder.root / WORK / job.id / "maps" / classes.name
    if not earlier.exists():
        return []
    names = job.values["run"], values["run"]
    before, after = (shown(output, "overlay", path, scene) for path in (earlier, classes))
    caption = f"Before and after: the scene as {names[0]} maps it ({job.id}), and as {names[1]} does."
    return [comparison(before, after, names, caption)]


def _legend(names: Sequence[str]) -> list[tuple[str, str]]:
    """The color of each class but the background, for the page."""
    colors = class_colors(len(names))
    return [(name, f"rgb({', '.join(map(str, colors[number]))})") for number, name in enumerate(names) if number]


SEGMENT = Page(
    name="segment",
    short="Map",
    title="Map a scene",
    line="Every pixel of a satellite or drone scene gets a class: a map, footprints, and where it is unsure.",
    fields=(
        FileField(
            "scene", "Scene", "GeoTIFF, PNG or JPEG, of any size.", needed=True, suffixes=RASTERS,
            examples=(("banepa", "Banepa, Nepal (bundled)"), ("kampala", "Kampala, Uganda (bundled)")),
        ),
        RunField(
            "run", "Run", "A training of yours, or a bundled model: buildings.", default="buildings", needed=True,
            room="segment",
        ),
        ChoiceField(
            "normalize", "Colors", "By what the scene's colors are standardized.", default="auto", needed=True,
            choices=(
                ("auto", "as the run was trained"), ("scene", "the scene's own"), ("run", "the training areas'"),
            ),
        ),
        NumberField(
            "threshold", "Threshold", "The probability from which on a pixel is an object; empty: the run's own.",
            default=None, minimum=0.01, maximum=0.99, step=0.01, whole=False, slider=True, more=True,
        ),
        NumberField(
            "ground_m", "Meters a pixel", "For files that do not say.", default=None, minimum=0.001, maximum=1000,
            step=0.001, whole=False, more=True,
        ),
        CheckField("tta", "Average over flips and quarter turns", "Eight times as long.", more=True),
        CheckField("crf", "Borders where colors change", "A fully connected CRF.", more=True),
        CheckField("regularize", "Footprints with right angles", more=True),
        CheckField("probabilities", "Write the probabilities, too", more=True),
    ),
    words=words,
    show=show,
    begin="Map it",
    as_json=True,
)  # fmt: skip
