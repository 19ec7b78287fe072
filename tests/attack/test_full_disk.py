"""Every writer on disks without room: one line that names the file, and nothing left under any name."""

import json
from pathlib import Path

import pytest
from forked import start


def run(folder: Path, kind: str, sizes: int) -> list[dict]:
    """What `full_disk.py` printed; skips the test where Linux does not let it make a small disk."""
    out, err = folder / "out.txt", folder / "err.txt"
    process = start("full_disk", kind, sizes, [], out=out, err=err)
    process.join()
    said = err.read_text(errors="replace")
    if process.exitcode and ("unshare" in said or "mount" in said or "uid_map" in said):
        pytest.skip("no namespaces for this user")
    assert process.exitcode == 0, said
    # What the user would see beside our line: GDAL and libtiff like to print.
    assert "No space" not in said and "ERROR" not in said, said
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["limit", "disk"])
def test_a_writer_that_has_no_room_says_so_and_leaves_nothing(kind: str, attack: int, tmp_path: Path) -> None:
    rows = run(tmp_path, kind, 10 if attack else 3)
    assert len({row["name"] for row in rows}) >= 20
    assert [row for row in rows if row["became"] != "told"] == []
