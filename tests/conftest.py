"""Shared fixtures: one tiny trained run for the whole session, and a folder of its own for each command."""

import gc
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure

if "PYTEST_XDIST_WORKER" in os.environ:  # workers side by side: threads of each would wait for those of the others
    os.environ.update({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

import workers_at_hand
from drawing import draw_area, draw_scene
from limner.cli import main
from quick_runs import QUICK
from workers_at_hand import AtHand

gc.disable()  # until all tests are collected: it took 9 of 37 s of that to look through modules, which stay
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # limner is compiled once, not by each command that a test starts

FOLDER = Path(__file__).parent
LONGEST = (
    "learning/test_contract.py", "studio/test_studio_browser.py", "segment/networks/test_networks_learn.py",
    "segment/training/test_task.py", "segment/refining/test_refine.py", "attack/test_damaged.py",
    "commands/test_cli.py", "detect/test_detect_room.py", "attack/test_network.py",
    "segment/training/test_going_on.py", "learning/test_looking.py", "generate/training/test_generate_going_on.py",
    "learning/test_study.py", "generate/networks/test_gan_networks.py", "recolor/test_recolor_bad_input.py",
    "segment/scoring/test_score.py", "recolor/methods/test_threads.py", "segment/networks/test_networks.py",
    "recolor/recoloring/test_recolor.py", "learning/test_training.py", "adversarial/test_systems.py",
    "attack/test_full_disk.py", "test_bad_input.py", "classify/scoring/test_class_robustness.py",
    "recolor/recoloring/test_hidden_colors.py", "learning/test_train.py", "foundation/test_signals.py",
    "segment/mapping/test_answers.py", "test_docs.py", "generate/test_generate_demo.py",
    "segment/training/test_refit.py", "learning/test_processes.py", "segment/networks/test_encoder_weights.py",
    "fidelity/test_scores_features.py", "learning/test_known_networks.py", "adversarial/test_updater.py",
    "detect/test_detectors.py", "learning/test_stages.py",
)  # fmt: skip
"""Files of tests that take more than ten seconds, the longest first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--attack N``: so many inputs for each reader in tests/attack, in place of a few."""
    parser.addoption("--attack", type=int, default=0, metavar="N", help="hostile inputs for each reader (tests/attack)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What ``-n auto`` means: a worker more than there are processors, for tests that wait, as for a browser or another
    process, leave one idle. On two processors the suite took 10 min 4 s with three, 11 min 2 s with two."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """``-m kills`` imports only the files that name the mark: each worker took half a minute for all the others."""
    if config.option.markexpr != "kills" or collection_path.suffix != ".py":
        return None
    return True if b"mark.kills" not in collection_path.read_bytes() else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Each worker begins to collect at another folder: in a fresh copy, each compiles what the others have not yet, and
    reads what they have. In step, all would compile all: two workers took 65 s of a processor rather than 50."""
    report = yield
    if collector.path == FOLDER and report.result:
        worker, workers = (os.environ.get(f"PYTEST_XDIST_WORKER{end}", "0") for end in ("", "_COUNT"))
        first = len(report.result) * int(worker.removeprefix("gw")) // max(1, int(workers))
        report.result = [*report.result[first:], *report.result[:first]]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, then those of many tests: workers take files in this order, and one that got a long
    file last would work alone at the end."""
    place = {name: number for number, name in enumerate(LONGEST)}
    counts = Counter(item.path for item in items)

    def order(item: pytest.Item) -> tuple[int, int, Path]:
        return place.get(item.path.relative_to(FOLDER).as_posix(), len(place)), -counts[item.path], item.path

    items.sort(key=order)


def pytest_collection_finish() -> None:
    """From here on garbage is collected, but not among what was imported, and a tenth as often as Python does it by
    itself: that took 7 s of each 100."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)
    gc.enable()


@pytest.fixture(scope="session")
def attack(request: pytest.FixtureRequest) -> int:
    """How many hostile inputs each reader shall get; 0 where nobody asked for more than the usual few."""
    return int(request.config.getoption("--attack"))


DRAW = Figure.draw


@pytest.fixture(autouse=True, scope="session")
def blank_figures() -> Iterator[None]:
    """Figures are put together and written in their sizes, but blank: drawing takes half a second each, most of a short
    training. Tests that look at one ask for `drawn_figures`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "draw", lambda figure, renderer: None)
        yield


@pytest.fixture
def drawn_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures as users see them."""
    monkeypatch.setattr(Figure, "draw", DRAW)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an area ``town``, a scene ``scene.tif`` and the ``run`` that two steps on the town left."""
    here = tmp_path_factory.mktemp("trained")
    draw_area(here / "town")
    draw_scene(here / "scene.tif")
    with pytest.raises(SystemExit) as left:
        main(["train", "segment/demo", "--data", str(here / "town"), "--out", str(here / "run"), *QUICK])
    assert left.value.code == 0
    return here


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def limner(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in this process: (exit code, stdout, stderr)."""

    def run(*tokens: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(token) for token in tokens])
        assert isinstance(left.value.code, int)
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> list[AtHand]:
    """Workers without their seconds: those that a command used."""
    return workers_at_hand.at_hand(monkeypatch)
