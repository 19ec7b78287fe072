"""The studio's jobs are forked from a server of its own."""

from collections.abc import Iterator
from multiprocessing.forkserver import ForkServer

import pytest

from forkservers import forked_from


@pytest.fixture(autouse=True, scope="package")
def own_server() -> Iterator[None]:
    with forked_from(ForkServer()):
        yield
