"""No verb calls anybody for a file, whatever the file names: each runs in a network that leads nowhere but to us."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from forked import start

from limner.foundation.machine.offline import SETTINGS

HERE = Path(__file__).parent
EXPECTED = ("UserError", "CycloptsError", "UnknownOptionError", "MissingArgumentError", "CoercionError")


def free_port() -> int:
    """A port of this machine's own network that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_files_do_call_where_nobody_keeps_them_from_it(tmp_path: Path) -> None:
    # limner, which runs here, has set GDAL's variables for itself, and processes inherit them
    usual = {name: value for name, value in os.environ.items() if name not in (*SETTINGS, "GDAL_SKIP")}
    command = [sys.executable, str(HERE / "isolated.py"), str(free_port()), "gdal", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=usual)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1].removeprefix("called ")) >= 8


def test_no_verb_calls_anybody(tmp_path: Path, trained: Path, attack: int) -> None:
    # no_proxy lets calls pass by any proxy: the files must be looked at before
    environment = {"no_proxy": "*", "LIMNER_CACHE": str(tmp_path / "cache"), "LIMNER_ATTACK": str(attack)}
    out, err, files = tmp_path / "out.txt", tmp_path / "err.txt", tmp_path / "files"
    files.mkdir()
    arguments = (free_port(), "limner", files, trained / "run")
    process = start("isolated", *arguments, out=out, err=err, **environment)
    process.join()
    lines = out.read_text().splitlines()
    assert process.exitcode == 0, err.read_text()
    assert lines[-1] == "called 0", lines
    ended = [line for line in lines if line.startswith(("ended", "raised"))]
    assert len(ended) > 120
    assert [line for line in ended if line.startswith("raised") and line.split()[1] not in EXPECTED] == []
