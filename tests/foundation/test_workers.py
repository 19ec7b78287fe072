"""Files spread over processes and over Ray: the same results, whoever works, and whoever is killed."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import works
from limner.foundation.errors import UserError
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import PartlyFailedError, results_of, spread

TWO = WorkerOptions(2)


def test_results_are_the_same_and_in_order_whoever_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin, items = partial(works.doubling, tmp_path), list(range(9))
    names = [f"{item}.jpg" for item in items]
    alone = results_of(begin, items, ALONE, title="double", names=names)
    capsys.readouterr()
    assert results_of(begin, items, TWO, title="double", names=names) == alone == [2 * item for item in items]
    said = capsys.readouterr().err.splitlines()
    assert sorted(said) == [f"Careful: {item}" for item in items]  # what workers say comes out here, their progress not
    processes = (tmp_path / "begun").read_text().split()
    assert len(processes) == 3 and len(set(processes) - {str(os.getpid())}) == 2  # each begins once


def test_an_item_whose_worker_was_killed_is_begun_again(tmp_path: Path) -> None:
    found = dict(spread(partial(works.doubling, tmp_path, killed=3), list(range(6)), TWO))
    assert {number: answer.result for number, answer in found.items()} == {item: 2 * item for item in range(6)}
    assert len((tmp_path / "begun").read_text().split()) == 3


def test_an_item_that_kills_every_worker_fails_alone(tmp_path: Path) -> None:
    found = dict(spread(partial(works.doubling, tmp_path, killed=1, deaths=9), [0, 1, 2], WorkerOptions(1)))
    assert [found[item].result for item in (0, 2)] == [0, 4]
    assert "its process died 4 times; with little memory take fewer --workers" in str(found[1].error)


def test_failures_stop_none_of_the_others_and_the_end_tells_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [12, 13, 14, 16]
    with pytest.raises(PartlyFailedError, match=r"2 of 4 failed; the first: 13.jpg: is no picture") as raised:
        results_of(
            partial(works.doubling, tmp_path), items, TWO, title="double", names=[f"{item}.jpg" for item in items]
        )
    assert raised.value.done == [24, 32]
    assert raised.value.failed == [("13.jpg", "13.jpg: is no picture"), ("14.jpg", "KeyError: 'fourteen'")]
    assert "14.jpg: failed: KeyError: 'fourteen'" in capsys.readouterr().err


def test_alone_the_first_failure_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        results_of(partial(works.doubling, tmp_path), [14, 1], ALONE, title="double", names=["a", "b"])


def test_alone_all_of_several_are_tried_where_that_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin, names = partial(works.doubling, tmp_path), ["a", "b", "c"]
    with pytest.raises(PartlyFailedError, match=r"1 of 3 failed; the first: b: KeyError") as raised:
        results_of(begin, [1, 14, 2], ALONE, title="double", names=names, try_all=True)
    assert raised.value.done == [2, 4]
    assert capsys.readouterr().err.splitlines()[-1] == "b: failed: KeyError: 'fourteen'"
    with pytest.raises(KeyError):
        results_of(begin, [14], ALONE, title="double", names=["a"], try_all=True)


@pytest.mark.parametrize("workers", [ALONE, WorkerOptions(1)], ids=["alone", "a process"])
def test_a_full_disk_stops_all(tmp_path: Path, workers: WorkerOptions) -> None:
    given = spread(partial(works.doubling, tmp_path), [1, 15, 2, 3], workers, in_order=True)
    assert next(given)[1].result == 2
    with pytest.raises(UserError, match="the disk is full"):
        next(given)


def test_results_come_in_order_where_that_is_wanted_and_no_further_ahead(tmp_path: Path) -> None:
    given = spread(partial(works.doubling, tmp_path), list(range(12)), TWO, in_order=True, ahead=2)
    assert [answer.result for _, answer in given] == [2 * item for item in range(12)]


def test_what_cannot_begin_is_told_of_each(tmp_path: Path) -> None:
    assert {answer.error for _, answer in spread(works.refusing, [1, 2], WorkerOptions(1))} == {
        "runs/none: no such run"
    }


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ((_, answer),) = spread(works.telling_threads, [0], WorkerOptions(4))
    assert answer.result is not None and answer.result[0] == "1"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"workers": 0}, "--workers is 0; needed: 1 or more processes, or ray"),
        ({"workers": "dask"}, "--workers is dask; needed: 1 or more processes, or ray"),
        ({"workers": 2, "ray_address": "head:6379"}, "--ray-address head:6379: is for --workers ray"),
    ],
)
def test_workers_that_cannot_be_are_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        WorkerOptions(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Ray cluster of two workers on this machine."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # works.py is found by workers, too
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        yield made.address
        ray.shutdown()
        made.shutdown()


def test_ray_gives_the_same_and_begins_again_what_was_killed(tmp_path: Path, cluster: str) -> None:
    (tmp_path / "alone").mkdir()
    items = [0, 1, 2, 3, 13, 4]
    alone = dict(spread(partial(works.doubling, tmp_path / "alone"), items))
    found = dict(spread(partial(works.doubling, tmp_path, killed=2), items, WorkerOptions("ray", cluster)))
    assert {number: (each.result, each.error) for number, each in found.items()} == {
        number: (each.result, each.error) for number, each in alone.items()
    }
    assert (tmp_path / "death-0").exists()  # one was killed
    assert found[0].said == ("Careful: 0",)
