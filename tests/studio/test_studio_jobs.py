"""Commands at work: begun, waiting, stopped, gone on with, found again by the next studio."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from limner.cli import app
from limner.commands.learning import app_for
from limner.foundation.errors import UserError
from limner.foundation.progress import WATCHED, Progress
from limner.learning.rooms import room_of_task
from limner.studio.fields import read_all
from limner.studio.folder import EXAMPLES, Folder
from limner.studio.jobs import PROGRESS, RECORD, SAID, Board, Job, command_line
from limner.studio.pages import PAGES
from limner.studio.processes import Process
from limner.studio.runs import USED_BY
from limner.studio.server import Studio

ENDLESS = ("studio", ".", "--no-browser")
"""A command that works until it is stopped, and imports no torch."""
LONG_S = 60.0


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(Folder.at(tmp_path), at_once=1)
    yield made
    made.close()


def begin(board: Board, *words: str) -> Job:
    place = board.folder.numbered("studio", "recolor")
    return board.start(Job(id=place.name, page="recolor", words=words, values={}))


def wait_until_it_says(board: Board, job: Job) -> None:
    for _ in range(600):
        if (board.place(job) / SAID).is_file() and (board.place(job) / SAID).stat().st_size:
            return
        board.wait(job.id, 0.1)
    raise AssertionError(f"{job.id} said nothing")


def test_a_job_is_its_command_and_keeps_what_it_printed_and_said(board: Board) -> None:
    good, bad = begin(board, "recipes", "detect"), begin(board, "score", "none.tif", "none.png")
    assert good.state == "waiting"
    good, bad = board.wait(good.id, LONG_S), board.wait(bad.id, LONG_S)
    assert (good.state, good.code) == ("done", 0) and "detect/yolo-v1" in board.result(good)
    assert board.told(good)["line"].startswith("done after")
    assert (bad.state, bad.code) == ("failed", 2)
    assert board.told(bad)["said"] == ["limner: none.tif: no such file or folder"]
    assert board.told(bad)["line"].startswith("did not succeed after")
    assert [job.id for job in board.jobs()] == [bad.id, good.id]


def test_jobs_stop_wait_for_each_other_and_go_on(board: Board) -> None:
    works, waits, given_up = (begin(board, *ENDLESS) for _ in range(3))
    wait_until_it_says(board, works)
    assert board.job(works.id).state == "working" and board.job(waits.id).state == "waiting"
    assert board.told(board.job(waits.id))["line"] == "waits for another job to end"
    with pytest.raises(UserError, match="at work already"):
        board.start(works)
    assert board.stop(given_up.id).state == "stopped"
    assert board.stop(works.id).state == "stopping"
    assert board.wait(works.id, LONG_S).state == "stopped"
    wait_until_it_says(board, waits)
    board.stop(waits.id)
    assert board.stop(waits.id).state == "stopping"  # asked twice: at once
    assert board.wait(waits.id, LONG_S).code == -signal.SIGKILL
    again = board.start(replace(board.job(given_up.id), words=("recipes", "detect")))
    assert again.state == "waiting" and board.wait(again.id, LONG_S).state == "done"


def test_the_next_studio_finds_the_jobs_of_the_last(board: Board) -> None:
    done = board.wait(begin(board, "recipes", "detect").id, LONG_S)
    place = board.place(done)
    record = json.loads((place / RECORD).read_text())
    (place / RECORD).write_text(json.dumps({**record, "state": "working", "ended": None}))  # of one that was killed
    (job,) = Board(board.folder).jobs()
    assert (job.id, job.words, job.state) == (done.id, ("recipes", "detect"), "stopped")


def test_a_closing_studio_stops_its_jobs(board: Board) -> None:
    works = begin(board, *ENDLESS)
    wait_until_it_says(board, works)
    (process,) = board._processes.values()
    board.close()
    assert board.job(works.id).state == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_job_tells_how_far_it_is(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(id="recolor-001", page="recolor", words=(), values={}, state="working", began=0.0)
    board.place(job).mkdir(parents=True)
    monkeypatch.setenv(WATCHED, str(board.place(job) / PROGRESS))
    with Progress("map scene", 40, "rows of tiles") as progress:
        assert board.told(job)["line"] == "map scene: 0 of 40 rows of tiles"
        progress.done = 39
        progress.advance(1, note="F1 81.0 %")
    told = board.told(job)
    assert told["share"] == 1.0 and told["line"] == "map scene: 40 of 40 rows of tiles; F1 81.0 %"
    (board.place(job) / PROGRESS).write_text("{}")
    assert board.told(job)["line"] == "begins"


def test_progress_that_nobody_can_read_stops_no_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(WATCHED, str(tmp_path / "gone" / "progress.json"))
    with Progress("work", 2) as progress:
        progress.advance(2)
    assert progress.told()["done"] == 2


def test_commands_are_written_for_a_shell() -> None:
    assert command_line(["segment", "buildings", "a b.tif"]) == "limner segment buildings 'a b.tif'"


GIVEN = {
    "segment": {
        "scene": "scene.tif", "threshold": "0.4", "ground_m": "0.3", "normalize": "scene", "tta": True, "crf": True,
        "regularize": True, "probabilities": True,
    },
    "recolor": {"photo": "a.png", "like": "b.png", "strength": 0.5, "method": "mkl", "mask": "a.png",
                "like_mask": "b.png", "keep_luminance": True, "page": True},
    "refine": {"scene": "scene.tif", "labels": "drawn.gpkg", "within": "drawn.gpkg", "epochs": 2, "annotate_next": 3,
               "name": "mended"},
    "classify": {"run": "runs/made", "picture": "a.png", "top": 3, "evidence": "occlusion"},
    "check": {"data": "places", "room": "segment", "target": "building"},
    "train": {"recipe": "segment/modern", "data": "places", "target": "building", "steps": 5, "name": "roofs",
              "settings": "--batch 2"},
    "generate": {"run": "runs/made", "n": 3, "seed": 1, "truncation": 0.7, "classes": "van,bus", "text": "a red cube",
                 "strength": -1.5, "direction": 2},
    "styles": {"run": "runs/made", "mixed": "0, 3", "seed": 1, "truncation": 0.7},
    "caption": {"run": "runs/made", "clip": "clip.mp4"},
    "walk": {"run": "runs/made", "stops": 3, "seconds": 2, "seed": 1, "truncation": 0.7, "classes": "van"},
    "translate": {"run": "runs/made", "picture": "a.png", "to": "b", "mask": "b.png", "tile_px": 128,
                  "check_seams": True},
    "detect": {"run": "runs/made", "picture": "a.png", "most": 20},
    "look": {"run": "runs/made", "picture": "a.png"},
}  # fmt: skip
"""Every field of every page."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    for name in ("scene.tif", "a.png", "b.png", "clip.mp4", "drawn.gpkg", "places/town/a.png", "runs/made/run.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    return Folder.at(tmp_path)


@pytest.mark.parametrize("name", PAGES)
def test_every_pages_command_is_one_that_limner_takes(name: str, folder: Folder) -> None:
    page = PAGES[name]
    assert {field.name for field in page.fields} - {"run"} == set(GIVEN[name]) - {"run"}
    values = read_all(page.fields, GIVEN[name], folder)
    assert read_all(page.fields, values, folder) == values  # as who goes on with the job gives them
    words = page.words(values, f"studio/{name}-001")
    assert any(word.startswith(f"studio/{name}-001") for word in words)  # it writes into its own folder
    if page.as_json:
        words = [*words, "--json"]
    application = app if words[0] == "train" else app_for(words)[0]
    _, bound, unused = application.parse_known_args(words)[:3]
    told = {**bound.arguments}
    assert not [word for word in unused if word.startswith("-")] and told


def test_a_page_that_trains_takes_a_run_of_its_own(folder: Folder) -> None:
    def not_here(*_: object) -> Process:
        raise OSError("not here")

    studio = Studio(folder, Board(folder, begin=not_here))
    first = studio.forms.begin(PAGES["train"], GIVEN["train"])
    second = studio.forms.begin(PAGES["train"], GIVEN["train"])
    assert (first.writes, second.writes) == ("runs/roofs-001", "runs/roofs-002")
    assert first.command.startswith("limner train segment/modern --data places --target building --loop.steps 5")
    assert studio.board.wait(first.id, LONG_S).state == "failed"
    assert studio.board.told(studio.board.job(first.id))["said"] == ["limner: could not be started (not here)"]


def test_lists_show_what_can_be_chosen_and_not_what_jobs_and_runs_wrote(folder: Folder) -> None:
    for name in (
        "studio/uploads/new.png",
        "studio/recolor-001/recolored/a.png",
        "runs/made/pictures/x.png",
        ".git/y.png",
    ):
        (folder.root / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.root / name).write_text("")
    assert folder.files((".png",)) == ["studio/uploads/new.png", "a.png", "b.png", "places/town/a.png"]
    assert folder.folders() == ["places", "places/town"]
    assert folder.run_names() == ["runs/made", "buildings", "histogram-analogy"]


def test_examples_are_there() -> None:
    assert all(path.exists() for path in EXAMPLES.values())


@pytest.mark.parametrize("mixed", ["0", "0,x", "0,-1", ",".join(map(str, range(20))), "0,1000000000"])
def test_numbers_of_pictures_to_mix_are_held_against_what_they_can_be(mixed: str, folder: Folder) -> None:
    page = PAGES["styles"]
    with pytest.raises(UserError, match="such as 0,3,5"):
        page.words(read_all(page.fields, {**GIVEN["styles"], "mixed": mixed}, folder), "studio/styles-001")


def test_pages_offer_runs_of_tasks_that_there_are() -> None:
    named = {task for page in PAGES.values() for field in page.fields for task in getattr(field, "tasks", ())}
    assert {"generate", "generate-music", "generate-captions"} <= named
    assert {room_of_task(task) for task in named} == {"generate"}
    assert all(page in PAGES for page, _ in USED_BY.values())
