"""Who may come in: this machine's own browser, by the address that was printed, and nobody else.

Every request passes here first, whatever it is for. A page of another site that a browser on this machine shows can
send requests to 127.0.0.1, too; it neither knows the token in the path, nor can it hide its origin, nor can a name
that it lets point to 127.0.0.1 pass for ours.
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Browsers load nothing from elsewhere, whatever a page names."""
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
SAFE = ("GET", "HEAD")
OWN_SITES = ("same-origin", "none")
"""What a browser's ``Sec-Fetch-Site`` says of our own pages, and of an address that somebody typed."""


class Gate:
    """An application behind the token, the host and the origin. All of it lies below ``/<token>``.

    token: a secret of this start. port: the one that is listened to on 127.0.0.1.
    """

    def __init__(self, application: Application, token: str, port: int) -> None:
        self.application, self.token = application, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
        elif scope["type"] != "http":  # there are no WebSockets here
            await send({"type": "websocket.close", "code": 1008})
        elif said := self.refusal(scope):
            await _refuse(send, *said)
        else:
            await self.application({**scope, "root_path": f"/{self.token}"}, receive, _with_headers(send))

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is refused, as a status and a line; None lets it in."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host") not in self.hosts:
            return 421, "this is limner studio on 127.0.0.1; use the address that it printed"
        given = scope["path"].split("/")[1]
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return 403, "the address lacks the right token; use the one that limner studio printed when it started"
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            return 403, "requests of other sites are refused"
        site = headers.get("sec-fetch-site", "none")
        if scope["method"] not in SAFE and site not in OWN_SITES:
            return 403, "requests of other sites are refused"
        return None


async def _refuse(send: Send, status: int, line: str) -> None:
    body = f"limner: {line}\n".encode()
    headers = {**HEADERS, "content-type": "text/plain; charset=utf-8", "content-length": str(len(body))}
    await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            more = [(name, value) for name, value in _encoded(HEADERS) if name not in own]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
