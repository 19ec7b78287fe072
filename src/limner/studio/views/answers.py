"""What every answer shares: templates, lines about mistakes, and requests read with a limit."""

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from limner.foundation.errors import UserError
from limner.foundation.unexpected import expected_line
from limner.foundation.version import __version__
from limner.studio.folder import Folder
from limner.studio.pages import PAGES

MOST_ASKED = 100_000
"""Bytes of a request that is no file."""
STATUS = {
    "waiting": "waits",
    "working": "works",
    "stopping": "stops",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
}


class Templates:
    """Pages by their templates. folder: whose name they tell."""

    def __init__(self, folder: Folder) -> None:
        loader = PackageLoader("limner.studio", "web/templates")
        self._environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        shared = {"pages": PAGES, "version": __version__, "status_words": STATUS, "folder_name": folder.root.name}
        self._environment.globals.update(shared)

    def html(self, request: Request, template: str, **values: Any) -> str:
        """A template with these values."""
        return self._environment.get_template(template).render(at=request.scope["root_path"], **values)

    def page(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """The same as an answer."""
        return HTMLResponse(self.html(request, template, **values))


async def body_of(request: Request, most: int, too_long: str) -> bytes:
    """The body of a request. Raises `UserError` with the line ``too_long`` for more than so many bytes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise UserError(too_long)
    return body


async def asked(request: Request, most: int = MOST_ASKED) -> Any:
    """The JSON of a request. Raises `UserError` for what is none, or longer than ``most`` bytes."""
    body = await body_of(request, most, "the request is too long; load the page again")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise UserError("the request is no JSON; load the page again") from None


def whole_number(text: str) -> int:
    """A number of an address. Raises `UserError` for what is none."""
    if not text.isdecimal() or len(text) > 6:
        raise UserError(f"'{text[:20]}' is no number")
    return int(text)


def line(words: str, status: int) -> Response:
    """A line about what cannot be done."""
    return JSONResponse({"error": words}, status_code=status)


def _failed(_: Request, error: Exception) -> Response:
    if isinstance(error, UserError):
        return line(str(error), 400)
    expected = expected_line(error)
    return line(expected or f"a fault of limner's own: {type(error).__name__}; the terminal tells more", 500)


def _not_found(_: Request, __: Exception) -> Response:
    return line("there is no such page", 404)


HANDLERS: Mapping[Any, Any] = {Exception: _failed, UserError: _failed, OSError: _failed, 404: _not_found}
"""What is answered where something failed."""
