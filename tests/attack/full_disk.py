"""Writes every kind of file on disks that are too small, and prints what became of it, one JSON line each.

    python tests/attack/full_disk.py {disk,limit} [SIZES] [NAME ...]

disk: a file system in memory of each size, in namespaces of this process's own; real, but Linux may not let everybody
make them. limit: no file may grow beyond the size (`ulimit -f`). SIZES (10) for each writer, from a page to just less
than its result needs. Names are those of `writers.WRITERS`; all without one.
"""

import ctypes
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from limner.foundation.machine.disk import DiskFullError
from writers import APPENDED, WRITERS, draw_inputs

PAGE = 4096
ROOM = 1 << 26


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A file system of ``size`` bytes at ``folder``."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()):
        raise OSError(ctypes.get_errno(), "mount")
    try:
        yield
    finally:
        libc.umount2(os.fsencode(folder), 2)


@contextmanager
def file_limit(folder: Path, size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def own_namespaces() -> None:
    """Make this process one that may mount: root in a user and mount namespace of its own."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000 | 0x00020000):  # CLONE_NEWUSER, CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def below(folder: Path) -> dict[str, int]:
    """Every file below a folder with its size."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}


def attempt(write: Callable[[Path, Path], object], inputs: Path, place: Path, name: str) -> str:
    """What became of one writing: "written", "told" (one line, nothing left), or what is wrong."""
    try:
        write(inputs, place / name)
    except DiskFullError as error:
        rows = place / name if name in APPENDED and (place / name).exists() else None
        if rows and rows.read_bytes()[-1:] not in (b"", b"\n"):
            return "half a row"
        left = [path for path in place.rglob("*") if path != rows]
        if name not in str(error) or len(str(error).splitlines()) > 1:
            return f"says {error}"
        return f"leaves {left}" if left else "told"
    except BaseException as error:
        return f"raises {type(error).__name__}: {error}"
    return "written"


def main(kind: str, sizes: int, names: list[str]) -> None:
    """Print a JSON line for each writer and size."""
    small = {"disk": small_disk, "limit": file_limit}[kind]
    if kind == "disk":
        own_namespaces()
    with tempfile.TemporaryDirectory() as folder:
        inputs, place = Path(folder, "inputs"), Path(folder, "place")
        inputs.mkdir()
        place.mkdir()
        draw_inputs(inputs)
        for name in names or WRITERS:
            with small_disk(place, ROOM) if kind == "disk" else tempfile.TemporaryDirectory() as other:
                where = Path(other) if other else place
                assert attempt(WRITERS[name], inputs, where, name) == "written", name
                whole = below(where)
            most = sum(whole.values()) if kind == "disk" else max(whole.values())
            for number in range(sizes):
                size = max(1, round((most - 1) * number / (sizes - 1)) // PAGE) * PAGE
                with tempfile.TemporaryDirectory(dir=folder) as under, small(place, size):
                    where = place if kind == "disk" else Path(under)
                    became = attempt(WRITERS[name], inputs, where, name)
                    if became == "written" and not name.endswith((".mp4", ".mkv")) and below(where) != whole:
                        became = f"written, but {below(where)} in place of {whole}"
                print(json.dumps({"name": name, "size": size, "whole": most, "became": became}), flush=True)


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    sizes = int(rest.pop(0)) if rest and rest[0].isdecimal() else 10
    main(kind, sizes, rest)
