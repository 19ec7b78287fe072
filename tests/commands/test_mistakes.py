"""Wrong words on the command line: a line that says what was got, what is needed, and an example; at once, for what
lies nowhere is noticed before torch is imported.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from limner.cli import app
from limner.commands.examples import EXAMPLES
from limner.commands.rooms import words_in

CommandLine = Callable[..., tuple[int, str, str]]
NOWHERE = (
    "segment buildings gone.tif", "segment gone here.tif", "refine gone here.tif --labels a.gpkg",
    "refine buildings gone.tif --labels a.gpkg", "refine buildings here.tif --labels gone.gpkg", "evaluate gone",
    "evaluate buildings --data gone", "evaluate buildings --data . --labels gone.gpkg", "compare gone",
    "compare gone.json",
    "train segment/moden", "train gone.yaml", "train segment/modern --data gone",
    "train segment/modern --data . --within gone.gpkg", "train segment/modern --data . --epoch 3",
    "train segment/modern --data . --no-such-option 3", "train segment/modern --data . --batch many",
    "train segment/modern --data . --batch -3", "train segment/modern --data . --data.jitter much",
    "train segment/modern --data . --normalize sceen", "train generate/best --data . --zebra 1",
    "train segment/modern --data . --data.tile-pxx 3", "train generate/best --data . --btach 3",
    "train generate/best --data . --labels roofs.gpkg", "train segment/modern --data . --loop.patiense 3",
    "generate gone", "generate buildings", "fid gone here",
    "fid . here", "cutouts gone --object car", "recolor gone.jpg --like here.tif", "recolor here.tif --like gone.jpg",
    "score gone.tif truth.tif", "score gone true --pairs", "translate gone gone.png", "translate gone here.tif",
    "degrade gone --gray", "degrade here.tif", "networks gone", "demo gone", "recipes gone", "check . --room gone",
    "draw world", "draw wrld --clips 3",
)  # fmt: skip


def test_what_is_nowhere_is_told_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "here.tif").touch()
    code = """
import json, sys
from limner.cli import main
told = []
for command in json.loads(sys.argv[1]):
    try:
        main(command.split())
    except SystemExit as left:
        told.append((command, left.code, "torch" in sys.modules))
print(json.dumps(told))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(NOWHERE)], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert [command for command, code, torch in told if code != 2 or torch] == []
    assert len(told) == len(NOWHERE)
    assert len(done.stderr.splitlines()) == len(NOWHERE)
    assert all(line.startswith("limner: ") for line in done.stderr.splitlines())
    assert [path.name for path in tmp_path.iterdir()] == ["here.tif"]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("trian x", "no verb 'trian'; did you mean 'train'?"),
        (
            "segment",
            "RUN is missing: A run's folder, 'last', or a bundled model such as 'buildings'; "
            "for example: limner segment buildings scene.tif",
        ),
        (
            "segment buildings",
            "SCENES is missing: GeoTIFF, PNG or JPEG scenes of any size; or LIST.txt, a 'pattern*', or - for a list on "
            "stdin; "
            "for example: limner segment buildings scene.tif",
        ),
        ("segment town.tif", "town.tif is a scene; name a run first: limner segment buildings town.tif"),
        ("segment --out maps a/b.png", "a/b.png is a scene; name a run first: limner segment buildings a/b.png"),
        (
            "refine town.tif --labels a.gpkg",
            "town.tif is a scene; name a run first: limner refine buildings town.tif",
        ),
        (
            "cutouts x",
            "--object is missing: What to cut out, such as car; repeat for several; "
            "for example: limner cutouts cityscapes --object car",
        ),
        (
            "segment buildings a.tif --out",
            "--out needs a value: Folder for the maps; for example: limner segment buildings scene.tif",
        ),
        (
            "segment buildings a.tif --polygons shp",
            "--polygons is 'shp'; needed: gpkg, geojson or none, such as --polygons gpkg",
        ),
        (
            "segment buildings a.tif --tile-px three",
            "--tile-px is 'three'; needed: a whole number, such as --tile-px 512",
        ),
        ("segment buildings a.tif --ground-m far", "--ground-m is 'far'; needed: a number, such as --ground-m 0.5"),
        ("segment buildings a.tif --batch 2 --batch 3", "--batch is given twice; keep one"),
        (
            "score a.tif b.tif c.tif",
            "limner score takes no word 'c.tif'; for example: limner score map.tif truth.tif",
        ),
        ("doctor --josn", "limner doctor has no option --josn; did you mean '--json'?"),
        ("doctor --please", "limner doctor has no option --please; limner doctor --help lists them"),
        (
            "evaluate buildings --normalise run",
            "limner evaluate has no option --normalise in the room segment; did you mean '--normalize'?",
        ),
        ("evaluate buildings --bands 3,x", "--bands got 'x'; needed: numbers of bands from 1, such as 3,2,1"),
        (
            "networks --channels 4",
            "--channels is no option of limner networks; rooms that have it: segment, generate, classify, "
            "translate, detect",
        ),
        (
            "compare",
            "RUNS is missing: Runs, evaluation files, folders of made pictures, or NAME=any of these; "
            "for example: limner compare runs/modern-001 runs/residual-34-001",
        ),
    ],
)
def test_wrong_words_are_answered_in_one_plain_line(command: str, says: str, here: Path, limner: CommandLine) -> None:
    assert limner(*command.split()) == (2, "", f"limner: {says}\n")


def test_every_verb_has_three_examples_of_itself_that_its_help_ends_with(limner: CommandLine) -> None:
    assert set(EXAMPLES) == {name for name in app if not name.startswith("-")}
    for verb, examples in EXAMPLES.items():
        out = limner(verb, "--help")[1]
        assert len(set(examples)) == 3
        for example in examples:
            assert example.split()[:2] == ["limner", verb]
            assert f"  {example}\n" in out, example


def test_help_is_in_groups_of_input_method_and_output(limner: CommandLine) -> None:
    for verb in ("segment", "recolor", "generate", "fid", "cutouts"):
        assert re.findall(r"^╭─ (\w+) ", limner(verb, "--help")[1], re.MULTILINE) == ["Input", "Method", "Output"]
    for verb in EXAMPLES:
        assert "─ Parameters " not in limner(verb, "--help")[1], verb


def test_the_help_of_train_with_a_recipe_has_its_settings_and_without_one_says_how_to_see_them(
    limner: CommandLine,
) -> None:
    out = limner("train", "segment/residual-34", "--help")[1]
    for line in (
        "Settings of segment/residual-34, which can follow:", "  --network.depth 34\n", "  --batch 8  ",
        "--labels PATH", "  --schedule.every-epochs 30.0\n", "  --loop.precision fp32 ",
    ):  # fmt: skip
        assert line in out
    assert "--data.labels" not in out  # it stands above as --labels
    out = limner("train", "generate/tiny", "--help")[1]
    assert "  --generator.width 16\n" in out
    assert "--labels PATH" not in out
    out = limner("train", "--help")[1]
    assert "limner train RECIPE --help shows the recipe's settings" in out
    assert "--labels PATH" not in out


def test_words_are_told_from_the_values_of_options() -> None:
    assert list(words_in(["--out", "x", "a", "--json", "b", "--c=d", "--", "-e"], {"--json"})) == ["a", "b", "-e"]
    assert list(words_in(["--flag", "--other", "value", "word"], set())) == ["word"]
