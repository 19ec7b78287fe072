"""The wheel holds all that limner needs and nothing else, and works without the source tree."""

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from limner.learning.rooms import ROOMS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
LARGEST_MB = 25


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=120)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, program: str, cwd: Path) -> str:
    """What ``program`` prints when it finds limner in the unpacked wheel only."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(unpacked):
    found = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    of_package = {path for path in found if path.parts[0] == "limner"}
    in_source = {path.relative_to(SOURCE) for path in (SOURCE / "limner").rglob("*") if path.is_file()}
    assert of_package == {path for path in in_source if "__pycache__" not in path.parts}
    (metadata,) = unpacked.glob("limner-*.dist-info")
    assert {path.parts[0] for path in found - of_package} == {metadata.name}


def test_recipes_places_template_and_terms_are_in_the_wheel(unpacked):
    package = unpacked / "limner"
    for path in ("recipes/segment/demo.yaml", "reporting/report_template.html", "bundled/NOTICE.md"):
        assert (package / path).is_file(), path
    for place in (SOURCE / "limner/bundled/places").iterdir():
        pictures = {path.stem for path in (package / "bundled/places" / place.name / "images").iterdir()}
        masks = {path.stem for path in (package / "bundled/places" / place.name / "masks").iterdir()}
        assert pictures == masks and pictures, place.name
    assert "Apache License" in next(unpacked.glob("*.dist-info/**/LICENSE")).read_text()


def test_the_wheel_is_small_enough_to_fetch_over_a_thin_line(wheel):
    assert wheel.stat().st_size < LARGEST_MB * 1_000_000


def test_the_command_is_declared(unpacked):
    assert "limner = limner.cli:main" in next(unpacked.glob("*.dist-info/entry_points.txt")).read_text()


def test_the_unpacked_wheel_lists_its_recipes_without_the_source_tree(unpacked, tmp_path):
    program = """
        import limner, limner.cli
        print(limner.__file__)
        limner.cli.main(["recipes"])
    """
    place, *listed = run(unpacked, program, tmp_path).splitlines()
    assert place == str(unpacked / "limner/__init__.py")
    names = {f"{path.parent.name}/{path.stem}" for path in (SOURCE / "limner/recipes").glob("*/*.yaml")}
    assert {line.removeprefix("*").split()[0] for line in listed if "/" in line.removeprefix("*").split()[0]} == names
    assert not list(tmp_path.iterdir())


def test_recipes_report_and_places_of_the_unpacked_wheel_can_be_used(unpacked, tmp_path):
    program = """
        import json
        from importlib import resources
        from pathlib import Path
        from limner.learning.library import bundled_recipes, load_recipe
        from limner.reporting.report import Report
        from limner.segment.data.areas import find_data
        tasks = [load_recipe(name).task for name in bundled_recipes()]
        page = Report("A title").section("Part").to_html()
        data = find_data([Path(str(resources.files("limner"))) / "bundled/places/kampala-1"])
        print(json.dumps([tasks, "A title" in page, [str(chip.image) for chip in data.chips]]))
    """
    tasks, has_title, pictures = json.loads(run(unpacked, program, tmp_path))
    assert set(tasks) == {task for room in ROOMS.values() for task in room.tasks} and has_title
    assert pictures and all(path.startswith(str(unpacked)) for path in pictures)
