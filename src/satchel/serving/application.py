"""The ASGI application of a worker: who may ask, what is read, and which endpoint answers.

Everything that goes wrong becomes an error in the protocol's own shape; a fault of ours says so
without details, which go to the log.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from starlette.routing import Match, Route

from satchel.serving import logs, openapi, page
from satchel.serving.endpoints import Call, Endpoint, Service
from satchel.serving.metrics import Recorder
from satchel.serving.protocols import ENDPOINTS
from satchel.serving.replies import ErrorBody, Reply, as_json, plain_error
from satchel.serving.request_errors import RequestError, overloaded
from satchel.serving.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SMALL_BODY = 65_536  # bytes for which there is always room: large bodies may not keep out small
_SAFE = (("x-content-type-options", "nosniff"),)
_CLOSE = (("connection", "close"),)
_NOWHERE = "(none)"

log = logging.getLogger(__name__)


async def _document(call: Call) -> Reply:  # noqa: ARG001
    return as_json(openapi.openapi(EVERY))


EVERY: tuple[Endpoint, ...] = (
    *ENDPOINTS,
    Endpoint(
        "GET",
        "/openapi.json",
        "Describe all endpoints.",
        _document,
        response=dict[str, Any],
        error_type=ErrorBody,
        is_open=True,
    ),
    *page.ENDPOINTS,
)
"""All endpoints."""


class Endpoints:
    """Finds the endpoint of a request.

    Args:
        endpoints: All there are.
    """

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._fixed: dict[str, dict[str, Endpoint]] = {}
        self._varying: list[tuple[Route, Endpoint]] = []
        for endpoint in endpoints:
            if "{" in endpoint.path:
                route = Route(endpoint.path, endpoint=endpoint.handle, methods=[endpoint.method])
                self._varying.append((route, endpoint))
            else:
                self._fixed.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    def find(self, scope: Scope) -> tuple[Endpoint, Mapping[str, str]]:
        """Return the endpoint, and the varying parts of the path.

        Raises:
            RequestError: There is none for the path, or none for the method.
        """
        method = scope["method"]
        wanted = "GET" if method == "HEAD" else method
        others = self._fixed.get(scope["path"], {})
        if wanted in others:
            return others[wanted], {}
        allowed = set(others)
        for route, endpoint in self._varying:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return endpoint, child["path_params"]
            if match is Match.PARTIAL:
                allowed.add(endpoint.method)
        if allowed:
            raise RequestError(
                405,
                f"expected the method {' or '.join(sorted(allowed))} for this path, found another",
                (("allow", ", ".join(sorted(allowed))),),
            )
        raise RequestError(
            404, "expected the path of an endpoint, found another: see /openapi.json"
        )


class Guard:
    """Decides who may ask.

    Args:
        settings: The token, and the names of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token.encode() if settings.token is not None else None
        self._hosts = None
        # A page of another site can have its own name resolve to this machine. Where the server
        # is meant for this machine only, and asks for no token, it answers to local names only.
        if is_loopback(settings.host) and settings.token is None:
            self._hosts = {name.lower() for name in settings.hosts}

    def check_host(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request that was meant for another name.

        Raises:
            RequestError: The ``Host`` header field does not name this machine.
        """
        if self._hosts is None:
            return
        given = headers.get(b"host", b"localhost").decode("latin-1").lower()
        host = given.rsplit(":", 1)[0] if not given.endswith("]") else given
        if not is_loopback(host.strip("[]")) and host not in self._hosts:
            raise RequestError(
                421,
                "expected a name of this machine in the Host header field, found another: start "
                "the server with --allow-host NAME if it is reached by that name",
            )

    def check_token(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request without the token.

        The token may also come as the password of basic authentication, which is all that some
        clients know.

        Raises:
            RequestError: It is missing or wrong.
        """
        if self._token is None:
            return
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        given = given.strip()
        if kind.lower() == b"basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                given = b""
        elif kind.lower() != b"bearer":
            given = b""
        if not hmac.compare_digest(given, self._token):
            raise RequestError(
                401,
                "expected the server's token, found none or another: send the header field "
                "Authorization: Bearer TOKEN",
                (("www-authenticate", 'Bearer realm="satchel"'),),
            )


def is_loopback(host: str) -> bool:
    """Return whether a name or address is that of the machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Application:
    """Answers the requests of one worker.

    Args:
        service: What endpoints have in common.
        settings: How the server runs.
        recorder: Takes what is counted.
    """

    def __init__(self, service: Service, settings: Settings, recorder: Recorder) -> None:
        self._service = service
        self._settings = settings
        self._limits = settings.limits
        self._recorder = recorder
        self._endpoints = Endpoints(EVERY)
        self._guard = Guard(settings)
        self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        headers = dict(scope["headers"])
        call = Call(self._service, b"", {}, headers)
        endpoint: Endpoint | None = None
        complete = True  # whether the request has been read to its end
        taken = 0
        try:
            self._guard.check_host(headers)
            endpoint, call.path = self._endpoints.find(scope)
            if not endpoint.is_open:
                self._guard.check_token(headers)
            complete = False
            taken = self._reserve(headers)
            call.body = await self._body(receive, headers)
            complete = True
            reply = await endpoint.handle(call)
        except RequestError as refused:
            reply = (endpoint.error if endpoint is not None else plain_error)(refused)
            if scope["method"] == "POST" and (not complete or endpoint is None):
                # What is left of the body is not read.
                reply = reply._replace(headers=(*reply.headers, *_CLOSE))
        except _DisconnectedError:
            return
        except Exception:
            log.exception("a request failed")
            fault = RequestError(500, "this is a fault of the server, which its log describes")
            reply = (endpoint.error if endpoint is not None else plain_error)(fault)
        finally:
            self._bodies -= taken
        await self._send(reply, send)
        seconds = time.perf_counter() - started
        path = _NOWHERE if endpoint is None else endpoint.path
        self._recorder.request(path, reply.status, seconds)
        if self._settings.log_requests:
            self._log(scope, path, call, reply, seconds)

    def _reserve(self, headers: Mapping[bytes, bytes]) -> int:
        """Return how much memory the body may take, counted from now on.

        Raises:
            RequestError: The body is too large or compressed, or there is no room now.
        """
        limits = self._limits
        length = headers.get(b"content-length")
        if length is not None:
            # The parser has checked that these are digits; a huge number is cut off.
            size = int(length[:15])
        else:
            size = limits.body if b"transfer-encoding" in headers else 0
        if size > limits.body:
            raise self._too_large()
        encoding = headers.get(b"content-encoding", b"identity")
        if encoding.lower() != b"identity":
            raise RequestError(
                415, "expected a body without Content-Encoding, found one: send it uncompressed"
            )
        if size > _SMALL_BODY and self._bodies + size > limits.bodies:
            raise overloaded("the bodies of others take all the memory that there is for them")
        self._bodies += size
        return size

    def _too_large(self) -> RequestError:
        return RequestError(
            413,
            f"expected a body of at most {self._limits.body:,} bytes, found a larger one: send "
            "fewer documents at a time",
        )

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """Read the body, whose time the connection limits.

        Raises:
            RequestError: It is too large.
        """
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            return b""
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise _DisconnectedError
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > self._limits.body:
                raise self._too_large()
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _send(self, reply: Reply, send: Send) -> None:
        fields = (
            ("content-type", reply.content_type),
            ("content-length", str(len(reply.body))),
            *_SAFE,
            *reply.headers,
            *(() if self._service.is_ready() else _CLOSE),
        )
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [
                    (name.encode("ascii"), value.encode("ascii")) for name, value in fields
                ],
            }
        )
        await send({"type": "http.response.body", "body": reply.body})

    def _log(self, scope: Scope, path: str, call: Call, reply: Reply, seconds: float) -> None:
        facts: dict[str, Any] = {
            "method": scope["method"],
            "endpoint": path,
            "status": reply.status,
            "seconds": round(seconds, 6),
            "documents": len(call.texts),
            "bytes": len(call.body),
        }
        if self._settings.log_text:
            facts["texts"] = list(call.texts)
        logs.event("request", **facts)


class _DisconnectedError(Exception):
    """The client has closed the connection before its request was complete."""
