"""Scenes of one place: one look at their colors and one threshold for all of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import limner
from drawing import draw_scene
from limner.foundation.errors import UserError
from limner.learning.runs.opening import open_run
from limner.segment.mapping.many import map_many
from limner.segment.mapping.map_scenes import map_change, map_scenes
from limner.segment.measures import thresholds
from limner.segment.measures.thresholds import best_expected, meaning_of

SMALL = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}
Limner = Callable[..., tuple[int, str, str]]


def pictures(here: Path) -> list[Path]:
    """Three pictures without a georeference, of other sizes and colors."""
    made = []
    for number, (height, width, gain) in enumerate([(64, 96, 0.5), (96, 128, 1.0), (128, 64, 0.8)]):
        path = here / f"p{number}.png"
        with rasterio.open(draw_scene(here / f"drawn-{number}.tif", height, width, seed=number)) as drawn:
            pixels = (drawn.read() * gain).astype(np.uint8)
        with rasterio.open(path, "w", driver="PNG", height=height, width=width, count=3, dtype="uint8") as file:
            file.write(pixels)
        made.append(path)
    return made


def request(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}_map.json").read_text(encoding="utf-8"))["request"]
    return found


def test_colors_and_threshold_are_those_of_all_scenes_together(
    trained: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
    scenes = pictures(here)
    options = {**SMALL, "one_place": True, "normalize": "scene", "threshold": "auto"}
    made = map_scenes(trained / "run", scenes, "together", **options)
    assert "3 scenes as one place: standardized by the mean and deviation of all of them; threshold 0." in (
        capsys.readouterr().err
    )

    pixels = [rasterio.open(path).read() for path in scenes]
    all_of_them = np.concatenate([each.reshape(3, -1) for each in pixels], axis=1).astype(float)
    for each in made:
        assert each.statistics.mean == pytest.approx(all_of_them.mean(1))
        assert each.statistics.std == pytest.approx(all_of_them.std(1))
    predictor = limner.load(trained / "run")
    said = np.zeros(256)
    for each in pixels:
        probability = predictor.probabilities(each[None], np.ones((1, *each.shape[1:]), bool), made[0].statistics)[0, 1]
        said += np.bincount(np.minimum(probability * 256, 255).astype(int).ravel(), minlength=256)
    thresholds = {request(here / "together", path.stem)["threshold"] for path in scenes}
    meaning = meaning_of([open_run(trained / "run", "segment")])
    assert thresholds == {best_expected(said, meaning.shares) / 256}

    alone = map_scenes(trained / "run", scenes, "alone", **{**options, "one_place": False})
    assert [each.statistics for each in alone] != [each.statistics for each in made]
    assert {request(here / "alone", path.stem)["threshold"] for path in scenes} != thresholds

    capsys.readouterr()
    (again, *_) = map_scenes(trained / "run", scenes, "together", **options)
    assert again.skipped
    with pytest.raises(UserError, match=r"already holds a map of p0 .*statistics"):
        map_scenes(trained / "run", scenes[:2], "together", **options)  # another place


def test_by_the_training_areas_colors_only_the_threshold_is_shared(trained: Path, here: Path) -> None:
    scenes = pictures(here)
    options = {**SMALL, "normalize": "run", "threshold": "auto"}
    made = map_scenes(trained / "run", scenes, "together", one_place=True, **options)
    map_scenes(trained / "run", scenes, "alone", **options)
    assert len({each.statistics for each in made}) == 1
    assert made[0].statistics == limner.load(trained / "run").statistics
    together = {request(here / "together", path.stem)["threshold"] for path in scenes}
    alone = [request(here / "alone", path.stem)["threshold"] for path in scenes]
    assert len(together) == 1 and min(alone) <= together.pop() <= max(alone)

    (plain, *_) = map_scenes(trained / "run", scenes, "half", one_place=True, normalize="run", **SMALL)
    assert request(here / "half", "p0")["threshold"] == 0.5
    (usual, *_) = map_scenes(trained / "run", scenes, "half", normalize="run", **SMALL)
    assert usual.skipped and usual.pixels == plain.pixels  # nothing of it depends on the place


def test_of_many_scenes_some_are_looked_at_and_so_many_are_told(
    trained: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(thresholds, "MOST_TILES", 2)
    scenes = pictures(here)
    options = {**SMALL, "normalize": "run", "threshold": "auto"}
    map_scenes(trained / "run", scenes, "all", one_place=True, **options)
    assert "promise the highest F1 on 2 tiles of 2 of them\n" in capsys.readouterr().err
    map_scenes(trained / "run", [scenes[0], scenes[2]], "ends", one_place=True, **options)
    assert "promise the highest F1 on all of them\n" in capsys.readouterr().err
    assert request(here / "all", "p0")["threshold"] == request(here / "ends", "p0")["threshold"]


def test_lists_and_workers_map_as_one_place_too(trained: Path, here: Path, limner: Limner) -> None:
    scenes = pictures(here)
    options = {**SMALL, "one_place": True, "normalize": "scene", "threshold": "auto"}
    named = map_scenes(trained / "run", scenes, "named", **options)
    spread = map_many(trained / "run", scenes, "spread", workers=2, **options)
    for one, other in zip(named, spread, strict=True):
        assert other.made is not None and other.made.classes.read_bytes() == one.classes.read_bytes()
        assert request(here / "spread", one.files.record.stem[:2]) == request(here / "named", one.files.record.stem[:2])

    (here / "b.tif").write_bytes(b"no raster")
    words = (trained / "run", "*.[pt]*", "--one-place", "--out", "listed")
    code, out, error = limner("segment", *words)
    assert code == 2 and out == "" and "b.tif" in error and not (here / "listed").exists()


def test_what_is_no_place_is_told(trained: Path, here: Path) -> None:
    scenes = pictures(here)
    with pytest.raises(UserError, match="--one-place looks at the scenes' own colors"):
        map_scenes(trained / "run", scenes, "maps", one_place=True, harmonize="mkl", **SMALL)
    with pytest.raises(UserError, match="leave --one-place out"):
        map_change(trained / "run", scenes[0], scenes[1], "maps", one_place=True)
    for path in scenes:
        with rasterio.open(path) as file:
            nothing = np.zeros((4, file.height, file.width), np.uint8)
        with rasterio.open(
            path, "w", driver="PNG", height=nothing.shape[1], width=nothing.shape[2], count=4, dtype="uint8"
        ) as file:
            file.write(nothing)
    with pytest.raises(UserError, match="no pixel of these scenes holds data"):
        map_scenes(trained / "run", scenes, "maps", one_place=True, normalize="scene", **SMALL)
    assert not (here / "maps").exists()
