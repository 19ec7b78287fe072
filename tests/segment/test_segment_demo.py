"""The demo: its first map is shown at once, and files of one ground on grids of other pixels lie over each other."""

import signal
from pathlib import Path

import numpy as np
import pytest
import rasterio

from limner.foundation.signals import StopRequest
from limner.learning.runs.run import Run
from limner.learning.train import Training
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Window
from limner.segment.demo import acts as demo
from limner.segment.demo.report import read_as_seen
from limner.segment.mapping.record import MapFiles, SceneMap


def write(path: Path, values: np.ndarray) -> Path:
    height, width = values.shape
    with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8") as file:
        file.write(values, 1)
    return path


def test_a_file_of_larger_pixels_is_seen_on_the_scenes_grid(tmp_path: Path) -> None:
    coarse = np.arange(12, dtype=np.uint8).reshape(3, 4)
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1)
    window = Window(1, 2, 4, 5)
    for shrink in (1, 2):
        found = [
            read_as_seen(write(tmp_path / f"{name}.tif", values), (6, 8), window, shrink)
            for name, values in (("fine", fine), ("coarse", coarse))
        ]
        np.testing.assert_array_equal(found[0], fine[1:5:shrink, 2:7:shrink])
        np.testing.assert_array_equal(found[1], found[0])


SIDE = 64


@pytest.fixture
def quick_maps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The demo in a small town, its maps made without a network; a training that is stopped at once."""

    def draw_town(_: Path, folder: Path) -> None:
        for name in ("images", "masks"):
            (folder / "banepa" / name).mkdir(parents=True)
        rng = np.random.default_rng(0)
        with rasterio.open(
            folder / "banepa/images/banepa.tif", "w", driver="GTiff", height=SIDE, width=SIDE, count=3, dtype="uint8"
        ) as file:
            file.write(rng.integers(0, 255, (3, SIDE, SIDE), dtype=np.uint8))

    def draw_map(run: str | Path, scenes: list[Path], out: Path, **_: object) -> list[SceneMap]:
        out.mkdir(exist_ok=True)
        files = MapFiles.named(out, "banepa", ("background", "building"), probability=False, polygons="gpkg")
        write(files.classes, np.eye(SIDE, dtype=np.uint8))
        pixels = {"background": SIDE * SIDE - SIDE, "building": SIDE}
        return [SceneMap(files, pixels, 0, 7, Statistics((1.0,) * 3, (1.0,) * 3), 0.1)]

    def stop(*_: object, **__: object) -> None:
        (tmp_path / "out/run").mkdir(exist_ok=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.shutil, "copytree", draw_town)
    monkeypatch.setattr(demo, "map_scenes", draw_map)
    monkeypatch.setattr(demo, "train", stop)
    return tmp_path / "out"


def test_the_first_map_stands_in_the_report_before_anything_is_trained(quick_maps, capsys) -> None:
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(quick_maps)
    told = capsys.readouterr().err
    first, second = told.index("Act 1."), told.index("Act 2.")
    assert "It learned from this town, too" in told[first:second]  # in the act's first line
    assert str(quick_maps / "first/banepa_preview.png") in told[first:second]
    assert str(quick_maps / "report.html") in told[first:second]
    page = (quick_maps / "report.html").read_text(encoding="utf-8")
    assert "Act 1 of 3 is done" in page and "which learned from this town, too" in page
    assert "7 buildings on 1.56 % of the ground" in page and "limner train" not in page


@pytest.mark.parametrize(("bf16", "taken"), [(True, ()), (False, ("--steps-per-epoch", "20"))])
def test_a_processor_without_bf16_learns_half_as_long_and_says_so(
    quick_maps: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bf16: bool, taken: tuple[str]
) -> None:
    monkeypatch.setattr(demo, "processor_has_bf16", lambda: bf16)
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(quick_maps)
    said = capsys.readouterr().err
    (command,) = [line for line in said.splitlines() if line.startswith("$ limner train segment/demo")]
    assert command.endswith(" ".join(["--out", str(quick_maps / "run"), *taken]))
    assert ("does not compute in bf16" in said) is not bf16


def test_a_report_of_a_whole_story_is_not_replaced_by_its_beginning(quick_maps) -> None:
    (quick_maps / "run").mkdir(parents=True)
    (quick_maps / "report.html").write_text("the whole story")
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(quick_maps)
    assert (quick_maps / "report.html").read_text() == "the whole story"


def test_a_training_that_is_asked_to_stop_ends_the_story_with_its_signal(quick_maps, monkeypatch) -> None:
    asked = StopRequest()
    asked.signal = signal.SIGTERM
    monkeypatch.setattr(demo, "train", lambda *_, **__: Training(Run(quick_maps / "run"), asked))
    with pytest.raises(SystemExit) as left:
        demo.run_demo(quick_maps)
    assert left.value.code == 128 + signal.SIGTERM
    assert (quick_maps / "first").is_dir() and not (quick_maps / "plain").exists()  # half a network maps nothing
