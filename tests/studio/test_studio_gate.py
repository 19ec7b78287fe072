"""Hostile requests to a studio that listens: refused, with a line, and nothing of the folder told or changed."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import uvicorn
from starlette.requests import Request

from limner.foundation.errors import UserError
from limner.studio.folder import Folder
from limner.studio.jobs import Board
from limner.studio.server import Studio

LIMIT = 200_000
SECRET = "nobody may read this"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> str:
        return str(json.loads(self.body)["error"])


class Listening(NamedTuple):
    """A studio on a real socket, as a browser meets it."""

    studio: Studio
    port: int

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/{self.studio.token if token is None else token}{path}", sent, given)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.png").write_text(SECRET)
    folder = outside / "work"
    folder.mkdir()
    Image.new("RGB", (40, 30), "teal").save(folder / "photo.png")
    (folder / "linked.png").symlink_to(outside / "secret.png")
    (folder / ".hidden.png").write_text(SECRET)
    (folder / "page.html").write_text("<script>parent.location = 'http://elsewhere'</script>")
    studio = Studio(Folder.at(folder), Board(Folder.at(folder)), LIMIT)
    socket_ = socket.create_server(("127.0.0.1", 0))
    port = socket_.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(studio.application(port), log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket_]}, daemon=True)
    thread.start()
    yield Listening(studio, port)
    server.should_exit = True
    thread.join(10)
    studio.board.close()


def test_the_address_with_the_token_opens_and_loads_nothing_from_elsewhere(listening: Listening) -> None:
    home = listening.ask("GET", "/")
    assert home.status == 200 and b"Map a scene" in home.body and b"http://" not in home.body
    policy = home.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe-inline'; img" in policy
    assert "script-src 'self';" in policy
    for name in ("studio.css", "studio.js", "easel.js", "report.css", "report_interactive.css", "report.js"):
        answer = listening.ask("GET", f"/static/{name}")
        assert answer.status == 200 and b"http" not in answer.body and b"@import" not in answer.body


@pytest.mark.parametrize("token", ["", "x", "static", "%2e%2e"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/upload?name=a.png"), ("GET", "/static/studio.js")]
)
def test_without_the_token_nothing_is_told(listening: Listening, token: str, method: str, path: str) -> None:
    answer = listening.ask(method, path, b"x" if method == "PUT" else None, token=token)
    assert answer.status == 403 and b"lacks the right token" in answer.body and b"photo" not in answer.body


def test_a_token_that_is_nearly_right_is_wrong(listening: Listening) -> None:
    token = listening.studio.token
    assert len(token) >= 32
    for near in (token[:-1], token + "x", token.swapcase()):
        assert listening.ask("GET", "/", token=near).status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_other_origins_are_refused(listening: Listening, origin: str) -> None:
    before = list(listening.studio.board.jobs())
    for method, path in (("POST", "/recolor/start"), ("PUT", "/upload?name=a.png"), ("GET", "/")):
        answer = listening.ask(method, path, b"{}" if method != "GET" else None, Origin=origin)
        assert answer.status == 403 and b"other sites" in answer.body
        assert "access-control-allow-origin" not in answer.headers
    assert listening.studio.board.jobs() == before


def test_a_request_that_a_browser_calls_cross_site_is_refused(listening: Listening) -> None:
    assert listening.ask("POST", "/example/banepa", {}, Sec_Fetch_Site="cross-site").status == 403
    assert not (listening.studio.folder.root / "studio/uploads/banepa.tif").exists()
    assert listening.ask("POST", "/example/dubai", {}, Sec_Fetch_Site="same-origin").status == 200


def test_another_name_for_this_machine_is_refused(listening: Listening) -> None:
    """A site whose name points to 127.0.0.1 from now on (DNS rebinding) sends its own name as the host."""
    assert listening.ask("GET", "/", Host="evil.example").status == 421
    assert listening.ask("GET", "/", Host=f"evil.example:{listening.port}").status == 421
    assert listening.ask("GET", "/", Host=f"localhost:{listening.port}").status == 200


OUTSIDE = ["../secret.png", "/etc/passwd", "linked.png", "photo.png/../../secret.png", "a\0b", "."]


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_outside_the_folder_are_refused(listening: Listening, path: str) -> None:
    from urllib.parse import quote

    for address in (
        "/file?path=",
        "/file?download&path=",
        "/picture?as=scene&path=",
        "/picture?ground=photo.png&path=",
    ):
        answer = listening.ask("GET", address + quote(path))
        assert answer.status == 400 and SECRET.encode() not in answer.body and b"root:" not in answer.body
    shape = [[0, 0], [1, 0], [1, 1]]
    assert listening.ask("POST", "/drawn", {"over": path, "name": "objects", "shapes": [shape]}).status == 400
    assert listening.ask("PUT", f"/painted?over={quote(path)}", b"\x89PNG").status == 400
    asked = {"photo": path, "like": "photo.png"}
    assert listening.ask("POST", "/recolor/start", asked).status == 400
    assert not listening.studio.board.jobs()


def test_hidden_files_are_not_shown(listening: Listening) -> None:
    answer = listening.ask("GET", "/file?path=.hidden.png")
    assert answer.status == 403 and SECRET.encode() not in answer.body


def test_a_page_that_lies_in_the_folder_can_reach_nothing(listening: Listening) -> None:
    policy = listening.ask("GET", "/file?path=page.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "connect-src" not in policy and "allow-same-origin" not in policy


def test_uploads_have_a_limit_whatever_they_say_of_their_size(listening: Listening) -> None:
    uploads = listening.studio.folder.root / "studio/uploads"
    huge = b"x" * (LIMIT + 1)
    answer = listening.ask("PUT", "/upload?name=huge.tif", huge)
    assert answer.status == 413 and "larger than 0.2 MB" in answer.error()
    with socket.create_connection(("127.0.0.1", listening.port)) as line:  # in chunks, without a length
        head = f"PUT /{listening.studio.token}/upload?name=huge.tif HTTP/1.1\r\nHost: 127.0.0.1:{listening.port}\r\n"
        line.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        line.sendall(f"{LIMIT:x}\r\n".encode() + b"x" * LIMIT + b"\r\n")
        line.sendall(b"1\r\nx\r\n")  # one byte too many: what is sent after it would only reset the connection
        said = b"".join(iter(lambda: line.recv(65536), b""))
    assert b"400" in said.splitlines()[0] and b"larger than" in said
    assert not list(uploads.glob("*huge*"))


def test_an_upload_that_breaks_off_leaves_nothing(listening: Listening) -> None:
    head = f"PUT /{listening.studio.token}/upload?name=half.tif HTTP/1.1\r\nHost: 127.0.0.1:{listening.port}\r\n"
    with socket.create_connection(("127.0.0.1", listening.port)) as line:
        line.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 1000)
    listening.ask("GET", "/")
    for _ in range(100):
        if not list((listening.studio.folder.root / "studio/uploads").glob("*half*")):
            break
        threading.Event().wait(0.05)
    assert not list((listening.studio.folder.root / "studio/uploads").glob("*half*"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a%20photo.PNG", "a-photo.PNG"),
        ("..%2f..%2fup.png", "up.png"),
        ("C:%5cusers%5cwin.jpg", "win.jpg"),
        ("--out.png", "out.png"),
    ],
)
def test_uploads_are_called_plainly_and_lie_in_one_folder(listening: Listening, name: str, kept: str) -> None:
    first, second = (listening.ask("PUT", f"/upload?name={name}", b"bytes") for _ in range(2))
    assert json.loads(first.body)["path"] == f"studio/uploads/{kept}"
    stem, _, ending = kept.rpartition(".")
    assert json.loads(second.body)["path"] == f"studio/uploads/{stem}-1.{ending}"
    assert (listening.studio.folder.root / "studio/uploads" / kept).read_bytes() == b"bytes"


@pytest.mark.parametrize("name", ["", "evil.py", "run.sh", ".png", "model.safetensors", "a.png.exe"])
def test_files_of_other_kinds_are_not_taken_in(listening: Listening, name: str) -> None:
    answer = listening.ask("PUT", f"/upload?name={name}", b"bytes")
    assert answer.status == 400 and "takes files that end in" in answer.error()


def test_an_empty_upload_and_an_unknown_example_are_refused(listening: Listening) -> None:
    assert "is empty" in listening.ask("PUT", "/upload?name=empty.png", b"").error()
    assert "no example" in listening.ask("POST", "/example/passwd", {}).error()


REFUSED: list[tuple[str, Any, str]] = [
    ("recolor", {}, "Photo is missing"),
    ("recolor", {"photo": "photo.png", "like": "photo.png", "method": "evil"}, "Method is 'evil'"),
    ("recolor", {"photo": "photo.png", "like": "photo.png", "strength": "nan"}, "Strength is 'nan'"),
    ("recolor", {"photo": "photo.png", "like": "nothing.png"}, "no such file"),
    ("recolor", {"photo": "photo.png", "like": "photo.png", "out": "/tmp"}, "the page sent out"),
    ("recolor", [], "the page sent no fields"),
    ("segment", {"scene": "photo.png", "run": "../work"}, "Run is '../work'"),
    ("segment", {"scene": "photo.png", "run": "--help"}, "Run is '--help'"),
    ("segment", {"scene": "photo.png", "run": "buildings", "threshold": "2"}, "Threshold is '2'"),
    ("segment", {"scene": "page.html", "run": "buildings"}, "Scene ends in"),
    ("train", {"recipe": "/etc/passwd"}, "Recipe is"),
    ("train", {"recipe": "segment/modern", "data": ".."}, "lies outside"),
    ("train", {"recipe": "segment/modern", "settings": "--out /tmp/x"}, "without /"),
    ("train", {"recipe": "segment/modern", "settings": "--out elsewhere"}, "--out is no setting"),
    ("train", {"recipe": "segment/modern", "settings": "--data.paths .."}, "--data.paths is no setting"),
    ("train", {"recipe": "segment/modern", "name": "../x"}, "Name is '../x'"),
    ("train", {"recipe": "segment/modern", "target": "--overwrite"}, "does not begin with -"),
    ("look", {"picture": "photo.png", "run": "evil.py:Net"}, "Run is 'evil.py:Net'"),
]


@pytest.mark.parametrize(("page", "given", "line"), REFUSED)
def test_what_fields_cannot_hold_is_refused_and_begins_nothing(
    listening: Listening, page: str, given: Any, line: str
) -> None:
    before = {path for path in listening.studio.folder.root.rglob("*") if path.is_dir()}
    answer = listening.ask("POST", f"/{page}/start", given)
    assert answer.status == 400 and line in answer.error() and "\n" not in answer.error()
    assert {path for path in listening.studio.folder.root.rglob("*") if path.is_dir()} == before
    assert not listening.studio.board.jobs()


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"photo": "' + b"x" * 200_000 + b'"}'])
def test_requests_that_are_no_json_are_refused(listening: Listening, body: bytes) -> None:
    answer = listening.ask("POST", "/recolor/start", body)
    assert answer.status == 400 and "load the page again" in answer.error()


def test_drawings_and_masks_have_limits(listening: Listening) -> None:
    drawn = listening.ask("POST", "/drawn", b'{"over": "' + b"x" * 2_100_000)
    painted = listening.ask("PUT", "/painted?over=photo.png", b"x" * 8_100_000)
    assert (drawn.status, painted.status) == (400, 400)
    assert "too long" in drawn.error() and "too large" in painted.error()


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/../server.py", "/static/server.py", "/work/none", "/run?name=none"]
)
def test_what_is_not_there_is_told_in_a_line(listening: Listening, path: str) -> None:
    answer = listening.ask("GET", path)
    assert answer.status in (400, 404) and answer.error() and b"Traceback" not in answer.body


def test_pictures_are_shown_and_what_is_none_is_told(listening: Listening) -> None:
    answer = listening.ask("GET", "/picture?as=scene&path=photo.png&px=20")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    (listening.studio.folder.root / "broken.png").write_bytes(b"no picture")
    assert listening.ask("GET", "/picture?as=scene&path=broken.png").status == 400
    for query in ("as=evil&path=photo.png", "as=scene&path=photo.png&px=abc", "as=frame&path=photo.png&number=9"):
        assert listening.ask("GET", f"/picture?{query}").status == 400


def test_a_record_that_somebody_changed_runs_nothing_else(tmp_path: Path) -> None:
    """Going on makes the command anew from what the page was given."""
    place = tmp_path / "studio/recolor-001"
    place.mkdir(parents=True)
    record = {
        "id": "recolor-001", "page": "recolor", "words": ["look", "evil.py:Net", "a.png"],
        "values": {"photo": "../a.png", "like": "b.png"}, "state": "stopped",
    }  # fmt: skip
    (place / "job.json").write_text(json.dumps(record))
    (tmp_path / "studio/damaged-001").mkdir()
    (tmp_path / "studio/damaged-001/job.json").write_text("{")
    studio = Studio(Folder.at(tmp_path), Board(Folder.at(tmp_path)))
    (job,) = studio.board.jobs()

    with pytest.raises(UserError, match="lies outside"):
        studio.work.act(Request({"type": "http", "path_params": {"id": job.id, "act": "again"}}))
    assert studio.board.job(job.id).state == "stopped"


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        Folder.at(tmp_path / "none")
