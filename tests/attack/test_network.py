"""No verb calls anybody for a file, whatever the file names: each runs in a network that leads nowhere but to us."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from limner.foundation.offline import SETTINGS

HERE = Path(__file__).parent
EXPECTED = ("UserError", "CycloptsError", "UnknownOptionError", "MissingArgumentError", "CoercionError")


def run(kind: str, folder: Path, *more: str, **environment: str) -> list[str]:
    """What `all_verbs.py` printed in the isolated network; the last line says how often we were called."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder.mkdir()
    scripts = [sys.executable, str(HERE / "isolated.py"), port, sys.executable, str(HERE / "all_verbs.py")]
    command = [*scripts, kind, f"http://127.0.0.1:{port}", str(folder), *more]
    # limner, which runs here, has set GDAL's variables for itself, and processes inherit them
    usual = {name: value for name, value in os.environ.items() if name not in (*SETTINGS, "GDAL_SKIP")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**usual, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_files_do_call_where_nobody_keeps_them_from_it(tmp_path: Path) -> None:
    assert int(run("gdal", tmp_path / "gdal")[-1].removeprefix("called ")) >= 8


def test_no_verb_calls_anybody(tmp_path: Path, trained: Path, attack: int) -> None:
    # no_proxy lets calls pass by any proxy: the files must be looked at before
    environment = {"no_proxy": "*", "LIMNER_CACHE": str(tmp_path / "cache"), "LIMNER_ATTACK": str(attack)}
    lines = run("limner", tmp_path / "limner", str(trained / "run"), **environment)
    assert lines[-1] == "called 0", lines
    ended = [line for line in lines if line.startswith(("ended", "raised"))]
    assert len(ended) > 80
    assert [line for line in ended if line.startswith("raised") and line.split()[1] not in EXPECTED] == []
