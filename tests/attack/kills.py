"""Kills every verb that writes at random moments, runs it again, and holds what it left against an undisturbed one's.

    python tests/attack/kills.py kills COUNT FOLDER [SEED] [NAME ...]
    python tests/attack/kills.py two COUNT FOLDER [SEED] [NAME ...]

kills: COUNT kills in all, spread evenly over the commands. two: each command COUNT times beside itself, in one place.
Prints a JSON line for each, with ``fault`` None where all is right. NAMES are those of `commands`; all without one.

A command is right if, after a kill, no file of a verb that writes single files stands cut short under its good name,
and if the same command then ends with 0 and leaves the files of the undisturbed one, no more and no less, with the same
bytes. Where two undisturbed ones differ (times, versions of a database), the contents count: see `content_of`.
Commands are processes forked from this one, which has imported torch, and killed by SIGKILL with all their children.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import pyogrio
import torch

import limner.learning.loop.training  # noqa: F401  # before the fork: importing it takes longer than most commands
from drawing import draw_area, draw_mask, draw_polygons, draw_scene, write_raster
from drawn_cityscapes import write_cityscapes
from drawn_photos import draw_photo
from drawn_pictures import draw_balls, draw_shape, save_boxes
from drawn_tunes import draw_tunes
from drawn_videos import encode, moving_gradient
from limner.cli import main as command_line
from limner.reporting.pictures import write_picture

PATIENCE_S = 300.0
MAPPING = ["--tile-px", "64", "--overlap-px", "32", "--batch", "1"]
QUICK = ["--network.name", "lite-unet", "--network.pretrained", "false", "--network.width", "4", "--loop.precision",
         "fp32", "--batch", "2", "--steps-per-epoch", "4", "--data.tile-px", "96", "--data.crop-px", "64",
         "--data.stride-px", "64", "--loop.checkpoint-minutes", "0", "--loop.log-every", "1"]  # fmt: skip
MAKING = ["--batch", "4", "--kimg", "0.08", "--scores.every-kimg", "0.04", "--scores.samples", "16",
          "--data.held-out", "10", "--loop.checkpoint-minutes", "0"]  # fmt: skip
SAYING = ["--batch", "4", "--kimg", "0.016", "--likelihood", "2", "--data.size-px", "16", "--data.frames", "3",
          "--data.held-out", "4", "--generator.hidden", "8", "--discriminator.hidden", "8", "--generator.width", "2",
          "--discriminator.width", "2", "--scores.samples", "16"]  # fmt: skip
SOLIDS = ["--batch", "4", "--kimg", "0.016", "--data.held-out", "4", "--generator.width", "2", "--discriminator.width",
          "2", "--scores.samples", "16"]  # fmt: skip
CLIPS = ["--batch", "4", "--kimg", "0.016", "--data.size-px", "32", "--data.held-out", "4", "--generator.width", "2",
         "--discriminator.width", "2", "--scores.samples", "16"]  # fmt: skip
TUNES = ["--kimg", "0.016", "--batch", "8", "--bars", "2", "--data.held-out", "4", "--scores.samples", "16",
         "--generator.width", "2", "--generator.latent", "4", "--discriminator.width", "2"]  # fmt: skip
TELLING = ["--batch", "8", "--epochs", "2", "--loop.checkpoint-minutes", "0"]
PAIRING = ["--epochs", "2", "--steps-per-epoch", "3", "--batch", "2", "--data.held-out", "2", "--loop.precision",
           "fp32", "--data.size-px", "32", "--data.jitter-px", "none", "--data.crop-px", "32", "--generator.levels",
           "3", "--generator.width", "4", "--loop.checkpoint-minutes", "0"]  # fmt: skip
BOXING = ["--epochs", "2", "--batch", "4", "--data.short-px", "64", "--data.longest-px", "96", "--data.group", "none",
          "--loop.precision", "fp32", "--network.width", "8", "--network.hidden", "8", "--network.proposals", "16",
          "--network.regions", "8", "--loop.evaluate-every", "1", "--loop.checkpoint-minutes", "0"]  # fmt: skip
VOLATILE = re.compile(
    rb'"?(seconds|time|created|finished|started|date|duration|rate|process|host|updated)"?:? *"?[^,\n}<]*'
    rb'|"stages": \{[^}]*\}'
    rb'|"(polygons|holds)": "[0-9a-f]{16}"'
    rb"|([\d.,]+ ?(s|ms|min|h|seconds?|minutes?|images/s|crops/s|steps/s)\b ?)+"
    rb"|\d{4}-\d\d-\d\d[T ][\d:.+Z-]*|id=\"[^\"]*\""
    rb"|#[a-z]?[0-9a-f]{6,}"
)
OTHER_AFTER_A_KILL = ("checkpoint/state-before.pt",)
"""The checkpoint before the newest: of which step, says where the command was killed."""
TIMED = (".json", ".md", ".html", ".yaml")
"""Of files that say how long something took."""


@dataclass(frozen=True)
class Command:
    """tokens: of `limner`, in a folder that holds the inputs. made: what it leaves there. parts: whether what it makes
    grows file by file, so that a killed one leaves some of it."""

    tokens: list[str]
    made: tuple[str, ...]
    parts: bool = False


COMMANDS = {
    "train maps": Command(["train", "segment/demo", "--data", "town", "--out", "new", "--epochs", "3", *QUICK],
                          ("new",), parts=True),
    "train GAN": Command(["train", "generate/tiny", "--data", "boxes", "--out", "new", *MAKING], ("new",), parts=True),
    "train classes": Command(["train", "classify/lenet-digits", "--data", "kinds", "--out", "new", *TELLING], ("new",),
                             parts=True),
    "train pairs": Command(["train", "translate/pairs-l1", "--data", "pairs", "--out", "new", *PAIRING], ("new",),
                           parts=True),
    "train boxes": Command(["train", "detect/mask-rcnn-light", "--data", "balls", "--out", "new", *BOXING], ("new",),
                           parts=True),
    "study": Command(["study", "classify/lenet-digits", "--grid", "network.pool=max,average", "--seeds", "2", "--data",
                      "kinds", "--batch", "8", "--steps", "4", "--out", "new"], ("new",), parts=True),
    "refine": Command(["refine", "run", "scene.tif", "--labels", "roofs.gpkg", "--out", "new", "--epochs", "2",
                       "--steps-per-epoch", "3", "--batch", "2"], ("new",), parts=True),
    "evaluate": Command(["evaluate", "run", "--data", "town", "--out", "e.json", "--errors", "wrong"],
                        ("e.json", "wrong"), parts=True),
    "compare": Command(["compare", "run", "other=run", "--out", "t.tex"], ("t.tex",)),
    "check": Command(["check", "town", "--out", "sheet.png"], ("sheet.png",)),
    "segment": Command(["segment", "run", "scene.tif", "--out", "maps", "--probabilities", "--entropy", *MAPPING],
                       ("maps",), parts=True),
    "segment changes": Command(["segment", "run", "scene.tif", "--before", "before.tif", "--out", "maps", *MAPPING],
                               ("maps",), parts=True),
    "score": Command(["score", "truth.tif", "roofs.gpkg", "--errors", "wrong.tif"], ("wrong.tif",)),
    "cutouts": Command(["cutouts", "city", "--object", "car", "--no-filter", "--out", "cars"], ("cars",), parts=True),
    "generate": Command(["generate", "made", "-n", "24", "--out", "new"], ("new", "new-grid.png"), parts=True),
    "generate walk": Command(["generate", "made", "-n", "3", "--interpolate", "walk.gif"], ("walk.gif", "walk.gif.json",
                             "walk.json"), parts=True),
    "generate solids": Command(["generate", "carver", "-n", "2", "--out", "new"], ("new", "new.json")),
    "generate clips": Command(["generate", "mover", "-n", "2", "--out", "new"], ("new", "new.json")),
    "generate music": Command(["generate", "player", "-n", "2", "--out", "new"], ("new", "new.json")),
    "fid": Command(["fid", "boxes", "boxes2", "--features", "efficientnet-lite0"], ("cache",), parts=True),
    "recolor": Command(["recolor", "photos", "--like", "like.png", "--method", "mkl", "--out", "done"],
                       ("done",), parts=True),
    "recolor explained": Command(["recolor", "photos/0.png", "--like", "like.png", "--explain", "--out", "done"],
                                 ("done",), parts=True),
    "recolor scene": Command(["recolor", "scene.tif", "--like", "before.tif", "--out", "done"], ("done",), parts=True),
    "recolor clip": Command(["recolor", "clip.mp4", "--like", "like.png", "--method", "mkl", "--out", "done.mp4"],
                            ("done.mp4", "done.mp4.json"), parts=True),
    "recolor look": Command(["recolor", "photos/0.png", "--like", "like.png", "--method", "mkl", "--out", "look.cube"],
                            ("look.cube", "look.cube.json"), parts=True),
    "classify": Command(["classify", "told", "photos", "--out", "seen"], ("seen",)),
    "detect": Command(["detect", "finder", "photos", "--min-score", "0", "--most", "3", "--out", "seen"], ("seen",)),
    "look": Command(["look", "told", "photos/0.png", "--out", "look.html"], ("look.html",)),
    "export": Command(["export", "told", "--format", "torch", "--out", "told.pt"], ("told.pt",)),
    "caption": Command(["caption", "teller", "clip.mp4", "--out", "said.csv"], ("said.csv",)),
    "push": Command(["push", "told", "--out", "hub", "--overwrite"], ("hub",)),
    "translate": Command(["translate", "painter", "photos", "--tile-px", "64", "--out", "done"], ("done",), parts=True),
    "translate scene": Command(["translate", "painter", "before.tif", "--tile-px", "64", "--out", "done.tif"],
                               ("done.tif", "done.tif.json")),
    "translate clip": Command(["translate", "painter", "clip.mp4", "--out", "done.mp4"],
                              ("done.mp4", "done.mp4.json"), parts=True),
    "degrade": Command(["degrade", "photos", "--blur", "motion", "--out", "worse"], ("worse", "worse.json")),
    "draw": Command(["draw", "world", "--pictures", "24", "--clips", "4", "--size-px", "16", "--out", "drawn"],
                    ("drawn", "drawn.json")),
}  # fmt: skip
"""Every verb that writes, once in each of its ways."""
WRITE_NOTHING = ("recipes", "networks", "inspect", "doctor")
"""The verbs that print alone."""
RUN_THESE = ("demo", "studio")
"""The verbs that run others."""


def draw_inputs(folder: Path) -> None:
    """All that the commands read, with a run of each room."""
    folder.mkdir(parents=True)
    os.chdir(folder)
    draw_area(Path("town"), 3)
    draw_scene(Path("scene.tif"), 300, 330)
    draw_scene(Path("before.tif"), 300, 330, seed=8)
    write_raster(Path("truth.tif"), draw_mask(300, 330))
    draw_polygons(Path("roofs.gpkg"))
    write_cityscapes(Path("city"), splits=("train",), count=4)
    save_boxes(Path("boxes"), 24)
    save_boxes(Path("boxes2"), 24, first=100)
    for number in range(6):
        draw_photo(Path(f"photos/{number}.png"), seed=number, height=120, width=160)
    draw_photo(Path("like.png"), seed=99)
    Path("pairs/source").mkdir(parents=True)
    Path("pairs/target").mkdir()
    encode(Path("clip.mp4"), moving_gradient(24))
    for kind in ("disk", "box"):
        Path("kinds", kind).mkdir(parents=True)
        for number in range(24):
            write_picture(Path("kinds", kind, f"{number}.png"), draw_shape(kind, number))
    draw_balls(Path("balls"), 10)
    Path("tunes.abc").write_text(draw_tunes(24))
    for number in range(12):
        for name, pixels in (("source", 255 - draw_shape("box", number)), ("target", draw_shape("box", number))):
            write_picture(Path("pairs", name, f"{number}.png"), pixels)
    for tokens in (
        ["train", "segment/demo", "--data", "town", "--out", "run", "--epochs", "1", *QUICK],
        ["train", "generate/tiny", "--data", "boxes", "--out", "made", *MAKING],
        ["train", "classify/lenet-digits", "--data", "kinds", "--out", "told", *TELLING],
        ["train", "translate/pairs-l1", "--data", "pairs", "--out", "painter", *PAIRING],
        ["train", "detect/mask-rcnn-light", "--data", "balls", "--out", "finder", *BOXING],
        ["draw", "world", "--clips", "24", "--size-px", "16", "--frames", "4", "--out", "moving"],
        ["draw", "world", "--clips", "24", "--voxels", "24", "--side", "16", "--size-px", "32", "--out", "bodies"],
        ["train", "generate/3d-gan-light", "--data", "bodies/voxels", "--data.side", "16", "--out", "carver", *SOLIDS],
        ["train", "generate/vgan-light", "--data", "bodies", "--out", "mover", *CLIPS],
        ["train", "generate/melody", "--data", "tunes.abc", "--out", "player", *TUNES],
        ["train", "generate/captions", "--data", "moving", "--out", "teller", *SAYING],
    ):
        process = Process(folder, tokens)
        assert process.wait() == 0, process.said()


class Process:
    """A command in a process group of its own. What it says goes beside the folder."""

    def __init__(self, folder: Path, tokens: list[str], number: int = 0) -> None:
        self.told = folder.parent / f"{folder.name}-{number}.txt"
        self.began = time.monotonic()
        self.code: int | None = None
        self.process = os.fork()
        if self.process == 0:
            try:
                os.setpgid(0, 0)
                os.chdir(folder)
                os.environ["LIMNER_CACHE"] = str(folder / "cache")
                # after a fork torch makes its pool of threads anew at the next use, which only one thread may do
                torch.set_num_threads(torch.get_num_threads())
                told = os.open(self.told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
                    os.dup2(told, stream.fileno())
                command_line(tokens)
                os._exit(0)
            except SystemExit as ended:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(ended.code if isinstance(ended.code, int) else 1)
            except BaseException as error:
                print(f"raised {type(error).__name__}: {error}", flush=True)
                os._exit(99)
        with suppress(OSError):  # whoever comes first: a command may be killed before its first line
            os.setpgid(self.process, self.process)

    def wait(self, seconds: float = PATIENCE_S) -> int | None:
        """The exit code, a negative signal, or None after so many seconds."""
        end = self.began + seconds
        while self.code is None:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                return None
            else:
                time.sleep(0.002)
        return self.code

    def kill(self) -> None:
        """Kill it and all that it began."""
        if self.code is None:
            os.killpg(self.process, signal.SIGKILL)
            self.wait()

    def said(self) -> str:
        """The end of what it said."""
        return self.told.read_text(errors="replace")[-400:]


def files_below(folder: Path, made: tuple[str, ...]) -> dict[str, Path]:
    """Every file of what a command makes, by its name there; hidden ones of the folder itself, too."""
    found = {}
    for name in made:
        whole = folder / name
        paths = [whole] if whole.is_file() else sorted(whole.rglob("*"))
        found.update({str(path.relative_to(folder)): path for path in paths if path.is_file()})
    found.update({path.name: path for path in folder.glob(".*") if path.is_file()})
    return found


@cache
def _digest(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files are equal, bit for bit."""
    first, second = (_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in (one, other))
    return first == second


def content_of(path: Path) -> object:
    """What a file holds whose bytes differ from call to call: the features of a GeoPackage, the tensors of a
    checkpoint, and the text of all else without times, rates and marks that were drawn."""
    if path.suffix == ".gpkg":
        info, _, shapes, fields = pyogrio.raw.read(path)
        return (list(info["fields"]), [bytes(shape) for shape in shapes], [list(map(str, field)) for field in fields])
    if path.suffix == ".pt":
        return _flat(torch.load(path, weights_only=True))
    return VOLATILE.sub(b"", path.read_bytes())


def _flat(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, dict):
        return {str(key): _flat(each) for key, each in value.items() if key not in ("seconds", "started")}
    if isinstance(value, list | tuple):
        return [_flat(each) for each in value]
    return value


class Undisturbed:
    """What a command leaves that nobody disturbs, and how long it takes; two of them, to know what always differs."""

    def __init__(self, inputs: Path, place: Path, command: Command) -> None:
        self.command = command
        self.folders = [shutil.copytree(inputs, place / name, symlinks=True) for name in ("one", "two")]
        took = []
        for folder in self.folders:
            process = Process(folder, command.tokens)
            assert process.wait() == 0, process.said()
            took.append(time.monotonic() - process.began)
        self.seconds = min(took)
        one, two = (files_below(folder, command.made) for folder in self.folders)
        assert set(one) == set(two) and one, (set(one) ^ set(two), command)
        self.files = one
        same_step = [name for name in one if not name.endswith(OTHER_AFTER_A_KILL)]
        self.alike = {name for name in same_step if same_bytes(one[name], two[name])}
        rest = set(same_step) - self.alike
        self.by_content = {name for name in rest if content_of(one[name]) == content_of(two[name])}

    def fault_of(self, folder: Path) -> str | None:
        """What differs in another folder; None where nothing does."""
        found = files_below(folder, self.command.made)
        if missing := set(self.files) - set(found):
            return f"lost {sorted(missing)[:3]}"
        if more := set(found) - set(self.files):
            return f"left {sorted(more)[:3]}"
        for name in sorted(self.alike):
            timed = found[name].suffix in TIMED  # two of them may have taken equally long
            if not same_bytes(found[name], self.files[name]) and not (timed and self._equal(name, found[name])):
                return f"{name} has other bytes"
        for name in sorted(self.by_content):
            if not self._equal(name, found[name]):
                return f"{name} holds something else"
        return None

    def _equal(self, name: str, other: Path) -> bool:
        return content_of(other) == content_of(self.files[name])

    def half_file(self, folder: Path) -> str | None:
        """A file of a killed command that stands under a good name and is not what it should be."""
        if self.command.parts and self.command.tokens[0] in ("train", "refine", "study"):
            return None  # a run that has begun, whose files go on
        for name, path in files_below(folder, self.command.made).items():
            if name not in self.alike or path.name.startswith(".") or same_bytes(path, self.files[name]):
                continue
            if not (path.suffix in TIMED and self._equal(name, path)):
                if path.suffix in (".jsonl", ".csv", ".part") or "journal" in name:
                    continue  # grows line by line
                return f"{name} was cut short by the kill"
        return None


def killed(undisturbed: Undisturbed, inputs: Path, folder: Path, chance: random.Random) -> dict[str, object]:
    """One kill, perhaps of a second try as well, and the command again."""
    shutil.copytree(inputs, folder, symlinks=True)
    moments = [chance.uniform(0, 1) for _ in range(chance.choice((1, 1, 2)))]
    reached = []
    fault = None
    for moment in moments:
        process = Process(folder, undisturbed.command.tokens)
        if process.wait(moment * undisturbed.seconds) is None:
            process.kill()
            reached.append(round(moment, 3))
        fault = fault or undisturbed.half_file(folder)
    process = Process(folder, undisturbed.command.tokens)
    if process.wait() != 0:
        fault = fault or f"ended with {process.code}: {process.said()}"
        process.kill()
    fault = fault or undisturbed.fault_of(folder)
    return {"moments": reached, "kills": len(reached), "fault": fault}


def two_at_once(undisturbed: Undisturbed, inputs: Path, folder: Path, chance: random.Random) -> dict[str, object]:
    """The same command twice in one place, the second a little later."""
    shutil.copytree(inputs, folder, symlinks=True)
    later = chance.uniform(0, 0.8) * undisturbed.seconds
    first = Process(folder, undisturbed.command.tokens, 1)
    time.sleep(later)
    second = Process(folder, undisturbed.command.tokens, 2)
    ends = [process.wait() for process in (first, second)]
    fault = None
    for process, code in zip((first, second), ends, strict=True):
        lines = process.said().strip().splitlines()
        if code is None:
            process.kill()
            fault = "hangs"
        elif code != 0 and not (code == 2 and lines and lines[-1].startswith("limner: ")):
            fault = f"ended with {code}: {process.said()}"
    if all(code != 0 for code in ends):
        fault = fault or "neither did the work"
    fault = fault or undisturbed.fault_of(folder)
    return {"later_s": round(later, 2), "codes": ends, "fault": fault}


def main(kind: str, count: int, place: Path, seed: int, names: list[str]) -> None:
    """Print a row for each kill or pair."""
    torch.set_num_threads(1)
    place = place.absolute()
    inputs = place / "inputs"
    if not inputs.exists():
        draw_inputs(inputs)
    attack: Callable[..., dict[str, object]] = killed if kind == "kills" else two_at_once
    names = names or list(COMMANDS)
    for number, name in enumerate(names):
        here = place / f"{kind} {name}".replace(" ", "-")
        shutil.rmtree(here, ignore_errors=True)
        undisturbed = Undisturbed(inputs, here, COMMANDS[name])
        told = {"name": name, "files": len(undisturbed.files), "alike": len(undisturbed.alike),
                "by_content": len(undisturbed.by_content)}  # fmt: skip
        done, turn = 0, 0
        wanted = count if kind == "two" else count // len(names) + (number < count % len(names))
        while done < wanted and turn < 3 * wanted + 9:  # some end before their kill comes
            chance = random.Random(f"{seed} {name} {turn}")
            row = attack(undisturbed, inputs, here / str(turn), chance)
            print(json.dumps({**told, "number": turn, **row}), flush=True)
            done, turn = done + int(str(row.get("kills", 1))), turn + 1
            if row["fault"] is None:
                shutil.rmtree(here / str(turn - 1))
        shutil.rmtree(here / "one")
        shutil.rmtree(here / "two")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    seed = int(arguments.pop(3)) if len(arguments) > 3 and arguments[3].isdecimal() else 0
    main(arguments[0], int(arguments[1]), Path(arguments[2]), seed, arguments[3:])
