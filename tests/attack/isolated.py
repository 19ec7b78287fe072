"""Runs `all_verbs.py` in a network of its own, which leads nowhere but to this process, and prints who was called.

    python tests/attack/isolated.py PORT {limner,gdal} FOLDER [RUN]

The script sees one network device, the loopback one, and a server of ours on it at PORT. Each connection is counted
and closed; the last line of stdout is ``called N``, and the exit code is the script's. Where Linux lets nobody make
such a network, the script runs in the usual one, with the same server.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path

import all_verbs

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def isolate() -> bool:
    """Whether this process now has a network of its own, with only the loopback device up."""
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NET):
        return False
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    with socket.socket() as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return True


def main(port: int, kind: str, folder: Path, run: Path | None = None) -> None:
    """Read the files of ``folder`` in a process of its own, tell how often it called, and end as it did."""
    isolate()
    calls: list[str] = []
    server = socket.create_server(("127.0.0.1", port))
    reader = os.fork()  # before there is a thread
    if reader == 0:
        server.close()
        try:
            all_verbs.main(kind, f"http://127.0.0.1:{port}", folder, run)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def answer() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(1)
                with suppress(OSError):
                    calls.append(connection.recv(200).decode("latin-1").partition("\r\n")[0])
                    connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    _, status = os.waitpid(reader, 0)
    for call in calls:
        print("call:", call)
    print("called", len(calls), flush=True)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]).absolute() if len(sys.argv) > 4 else None)
