"""The verb studio: the verbs on a local web page."""

import json
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Json, verb
from limner.foundation.command_line import INPUT, OUTPUT
from limner.foundation.errors import UserError
from limner.foundation.progress import say

HERE = Path()


@verb
def studio(
    folder: Annotated[
        Path, Parameter(help="Where your pictures and runs lie; results go there, and nowhere else.", group=INPUT)
    ] = HERE,
    /,
    *,
    port: Annotated[int, Parameter(help="Of 127.0.0.1; 0: a free one.", group=OUTPUT)] = 0,
    upload_mb: Annotated[int, Parameter(help="The largest file that the page takes in, in MB.", group=INPUT)] = 2000,
    no_browser: Annotated[bool, Parameter(negative=(), help="Only print the address.", group=OUTPUT)] = False,
    as_json: Json = False,
) -> None:
    """The verbs on a local web page: maps, colors, trainings with their curves, each with the command that does it."""
    if not 0 <= port <= 65535:
        raise UserError(f"--port is {port}; needed: 1024 to 65535, or 0 for a free one")
    if upload_mb < 1:
        raise UserError(f"--upload-mb is {upload_mb}; needed: 1 or more")
    try:
        from limner.studio.server import open_studio, serve
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise UserError(f"the studio needs {error.name}; run: pip install 'limner[studio]'") from None
    opened = open_studio(folder, upload_mb * 10**6)

    def ready(address: str) -> None:
        print(json.dumps({"address": address}) if as_json else address, flush=True)
        where = opened.folder.root
        say(f"limner studio works in {where}; the address is for this machine and this start alone. Ctrl-C ends it")
        if not no_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    serve(opened, port, ready)
