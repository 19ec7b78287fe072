"""`limner demo detect`, with two steps: every part is there, and a repeated call finds it done."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import rasterio

from limner.detect import demo

CommandLine = Callable[..., tuple[int, str, str]]


def test_the_quick_demo_tells_its_story_and_finds_itself_done(here: Path, limner: CommandLine) -> None:
    folder = here / "limner-demo-detect"
    code, out, error = limner("demo", "detect", "--quick")
    assert (code, out) == (0, "limner-demo-detect/report.html\n"), error
    report = (folder / "report.html").read_text()
    for part in ("What was done", "Outlines", "Held-out chips", "limner score limner-demo-detect/found.gpkg"):
        assert part in report
    assert "OpenStreetMap" in report
    with rasterio.open(folder / "learned.tif") as learned, rasterio.open(folder / "unseen.tif") as unseen:
        assert learned.crs == unseen.crs and unseen.shape == (1024, 1024)
        assert rasterio.coords.disjoint_bounds(learned.bounds, unseen.bounds)
        with rasterio.open(demo.PLACES / "banepa/images/banepa.tif") as scene:
            window = scene.window(*unseen.bounds)
            assert np.array_equal(scene.read(window=window), unseen.read())
    assert pyogrio.read_info(folder / "found.gpkg")["features"] > 0
    ground = json.loads((folder / "ground.geojson").read_text())["features"][0]["geometry"]["coordinates"][0]
    assert all(85.5 < x < 85.6 and 27.6 < y < 27.7 for x, y in ground)
    code, out, error = limner("demo", "detect", "--quick")
    assert code == 0 and "was looked through before" in error
