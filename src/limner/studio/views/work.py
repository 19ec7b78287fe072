"""Jobs and runs: how they stand, their results, a stop, and going on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from limner.foundation.errors import UserError
from limner.studio import runs
from limner.studio.fields import read_all
from limner.studio.folder import Folder
from limner.studio.jobs import ENDED, Board, Job
from limner.studio.page import Block, Output, printed
from limner.studio.pages import PAGES
from limner.studio.runs import Listed
from limner.studio.views.answers import Templates, line
from limner.studio.views.forms import Forms

MOST_PRINTED = 5000


@dataclass(frozen=True)
class Work:
    """What is at work in a folder, and what was."""

    folder: Folder
    board: Board
    templates: Templates
    forms: Forms

    def routes(self) -> list[Route]:
        """Those of jobs and runs."""
        return [
            Route("/work", self.work),
            Route("/work/{id}", self.job),
            Route("/work/{id}/live", self.live),
            Route("/work/{id}/{act}", self.act, methods=["POST"]),
            Route("/runs", self.runs),
            Route("/run", self.run),
            Route("/run/live", self.run_live),
        ]

    def work(self, request: Request) -> Response:
        """All jobs of the folder."""
        return self.templates.page(request, "work.html", here="work", jobs=self.board.jobs())

    def job(self, request: Request) -> Response:
        """A job, its progress and its result."""
        job = self.board.job(request.path_params["id"])
        shown = self._shown(job)
        return self.templates.page(request, "job.html", here=job.page, page=PAGES.get(job.page), **shown)

    def live(self, request: Request) -> Response:
        """What changes of a job's page."""
        job = self.board.job(request.path_params["id"])
        shown = self._shown(job)
        html = self.templates.html(request, "result.html", **shown)
        return JSONResponse({"state": job.state, **shown["told"], "html": html, "ended": job.state in ENDED})

    def _shown(self, job: Job) -> dict[str, Any]:
        blocks: list[Block] = []
        output = Output(self.folder, job, self.board.place(job), self.board.result(job), self.board.jobs())
        ended = job.state in ENDED
        if (page := PAGES.get(job.page)) is not None:
            try:
                blocks = list((page.show if ended else page.live)(output))
            except (UserError, OSError, KeyError, TypeError, IndexError) as error:
                said = str(error) if isinstance(error, UserError) else "its files are not there any more, or damaged"
                blocks = [{"kind": "caution", "text": f"The result cannot be shown: {said}"}]
            if job.state == "failed" and not blocks and output.printed:
                blocks = [printed(output.printed[-MOST_PRINTED:])]
        return {"job": job, "told": self.board.told(job), "blocks": blocks, "ended": ended}

    def act(self, request: Request) -> Response:
        """Stop a job, or go on with it."""
        job = self.board.job(request.path_params["id"])
        if request.path_params["act"] == "stop":
            return JSONResponse({"state": self.board.stop(job.id).state})
        if request.path_params["act"] != "again":
            return line("there is no such page", 404)
        page = PAGES.get(job.page)
        if page is None:
            raise UserError(f"{job.id}: its page '{job.page}' is not known to this limner")
        # The command is made anew from what was given: a record that somebody changed runs nothing else.
        values = read_all(page.fields, dict(job.values), self.folder)
        writes = self.folder.named(self.folder.inside(job.writes)) if page.run_name is not None else ""
        return JSONResponse({"state": self.board.start(self.forms.job_of(page, values, job.id, writes)).state})

    def runs(self, request: Request) -> Response:
        """All runs, with their scores."""
        return self.templates.page(request, "runs.html", here="runs", runs=runs.listed(self.folder))

    def run(self, request: Request) -> Response:
        """A run with its curves and pictures."""
        listed, blocks = self._run(request)
        job = next((job for job in self.board.jobs() if job.writes == listed.name), None)
        return self.templates.page(request, "run.html", here="runs", run=listed, blocks=blocks, job=job)

    def run_live(self, request: Request) -> Response:
        """What changes of a run's page while it is trained, here or in a terminal."""
        listed, blocks = self._run(request)
        html = self.templates.html(request, "result.html", blocks=blocks, ended=False)
        told = f"{listed.status}; {listed.score}" if listed.score else listed.status
        ended = listed.status != "running"
        state: dict[str, Any] = {"state": listed.status, "line": told, "share": None, "said": []}
        return JSONResponse({**state, "html": html, "ended": ended})

    def _run(self, request: Request) -> tuple[Listed, Sequence[Block]]:
        name = request.query_params.get("name", "")
        blocks = runs.shown(self.folder, runs.run_called(self.folder, name))
        return next(each for each in runs.listed(self.folder) if each.name == name), blocks
