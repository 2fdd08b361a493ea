"""Let nobody but the page itself, opened by its link, talk to the server: host, origin, session and headers.

Other pages in the same browser are the danger: they can send requests to 127.0.0.1, by a name of their own that
resolves to it, too. So requests must name a host that is served; those that change something must come from the
page's own origin; and all but the page's own files need the cookie that the token in the link is exchanged for.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE_METHODS = {"GET", "HEAD"}
_OPEN_PATHS = ("/", "/favicon.ico", "/api/session")
_OPEN_FOLDER = "/page/"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may talk to the server: the hosts that it is known by, the token of its link, and the page's session."""

    hosts: frozenset[str]
    cookie: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @classmethod
    def at(cls, address: str, port: int) -> Access:
        """Return the access of a server at an address; on loopback, by all names of that."""
        names: Iterable[str] = (_bracketed(address),)
        if is_loopback(address):
            names = (*names, *_LOOPBACK)
        # Browsers send the cookies of one port to all others of the host, so each has a name of its own.
        return cls(frozenset(f"{name}:{port}".lower() for name in names), f"dreamvid_studio_{port}")

    def takes(self, token: object) -> bool:
        """Return whether a token is that of the link."""
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self.token.encode())

    def knows(self, headers: Headers) -> bool:
        """Return whether a request carries the page's cookie."""
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return False
        value = cookies[self.cookie].value if self.cookie in cookies else ""
        return hmac.compare_digest(value.encode(), self.session.encode())


def is_loopback(address: str) -> bool:
    """Return whether an address is this machine's own, which no other machine reaches."""
    return address in {"127.0.0.1", "::1", "localhost"}


class AccessMiddleware:
    """Refuse what does not come from the page, and send headers that forbid the page everything foreign."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        status, text = refusal
        await JSONResponse({"error": text}, status)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason where a request is refused."""
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._access.hosts:
            return 403, "this address is not served"
        origins = headers.getlist("origin")
        own = {f"http://{host}" for host in self._access.hosts}
        if any(origin.lower() not in own for origin in origins):
            return 403, "another page may not talk to the studio"
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} and path != "/":
            return 403, "another page may not talk to the studio"
        if method not in _SAFE_METHODS and not origins:
            return 403, "the request does not say which page it comes from"
        if path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER) or self._access.knows(headers):
            return None
        return 401, "open the link that the studio printed when it started; it was started anew, perhaps"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
