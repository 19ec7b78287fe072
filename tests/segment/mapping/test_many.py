"""Many scenes: one failure stops none of the others, the table tells, the exit code too, and all is gone on with."""

import csv
import io
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from drawing import draw_scene
from limner.foundation.errors import UserError
from limner.foundation.machine.disk import DiskFullError
from limner.segment.mapping import many
from limner.segment.mapping.many import map_many
from workers_at_hand import AtHand

SMALL = ("--tile-px", "96", "--overlap-px", "32", "--polygons", "none")
OPTIONS = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}
ONE_TIME = ("OGR_CURRENT_DATE", "2026-01-01T00:00:00.000Z")
"""What GeoPackages tell of when they were written."""
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


def maps(folder: Path) -> dict[str, bytes]:
    """All that was written but the records and the table, in which the seconds stand. Of GeoPackages the time would
    differ without `ONE_TIME`."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in (".json", ".csv")}


def without_seconds(folder: Path) -> list[dict[str, str]]:
    told = folder.name
    return [{name: value.replace(told, "") for name, value in row.items() if name != "seconds"} for row in rows(folder)]


def test_workers_make_the_same_maps_and_the_same_table(
    trained: Path, here: Path, limner: Limner, at_hand: list[AtHand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*ONE_TIME)
    for name in ("a", "c", "d"):
        draw_scene(here / f"{name}.tif")
    (here / "b.tif").write_bytes(b"no raster")
    given = (trained / "run", "a.tif", "b.tif", "c.tif", "d.tif", "--tile-px", "96", "--overlap-px", "32")
    (here / "list.txt").write_text("a.tif\nb.tif\nc.tif\nd.tif\n")
    assert limner("segment", given[0], "list.txt", *given[5:], "--out", "alone")[0] == 1
    code, out, error = limner("segment", *given, "--out", "spread", "--workers", "2")
    assert code == 1 and out == "".join(f"spread/{name}_classes.tif\n" for name in "acd")
    assert at_hand[0].items == 4
    assert maps(here / "alone") == maps(here / "spread")
    assert without_seconds(here / "alone") == without_seconds(here / "spread")
    assert "a.tif: mapped in" in error and "4 of 4 scenes, 3 mapped, 1 failed" in error  # what workers say comes out
    code, _, error = limner("segment", trained / "run", "a.tif", *given[5:], "--out", "spread", "--workers", "2")
    assert code == 0 and "1 of 1 scenes, 1 was there" in error
    code, _, error = limner("segment", trained / "run", "a.tif", "--workers", "2", "--before", "c.tif")
    assert code == 2 and "give one scene, no --workers" in error


@pytest.mark.kills
def test_ray_maps_the_same_where_a_worker_is_killed_in_the_middle_of_a_scene(trained: Path, here: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    scenes = [draw_scene(here / f"{name}.tif", height=400, width=400) for name in "ab"]
    options = {**OPTIONS, "polygons": "gpkg"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(*ONE_TIME)
        map_many(trained / "run", scenes, "alone", **options)
    killed: list[int] = []

    def kill_who_maps() -> None:
        """The lock of a map tells its process."""
        while not killed and not over.wait(0.01):
            for lock in (here / "spread").glob(".b_*.lock"):
                found = lock.read_text().split()
                if found and list((here / "spread").glob(".b_classes*.tif")):
                    os.kill(int(found[0]), signal.SIGKILL)
                    killed.append(int(found[0]))
                    return

    over = threading.Event()
    killer = threading.Thread(target=kill_who_maps)
    killer.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv(*ONE_TIME)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        try:
            done = map_many(trained / "run", scenes, "spread", workers="ray", ray_address=cluster.address, **options)
        finally:
            over.set()
            ray.shutdown()
            cluster.shutdown()
    killer.join()
    assert killed, "no scene was seen in the making"
    assert [each.error for each in done] == [None] * 2
    assert maps(here / "alone") == maps(here / "spread")


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
