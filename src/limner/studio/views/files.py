"""Files of the folder: taken in, shown as browsers can, and downloaded."""

import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.machine.disk import size
from limner.studio import pictures
from limner.studio.folder import EXAMPLES, RECEIVED, UPLOADS, Folder
from limner.studio.views.answers import line, whole_number

LARGEST_SHOWN_PX = 2000
SPARE = 500 * 10**6
"""Bytes that an upload leaves free on the disk."""
SHOWN_INLINE = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".mp4": "video/mp4", ".webm": "video/webm", ".wav": "audio/wav", ".html": "text/html; charset=utf-8",
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
    "easel.js": OWN / "easel.js",
    "report.css": OF_REPORTS / "report.css",
    "report_interactive.css": OF_REPORTS / "report_interactive.css",
    "report.js": OF_REPORTS / "report.js",
}


@dataclass(frozen=True)
class Files:
    """most_uploaded: bytes of a file that is taken in."""

    folder: Folder
    most_uploaded: int

    def routes(self) -> list[Route]:
        """Those of files."""
        return [
            Route("/static/{name}", self.static),
            Route("/upload", self.upload, methods=["PUT"]),
            Route("/example/{name}", self.example, methods=["POST"]),
            Route("/file", self.file),
            Route("/picture", self.picture),
        ]

    async def upload(self, request: Request) -> Response:
        """Take in a file, whose body the request is, under a free name."""
        name = request.query_params.get("name", "")
        path = self.folder.place_for(name)
        length = request.headers.get("content-length", "")
        too_large = f"{name[:80]}: larger than {size(self.most_uploaded)}; put it into the folder yourself"
        if length.isdecimal() and int(length) > self.most_uploaded:
            return line(too_large, 413)
        free = shutil.disk_usage(self.folder.root).free
        if length.isdecimal() and int(length) + SPARE > free:
            return line(f"{name[:80]}: the disk has no room for it ({size(free)} free)", 507)
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
            return line("the upload was broken off", 400)
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
            return line("no such file in the studio's folder", 404)
        if _is_hidden(path.relative_to(self.folder.root)):
            return line("hidden files are not shown", 403)
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
            if each is not None and (not each.is_file() or each.suffix.lower() not in RECEIVED):
                return line("no such picture in the studio's folder", 404)
        number = whole_number(asked.get("number", "0"))
        longest = min(max(whole_number(asked.get("px", str(pictures.LONGEST_PX))), 16), LARGEST_SHOWN_PX)
        body, kind = pictures.shown(asked.get("as", "scene"), path, longest, ground, number)
        return Response(body, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    def static(self, request: Request) -> Response:
        """Style sheets and scripts; those of reports are the studio's, too."""
        name = request.path_params["name"]
        if name not in STATIC:
            return line("no such file", 404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(STATIC[name].read_bytes(), media_type=kind)


def _is_hidden(below: Path) -> bool:
    return any(part.startswith(".") for part in below.parts)
