"""The studio's server: pages, jobs, files of one folder, for one browser on this machine.

Starlette answers, uvicorn listens, on 127.0.0.1 alone. Everything passes the gate (`limner.studio.gate`); every path
that a request names is held against the folder (`limner.studio.folder`).
"""

import asyncio
import json
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.machine.disk import size
from limner.foundation.unexpected import expected_line
from limner.foundation.version import __version__
from limner.studio import pictures, processes, runs
from limner.studio.fields import read_all
from limner.studio.folder import EXAMPLES, RECEIVED, UPLOADS, WORK, Folder
from limner.studio.gate import Application, Gate
from limner.studio.jobs import ENDED, Board, Job, command_line
from limner.studio.page import Block, Output, Page, printed
from limner.studio.pages import PAGES

MOST_UPLOADED = 2 * 10**9
"""Bytes of a file that is taken in, unless the studio is started with another limit."""
MOST_ASKED = 100_000
"""Bytes of any other request."""
LARGEST_SHOWN_PX = 2000
SPARE = 500 * 10**6
"""Bytes that an upload leaves free on the disk."""
SHOWN_INLINE = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".mp4": "video/mp4", ".html": "text/html; charset=utf-8",
}  # fmt: skip
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; frame-ancestors 'self'"
)
"""Of reports and pages that runs and jobs left: they may show themselves, and neither load nor send anything."""
OWN, OF_REPORTS = resources.files("limner.studio") / "web/static", resources.files("limner.reporting")
STATIC = {
    "studio.css": OWN / "studio.css",
    "studio.js": OWN / "studio.js",
    "report.css": OF_REPORTS / "report.css",
    "report_interactive.css": OF_REPORTS / "report_interactive.css",
    "report.js": OF_REPORTS / "report.js",
}
STATUS = {
    "waiting": "waits",
    "working": "works",
    "stopping": "stops",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
}


@dataclass
class Studio:
    """What one start of the studio serves. most_uploaded: bytes of a file that is taken in."""

    folder: Folder
    board: Board
    most_uploaded: int = MOST_UPLOADED
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        loader = PackageLoader("limner.studio", "web/templates")
        self._environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        shared = {"pages": PAGES, "version": __version__, "status_words": STATUS, "folder_name": self.folder.root.name}
        self._environment.globals.update(shared)

    def application(self, port: int) -> Application:
        """All of it, behind the gate."""
        routes = [
            Route("/", self.home),
            Route("/static/{name}", self.static),
            Route("/upload", self.upload, methods=["PUT"]),
            Route("/example/{name}", self.example, methods=["POST"]),
            Route("/file", self.file),
            Route("/picture", self.picture),
            Route("/work", self.work),
            Route("/work/{id}", self.job),
            Route("/work/{id}/live", self.live),
            Route("/work/{id}/{act}", self.act, methods=["POST"]),
            Route("/runs", self.runs),
            Route("/run", self.run),
            Route("/run/live", self.run_live),
            Route("/{page}", self.page),
            Route("/{page}/command", self.command, methods=["POST"]),
            Route("/{page}/start", self.start, methods=["POST"]),
        ]
        handlers: Mapping[Any, Any] = {Exception: _failed, UserError: _failed, OSError: _failed, 404: _not_found}
        return Gate(Starlette(routes=routes, exception_handlers=handlers), self.token, port)

    # --- pages -----------------------------------------------------------------------------------------------------

    def shown(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """A page by its template."""
        at = request.scope["root_path"]
        return HTMLResponse(self._environment.get_template(template).render(at=at, **values))

    def home(self, request: Request) -> Response:
        """What can be done here, and what is at work."""
        return self.shown(request, "home.html", here="home", jobs=self.board.jobs()[:6])

    def page(self, request: Request) -> Response:
        """A page with its fields, filled as the address or the job that it names says."""
        page = _page_of(request)
        filled = {item.name: item.default for item in page.fields}
        if job := request.query_params.get("job"):
            filled |= {name: value for name, value in self.board.job(job).values.items() if name in filled}
        filled |= {name: value for name, value in request.query_params.items() if name in filled}
        choices: dict[str, Any] = {}
        for item in page.fields:
            if item.kind == "file":
                choices[item.name] = self.folder.files(item.suffixes)  # type: ignore[attr-defined]
            elif item.kind == "folder":
                choices[item.name] = self.folder.folders()
            elif item.kind == "run":
                choices[item.name] = runs.runs_of(self.folder, item.room)  # type: ignore[attr-defined]
            elif item.kind == "choice":
                choices[item.name] = item.entries()  # type: ignore[attr-defined]
        limit = size(self.most_uploaded)
        return self.shown(request, "page.html", here=page.name, page=page, filled=filled, choices=choices, limit=limit)

    async def command(self, request: Request) -> Response:
        """The command that follows from what the fields hold."""
        page, given = _page_of(request), await _asked(request)
        try:
            values = read_all(page.fields, given, self.folder)
            place = f"runs/{page.run_name(values)}-001" if page.run_name else f"{WORK}/{page.name}-001"
            return JSONResponse({"command": command_line(page.words(values, place)), "lacks": None})
        except UserError as error:
            return JSONResponse({"command": f"limner {page.name} ...", "lacks": str(error)})

    async def start(self, request: Request) -> Response:
        """Begin a job with what the fields hold."""
        page, given = _page_of(request), await _asked(request)
        return JSONResponse({"job": (await run_in_threadpool(self.begin, page, given)).id})

    def begin(self, page: Page, given: Any) -> Job:
        """A new job of a page. Raises `UserError` for what its fields cannot hold."""
        values = read_all(page.fields, given, self.folder)
        page.words(values, page.name)  # what is wrong is told before a folder is made
        place = self.folder.numbered(WORK, page.name)
        writes = ""
        if page.run_name is not None:
            writes = self.folder.named(self.folder.numbered("runs", page.run_name(values)))
        return self.board.start(self.job_of(page, values, place.name, writes))

    def job_of(self, page: Page, values: Mapping[str, Any], id: str, writes: str) -> Job:
        """The job of a page with these values."""
        words = tuple(page.words(values, writes or f"{WORK}/{id}"))
        return Job(id=id, page=page.name, words=words, values=values, writes=writes, as_json=page.as_json)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def work(self, request: Request) -> Response:
        """All jobs of the folder."""
        return self.shown(request, "work.html", here="work", jobs=self.board.jobs())

    def job(self, request: Request) -> Response:
        """A job, its progress and its result."""
        job = self.board.job(request.path_params["id"])
        return self.shown(request, "job.html", here=job.page, page=PAGES.get(job.page), **self._told(job))

    def live(self, request: Request) -> Response:
        """What changes of a job's page."""
        job = self.board.job(request.path_params["id"])
        told = self._told(job)
        html = self.shown(request, "result.html", **told).body
        state = {"state": job.state, "line": told["told"]["line"], "share": told["told"]["share"]}
        return JSONResponse(
            {**state, "said": told["told"]["said"], "html": bytes(html).decode(), "ended": job.state in ENDED}
        )

    def _told(self, job: Job) -> dict[str, Any]:
        blocks: list[Block] = []
        output = Output(self.folder, job, self.board.place(job), self.board.result(job))
        if (page := PAGES.get(job.page)) is not None:
            ended = job.state in ENDED
            try:
                blocks = list((page.show if ended else page.live)(output))
            except (UserError, OSError, KeyError, TypeError, IndexError) as error:
                said = str(error) if isinstance(error, UserError) else "its files are not there any more, or damaged"
                blocks = [{"kind": "caution", "text": f"The result cannot be shown: {said}"}]
            if job.state == "failed" and not blocks and output.printed:
                blocks = [printed(output.printed[-5000:])]
        return {"job": job, "told": self.board.told(job), "blocks": blocks, "ended": job.state in ENDED}

    def act(self, request: Request) -> Response:
        """Stop a job, or go on with it."""
        job = self.board.job(request.path_params["id"])
        if request.path_params["act"] == "stop":
            return JSONResponse({"state": self.board.stop(job.id).state})
        if request.path_params["act"] != "again":
            return _line("there is no such page", 404)
        page = PAGES.get(job.page)
        if page is None:
            raise UserError(f"{job.id}: its page '{job.page}' is not known to this limner")
        # The command is made anew from what was given: a record that somebody changed runs nothing else.
        values = read_all(page.fields, dict(job.values), self.folder)
        writes = self.folder.named(self.folder.inside(job.writes)) if page.run_name is not None else ""
        return JSONResponse({"state": self.board.start(self.job_of(page, values, job.id, writes)).state})

    # --- runs ------------------------------------------------------------------------------------------------------

    def runs(self, request: Request) -> Response:
        """All runs, with their scores."""
        return self.shown(request, "runs.html", here="runs", runs=runs.listed(self.folder))

    def run(self, request: Request) -> Response:
        """A run with its curves and pictures."""
        name = request.query_params.get("name", "")
        blocks = runs.shown(self.folder, runs.run_called(self.folder, name))
        job = next((job for job in self.board.jobs() if job.writes == name), None)
        listed = next(each for each in runs.listed(self.folder) if each.name == name)
        return self.shown(request, "run.html", here="runs", run=listed, blocks=blocks, job=job)

    def run_live(self, request: Request) -> Response:
        """What changes of a run's page while it is trained, here or in a terminal."""
        name = request.query_params.get("name", "")
        blocks = runs.shown(self.folder, runs.run_called(self.folder, name))
        html = self.shown(request, "result.html", blocks=blocks, ended=False).body
        listed = next(each for each in runs.listed(self.folder) if each.name == name)
        line = f"{listed.status}; {listed.score}" if listed.score else listed.status
        ended = listed.status != "running"
        return JSONResponse(
            {
                "state": listed.status,
                "line": line,
                "share": None,
                "said": [],
                "html": bytes(html).decode(),
                "ended": ended,
            }
        )

    # --- files -----------------------------------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        """Take in a file, whose body the request is, under a free name."""
        name = request.query_params.get("name", "")
        path = self.folder.place_for(name)
        length = request.headers.get("content-length", "")
        too_large = f"{name[:80]}: larger than {size(self.most_uploaded)}; put it into the folder yourself"
        if length.isdecimal() and int(length) > self.most_uploaded:
            return _line(too_large, 413)
        free = shutil.disk_usage(self.folder.root).free
        if length.isdecimal() and int(length) + SPARE > free:
            return _line(f"{name[:80]}: the disk has no room for it ({size(free)} free)", 507)
        path.parent.mkdir(parents=True, exist_ok=True)
        received = 0
        try:
            with replacing(path) as temporary:
                with temporary.open("wb") as file:
                    async for part in request.stream():
                        received += len(part)
                        if received > self.most_uploaded:
                            raise UserError(too_large)
                        await run_in_threadpool(file.write, part)
                if received == 0:
                    raise UserError(f"{name[:80]}: is empty")
        except ClientDisconnect:
            return _line("the upload was broken off", 400)
        return JSONResponse({"path": self.folder.named(path)})

    def example(self, request: Request) -> Response:
        """Copy what is bundled into the folder, once."""
        source = EXAMPLES.get(request.path_params["name"])
        if source is None:
            raise UserError(f"no example '{request.path_params['name'][:80]}'; there are {', '.join(EXAMPLES)}")
        path = self.folder.root / UPLOADS / source.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                (shutil.copytree if source.is_dir() else shutil.copyfile)(source, temporary)
        return JSONResponse({"path": self.folder.named(path)})

    def file(self, request: Request) -> Response:
        """A file of the folder: pictures, films and reports to look at, all else to download."""
        path = self.folder.inside(request.query_params.get("path", ""))
        if not path.is_file():
            return _line("no such file in the studio's folder", 404)
        if _is_hidden(path.relative_to(self.folder.root)):
            return _line("hidden files are not shown", 403)
        kind = SHOWN_INLINE.get(path.suffix.lower())
        if kind is None or "download" in request.query_params:
            return FileResponse(path, filename=path.name, media_type="application/octet-stream")
        more = {"content-security-policy": SANDBOX} if kind.startswith("text/html") else {}
        return FileResponse(path, media_type=kind, headers=more)

    def picture(self, request: Request) -> Response:
        """A picture, scene or map as browsers can show it."""
        asked = request.query_params
        path = self.folder.inside(asked.get("path", ""))
        ground = self.folder.inside(asked["ground"]) if "ground" in asked else None
        for each in (path, ground):
            if each is not None and (not each.is_file() or each.suffix.lower() not in RECEIVED | {".gif"}):
                return _line("no such picture in the studio's folder", 404)
        number, longest = _number(asked.get("number", "0")), _number(asked.get("px", str(pictures.LONGEST_PX)))
        longest = min(max(longest, 16), LARGEST_SHOWN_PX)
        body, kind = pictures.shown(asked.get("as", "scene"), path, longest, ground, number)
        return Response(body, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    def static(self, request: Request) -> Response:
        """Style sheets and scripts; those of reports are the studio's, too."""
        name = request.path_params["name"]
        if name not in STATIC:
            return _line("no such file", 404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(STATIC[name].read_bytes(), media_type=kind)


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


def _page_of(request: Request) -> Page:
    name = request.path_params["page"]
    if name not in PAGES:
        raise UserError(f"no page '{name[:80]}'; there are {', '.join(PAGES)}")
    return PAGES[name]


async def _asked(request: Request) -> Any:
    """The JSON of a request. Raises `UserError` for what is none, or too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_ASKED:
            raise UserError("the request is too long; load the page again")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise UserError("the request is no JSON; load the page again") from None


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise UserError(f"'{text[:20]}' is no number")
    return int(text)


def _is_hidden(below: Path) -> bool:
    return any(part.startswith(".") for part in below.parts)


def _line(words: str, status: int) -> Response:
    return JSONResponse({"error": words}, status_code=status)


def _failed(_: Request, error: Exception) -> Response:
    if isinstance(error, UserError):
        return _line(str(error), 400)
    line = expected_line(error)
    return _line(line or f"a fault of limner's own: {type(error).__name__}; the terminal tells more", 500)


def _not_found(_: Request, __: Exception) -> Response:
    return _line("there is no such page", 404)
