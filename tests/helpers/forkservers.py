"""Servers that processes are forked from, one for each kind of test: what it imports once, its processes have."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

import pytest


@contextmanager
def forked_from(server: forkserver.ForkServer) -> Iterator[None]:
    """Within it, Python forks from this server. The one that all of a process share may be running already, begun by
    another test: then it imports nothing more, and each process imports for itself, for ten seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ensure_running", "set_forkserver_preload", "connect_to_new_process", "get_inherited_fds"):
            patch.setattr(forkserver, name, getattr(server, name))
        yield
