"""The studio's server: pages, jobs, files of one folder, for one browser on this machine.

Starlette answers, uvicorn listens, on 127.0.0.1 alone. Everything passes the gate (`limner.studio.views.gate`); every
path that a request names is held against the folder (`limner.studio.folder`). What is answered stands in
`limner.studio.views`.
"""

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from limner.foundation.errors import UserError
from limner.studio import processes
from limner.studio.folder import Folder
from limner.studio.jobs import Board
from limner.studio.views.answers import HANDLERS, Templates
from limner.studio.views.drawings import Drawings
from limner.studio.views.files import Files
from limner.studio.views.forms import Forms
from limner.studio.views.gate import Application, Gate
from limner.studio.views.work import Work

MOST_UPLOADED = 2 * 10**9
"""Bytes of a file that is taken in, unless the studio is started with another limit."""


@dataclass
class Studio:
    """What one start of the studio serves. most_uploaded: bytes of a file that is taken in."""

    folder: Folder
    board: Board
    most_uploaded: int = MOST_UPLOADED
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        templates = Templates(self.folder)
        self.forms = Forms(self.folder, self.board, templates, self.most_uploaded)
        self.work = Work(self.folder, self.board, templates, self.forms)

    def application(self, port: int) -> Application:
        """All of it, behind the gate."""
        routes = [
            Route("/", self.forms.home),
            *Files(self.folder, self.most_uploaded).routes(),
            *Drawings(self.folder).routes(),
            *self.work.routes(),
            *self.forms.routes(),
        ]
        return Gate(Starlette(routes=routes, exception_handlers=HANDLERS), self.token, port)


def serve(studio: Studio, port: int, ready: Callable[[str], None]) -> None:
    """Listen on 127.0.0.1 until Ctrl-C, then stop the jobs. port: 0 for a free one. ready: is given the address.

    Raises `UserError` for a port that cannot be had.
    """
    import uvicorn

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise UserError(f"--port {port}: cannot be had ({error}); leave it out for a free one") from None
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        studio.application(port), log_level="warning", access_log=False, server_header=False, date_header=False,
        timeout_graceful_shutdown=2, lifespan="off", ws="none", proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)

    async def run() -> None:
        ready(f"http://127.0.0.1:{port}/{studio.token}/")
        await server.serve(sockets=[listening])

    try:
        asyncio.run(run())
    finally:
        listening.close()
        studio.board.close()


def open_studio(path: Path, most_uploaded: int = MOST_UPLOADED) -> Studio:
    """The studio of a folder. Raises `UserError` where there is none."""
    folder = Folder.at(path)
    if not processes.can_fork():
        return Studio(folder, Board(folder), most_uploaded)
    processes.get_ready()
    return Studio(folder, Board(folder, begin=processes.fork), most_uploaded)
