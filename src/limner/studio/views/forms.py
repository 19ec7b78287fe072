"""Pages with their fields, the command that follows from them, and its beginning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from limner.foundation.errors import UserError
from limner.foundation.machine.disk import size
from limner.studio import runs
from limner.studio.fields import read_all
from limner.studio.folder import WORK, Folder
from limner.studio.jobs import Board, Job, command_line
from limner.studio.page import Page
from limner.studio.pages import PAGES
from limner.studio.views.answers import Templates, asked


@dataclass(frozen=True)
class Forms:
    """most_uploaded: bytes of a file that is taken in."""

    folder: Folder
    board: Board
    templates: Templates
    most_uploaded: int

    def routes(self) -> list[Route]:
        """Those of pages; other routes come before them."""
        return [
            Route("/{page}", self.page),
            Route("/{page}/command", self.command, methods=["POST"]),
            Route("/{page}/start", self.start, methods=["POST"]),
        ]

    def home(self, request: Request) -> Response:
        """What can be done here, and what is at work."""
        return self.templates.page(request, "home.html", here="home", jobs=self.board.jobs()[:6])

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
                choices[item.name] = runs.runs_of(self.folder, item.room, item.tasks)  # type: ignore[attr-defined]
            elif item.kind == "choice":
                choices[item.name] = item.entries()  # type: ignore[attr-defined]
        more = {"filled": filled, "choices": choices, "limit": size(self.most_uploaded)}
        return self.templates.page(request, "page.html", here=page.name, page=page, **more)

    async def command(self, request: Request) -> Response:
        """The command that follows from what the fields hold."""
        page, given = _page_of(request), await asked(request)
        try:
            values = read_all(page.fields, given, self.folder)
            place = f"runs/{page.run_name(values)}-001" if page.run_name else f"{WORK}/{page.name}-001"
            return JSONResponse({"command": command_line(page.words(values, place)), "lacks": None})
        except UserError as error:
            return JSONResponse({"command": f"{page.command} ...", "lacks": str(error)})

    async def start(self, request: Request) -> Response:
        """Begin a job with what the fields hold."""
        page, given = _page_of(request), await asked(request)
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


def _page_of(request: Request) -> Page:
    name = request.path_params["page"]
    if name not in PAGES:
        raise UserError(f"no page '{name[:80]}'; there are {', '.join(PAGES)}")
    return PAGES[name]
