"""`limner generate`: files, a grid, a walk; the same command again finds its work done."""

import json
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import pytest
import torch
from cyclopts import App, Parameter
from PIL import Image

from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.quantized import quantized
from limner.foundation.errors import UserError
from limner.generate.making.options import PLAIN, GenerateOptions
from limner.generate.making.predictor import load_generator
from limner.generate.making.sample import Generated, generate_pictures
from limner.generate.making.walk import closed_path, lerp, slerp
from limner.generate.networks import GENERATORS
from limner.learning.runs.run import Run
from tiny_generators import TinyGenerator, make_run


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "tiny", TinyGenerator)


def make(run: Run, out: Path, overwrite: bool = False, **options: object) -> Generated:
    return generate_pictures(run.folder, GenerateOptions(**options), out=out, device="cpu", overwrite=overwrite)  # type: ignore[arg-type]


def times(made: Generated) -> list[int]:
    return [path.stat().st_mtime_ns for path in made.pictures]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_hold_the_pictures_of_the_predictor(tmp_path: Path, channels: int) -> None:
    run, out = make_run(tmp_path / "run", channels=channels), tmp_path / "made"
    made = make(run, out, n=5, seed=2)
    assert [path.name for path in made.pictures] == [f"2-{number:06d}.png" for number in range(5)]
    assert made.new == 5
    expected = quantized(load_generator(run, "cpu").generate(5, seed=2)).permute(0, 2, 3, 1).numpy()
    for path, pixels in zip(made.pictures, expected, strict=True):
        with Image.open(path) as image:
            np.testing.assert_allclose(np.asarray(image).reshape(pixels.shape).astype(int), pixels, atol=1)
    assert picture_files(out) == list(made.pictures)  # the grid lies elsewhere: it is no picture to score
    assert made.grid == tmp_path / "made-grid.png"
    with Image.open(made.grid) as image:
        assert image.size == (5 * 34 + 2, 36)
    assert json.loads(json.dumps(made.to_json()))["new"] == 5
    assert made.paths() == [out, made.grid]


def test_the_same_command_again_makes_nothing_and_a_longer_one_the_rest(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "made"
    first = make(run, out, n=6)
    before = times(first)
    again = make(run, out, n=6)
    assert again.new == 0
    assert times(again) == before
    first.pictures[2].unlink()
    more = make(run, out, n=9)
    assert more.new == 4
    assert times(more)[:2] == before[:2]
    with Image.open(more.pictures[2]) as image:
        expected = quantized(load_generator(run, "cpu").generate(3))[2].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(np.asarray(image).astype(int), expected, atol=1)


def test_another_seed_adds_its_pictures(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "made"
    first = make(run, out, n=3)
    second = make(run, out, n=3, seed=1)
    assert (second.new, len(picture_files(out))) == (3, 6)
    assert first.pictures[0].read_bytes() != second.pictures[0].read_bytes()


def test_pictures_made_otherwise_are_refused_or_replaced(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "made"
    make(run, out, n=4)
    with pytest.raises(UserError, match=r"made: holds pictures of another run, truncation or classes; choose another"):
        make(run, out, n=4, truncation=0.5)
    with pytest.raises(UserError, match=r"holds pictures of another run"):
        make(make_run(tmp_path / "other", seed=1), out, n=4)
    replaced = make(run, out, overwrite=True, n=2, truncation=0.5)
    assert replaced.new == 2
    assert picture_files(out) == list(replaced.pictures)


def test_other_files_are_never_touched(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "made"
    out.mkdir()
    (out / "holiday.png").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"made: holds other files; choose another folder or add --overwrite"):
        make(run, out, n=2)
    make(run, out, overwrite=True, n=2)
    assert (out / "holiday.png").read_bytes() == b"mine"
    mine = tmp_path / "second-grid.png"
    Image.new("RGB", (3, 3)).save(mine)
    with pytest.raises(UserError, match=r"second-grid.png: is there already and not a grid of limner's"):
        make(run, tmp_path / "second", n=2)
    assert not (tmp_path / "second").exists()


def test_a_grid_alone_or_files_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    alone = make(run, tmp_path / "a", n=20, no_files=True)
    assert (alone.pictures, alone.new) == ((), 0)
    assert alone.grid is not None
    with Image.open(alone.grid) as image:
        assert image.size == (8 * 34 + 2, 3 * 34 + 2)
    assert not (tmp_path / "a").exists()
    files = make(run, tmp_path / "b", n=2, no_grid=True)
    assert files.grid is None
    assert not (tmp_path / "b-grid.png").exists()


def test_classes_are_made_in_turn_and_a_wrong_one_is_told_first(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", classes=("car", "van"))
    made = make(run, tmp_path / "made", n=4, classes=("van",))
    expected = quantized(load_generator(run, "cpu").generate(4, classes=["van"]))
    with Image.open(made.pictures[3]) as image:
        np.testing.assert_allclose(np.asarray(image).astype(int), expected[3].permute(1, 2, 0).numpy(), atol=1)
    with pytest.raises(UserError, match=r"--classes: the run has no class 'vans'; did you mean 'van'\?"):
        make(run, tmp_path / "wrong", classes=("vans",))
    assert not (tmp_path / "wrong").exists()


def test_a_run_of_another_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a run of the room segment; limner generate needs one that makes pictures"):
        make(make_run(tmp_path / "run", task="segment"), tmp_path / "made")


def test_a_gif_walks_through_the_pictures_and_back(tmp_path: Path) -> None:
    run, path = make_run(tmp_path / "run"), tmp_path / "walk.gif"
    made = make(run, tmp_path / "made", n=3, interpolate=path, seconds=1.2)
    assert (made.frames, made.walk, made.pictures) == (30, path, ())
    assert not (tmp_path / "made").exists()
    stops = quantized(load_generator(run, "cpu").generate(3)).permute(0, 2, 3, 1).numpy().astype(int)
    with Image.open(path) as image:
        assert image.size == (256, 256)
        assert image.info["loop"] == 0
        assert image.n_frames == 30
        for number in range(3):
            image.seek(10 * number)
            assert image.info["duration"] == 40
            shown = np.asarray(image.convert("RGB"))[4::8, 4::8].astype(int)
            assert np.abs(shown - stops[number]).mean() < 6  # 256 colors
    before = path.stat().st_mtime_ns
    assert make(run, tmp_path / "made", n=3, interpolate=path, seconds=1.2).frames == 30
    assert path.stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"walk.gif: is there already, made from something else"):
        make(run, tmp_path / "made", n=4, interpolate=path, seconds=1.2)


def test_a_video_walks_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", channels=1, classes=("car", "van"))
    made = make(run, tmp_path / "made", n=2, interpolate=tmp_path / "walk.mp4", seconds=0.8, classes=("car", "van"))
    with av.open(str(made.walk)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert video.streams.video[0].average_rate == 25
    assert len(frames) == made.frames == 20
    stops = quantized(load_generator(run, "cpu").generate(2, classes=["car", "van"])).numpy().astype(int)
    for frame, stop in ((frames[0], stops[0, 0]), (frames[10], stops[1, 0])):
        assert np.abs(frame[4::8, 4::8, 0].astype(int) - stop).mean() < 6


def test_a_walk_needs_a_name_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"walk.webm: walks are written as .gif, .mp4, .mov, .mkv; give a name that ends so"
    ):
        make(make_run(tmp_path / "run"), tmp_path / "made", interpolate=tmp_path / "walk.webm")


def test_slerp_keeps_the_length_and_turns_evenly() -> None:
    start, end = torch.tensor([3.0, 0, 0]).double(), torch.tensor([0, 3.0, 0]).double()
    share = torch.linspace(0, 1, 7).double()
    points = slerp(start, end, share)
    angle = share * torch.pi / 2
    expected = 3 * torch.stack([angle.cos(), angle.sin(), torch.zeros(7).double()], dim=1)
    torch.testing.assert_close(points, expected)


@pytest.mark.parametrize("factor", [1.0, 2.5, -1.0])
def test_slerp_of_parallel_vectors_is_the_line(factor: float) -> None:
    start, share = torch.tensor([1.0, 2.0]), torch.linspace(0, 1, 5)
    torch.testing.assert_close(slerp(start, factor * start, share), lerp(start, factor * start, share))


@pytest.mark.parametrize("round_way", [True, False])
def test_a_path_visits_every_stop_and_closes(round_way: bool) -> None:
    stops = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    path = closed_path(stops, 41, round_way=round_way)
    assert len(path) == 40
    torch.testing.assert_close(path[::10], stops)
    steps = (path - path.roll(1, 0)).norm(dim=1)
    assert steps.max() < 0.2 * (stops - stops.roll(1, 0)).norm(dim=1).max()  # the last leads to the first
    assert closed_path(stops, 1, round_way=round_way).equal(stops)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"n": 0}, "-n is 0; needed: one picture or more"),
        ({"n": 1, "interpolate": Path("a.gif")}, "--interpolate with -n 1: a walk needs two pictures or more"),
        ({"seed": -1}, "--seed is -1; needed: 0 or more"),
        ({"truncation": 0.0}, "--truncation is 0; needed: above 0, such as 1"),
        ({"truncation": float("nan")}, "--truncation is nan; needed: above 0"),
        ({"seconds": 0.0}, "--seconds is 0; needed: above 0"),
        ({"no_grid": True, "no_files": True}, "--no-grid and --no-files leave nothing to write"),
    ],
)
def test_wishes_that_cannot_be_are_told_in_one_line(options: dict[str, object], line: str) -> None:
    with pytest.raises(UserError) as told:
        GenerateOptions(**options)  # type: ignore[arg-type]
    assert line in str(told.value)


def test_wishes_are_read_from_the_command_line() -> None:
    app = App(result_action="return_value")

    @app.default
    def verb(run: str, *, options: Annotated[GenerateOptions, Parameter(name="*")] = PLAIN) -> GenerateOptions:
        return options

    assert app(["run"]) == PLAIN
    given = app(["run", "-n", "9", "--classes", "car,van", "--classes", "bus", "--no-grid", "--truncation", "0.7"])
    assert given == GenerateOptions(n=9, classes=("car", "van", "bus"), no_grid=True, truncation=0.7)
    assert app(["run", "--interpolate", "walk.gif"]).count == 8
