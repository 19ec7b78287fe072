"""Many scenes: one failure stops none of the others, the table tells, the exit code too, and all is gone on with."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from drawing import draw_scene
from limner.foundation.errors import UserError
from limner.foundation.machine.disk import DiskFullError
from limner.segment.mapping import many
from limner.segment.mapping.many import map_many

SMALL = ("--tile-px", "96", "--overlap-px", "32", "--polygons", "none")
OPTIONS = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}
Limner = Callable[..., tuple[int, str, str]]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scenes.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_broken_scene_stops_none_of_the_others_and_all_are_told(
    trained: Path, here: Path, limner: Limner, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_scene(here / "a.tif")
    (here / "b.tif").write_bytes(b"no raster")
    draw_scene(here / "c.tif")
    (here / "list.txt").write_text("a.tif\nb.tif\nc.tif\ngone.tif\n", encoding="utf-8")
    code, out, error = limner("segment", trained / "run", "list.txt", *SMALL)
    assert code == 1
    assert out == "maps/a_classes.tif\nmaps/c_classes.tif\n"
    assert "b.tif: failed: b.tif:" in error
    assert "4 of 4 scenes, 2 mapped, 2 failed" in error
    table = rows(here / "maps")
    assert [(row["scene"], row["state"]) for row in table] == [
        ("a.tif", "mapped"), ("b.tif", "failed"), ("c.tif", "mapped"), ("gone.tif", "failed")
    ]  # fmt: skip
    assert table[3]["error"] == "gone.tif: no such scene"
    assert sum(float(table[0][name]) for name in table[0] if name.startswith("share of ")) == pytest.approx(1, abs=1e-5)

    draw_scene(here / "b.tif")  # mended: the same command makes what is missing
    monkeypatch.setattr("sys.stdin", io.StringIO("a.tif\nb.tif\nc.tif\n"))
    code, out, error = limner("segment", trained / "run", "-", *SMALL, "--json")
    assert code == 0
    assert [each["state"] for each in json.loads(out)] == ["was there", "mapped", "was there"]
    assert "3 of 3 scenes, 2 was there, 1 mapped" in error


def test_scenes_of_one_name_are_told_and_the_others_mapped(trained: Path, here: Path) -> None:
    for folder in ("one", "two"):
        (here / folder).mkdir()
        draw_scene(here / folder / "s.tif")
    draw_scene(here / "t.tif")
    done = map_many(trained / "run", ["one/s.tif", "t.tif", "two/s.tif"], "maps", **OPTIONS)
    assert [each.state for each in done] == ["failed", "mapped", "failed"]
    assert done[0].error == "one/s.tif: another scene of the list is called s, too; rename one"


def test_a_full_disk_stops_all_and_the_table_has_what_was_done(
    trained: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [draw_scene(here / f"{name}.tif") for name in "ab"]
    run_job = many.Job.run

    def full(self: many.Job, scene: object) -> object:
        if scene.path.name == "b.tif":  # type: ignore[attr-defined]
            raise DiskFullError(here / "maps")
        return run_job(self, scene)  # type: ignore[arg-type]

    monkeypatch.setattr(many.Job, "run", full)
    with pytest.raises(DiskFullError):
        map_many(trained / "run", scenes, "maps", **OPTIONS)
    assert [row["state"] for row in rows(here / "maps")] == ["mapped"]


def test_mistakes_that_concern_all_are_told_before_any_is_mapped(trained: Path, here: Path, limner: Limner) -> None:
    draw_scene(here / "a.tif")
    with pytest.raises(UserError, match="--tile is no option"):
        map_many(trained / "run", ["a.tif"], "maps", tile=96)
    code, _, error = limner("segment", trained / "run", "*.tif", "--tile-px", "100")
    assert (code, error) == (2, "limner: tile_px is 100; needed: a multiple of 32, such as 96 or 128\n")
    code, _, error = limner("segment", trained / "run", "*.tif", "--before", "a.tif")
    assert (code, error) == (2, "limner: --before compares one scene with an earlier one; give one scene, not a list\n")
    assert not (here / "maps").exists()
