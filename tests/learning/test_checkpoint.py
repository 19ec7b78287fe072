"""The newest whole checkpoint is gone on from, however the others are damaged."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from limner.learning.loop.checkpoint import BEFORE, NEWEST, read_checkpoint, write_checkpoint
from quick_runs import QUICK

Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut by 100 bytes": lambda content: content[:-100],
    "a block of zeros": lambda content: content[:2000] + bytes(512) + content[2512:],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"not a checkpoint",
}


def checkpoint(step: int) -> dict:
    return {"position": {"index": step}, "task": {"weights": torch.arange(1000.0) + step}}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_one_before_is_used_where_the_newest_is_damaged(damage: Damage, tmp_path: Path, capsys) -> None:
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, checkpoint(step))
    newest = tmp_path / NEWEST
    newest.write_bytes(damage(newest.read_bytes()))
    found = read_checkpoint(tmp_path)
    assert found is not None and found["position"]["index"] == 2
    assert torch.equal(found["task"]["weights"], torch.arange(1000.0) + 2)
    told = capsys.readouterr().err
    assert str(newest) in told and "goes on from the one before" in told
    write_checkpoint(tmp_path, checkpoint(4))
    assert read_checkpoint(tmp_path)["position"]["index"] == 4


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / NEWEST).rename(tmp_path / BEFORE)
    assert read_checkpoint(tmp_path)["position"]["index"] == 1


@pytest.mark.parametrize("content", [[1, 2], {"position": 3, "task": {}}, {"task": {}}, "text"])
def test_what_is_no_checkpoint_is_none(content: object, tmp_path: Path, capsys) -> None:
    torch.save(content, tmp_path / NEWEST)
    assert read_checkpoint(tmp_path) is None
    assert "the training begins anew" in capsys.readouterr().err
    assert read_checkpoint(tmp_path / "nowhere") is None


def test_a_training_whose_checkpoint_is_cut_ends_as_if_it_were_not(trained: Path, here: Path, limner) -> None:
    command = ("train", "segment/demo", "--data", trained / "town", "--out", "run", *QUICK, "--loop.log-every", "1")
    code, _, _ = limner(*command)
    assert code == 0
    straight = load_file("run/model.safetensors")
    status = Path("run/run.json")
    for damaged, told in (((NEWEST,), "goes on from the one before"), ((NEWEST, BEFORE), "begins anew")):
        status.write_text(status.read_text().replace('"finished"', '"interrupted"'))
        for name in damaged:
            path = Path("run/checkpoint", name)
            path.write_bytes(path.read_bytes()[:1000])
        code, _, err = limner(*command)
        assert code == 0 and told in err
        again = load_file("run/model.safetensors")
        assert all(torch.equal(again[key], straight[key]) for key in straight)
