"""Every writer on disks without room: one line that names the file, and nothing left under any name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("full_disk.py")


def run(kind: str, sizes: int, *names: str) -> list[dict]:
    """What `full_disk.py` printed; skips the test where Linux does not let it make a small disk."""
    command = [sys.executable, str(SCRIPT), kind, str(sizes), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and ("unshare" in done.stderr or "mount" in done.stderr or "uid_map" in done.stderr):
        pytest.skip("no namespaces for this user")
    assert done.returncode == 0, done.stderr
    # What the user would see beside our line: GDAL and libtiff like to print.
    assert "No space" not in done.stderr and "ERROR" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", ["limit", "disk"])
def test_a_writer_that_has_no_room_says_so_and_leaves_nothing(kind: str, attack: int) -> None:
    rows = run(kind, 10 if attack else 3)
    assert len({row["name"] for row in rows}) >= 20
    assert [row for row in rows if row["became"] != "told"] == []
