"""One connection: HTTP/1.1 as uvicorn reads it, with bounds on what it keeps in memory.

uvicorn bounds neither the header fields of a request nor how long a client may take to send them;
here both are refused with an error that names the bound, and the connection is closed.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from satchel.serving.replies import plain_error
from satchel.serving.request_errors import RequestError
from satchel.serving.settings import Limits


class _HeaderError(Exception):
    """The header fields exceed a limit; raised within the parser, which reports its own error."""


class _JoinedWrites:
    """A transport that sends the head of a response together with its body.

    uvicorn writes them apart, and each write is a call of the system, which takes longer than
    anything else in a small response.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write data, or keep it if it is the head of a response."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
            return
        self._write(data)

    def flush(self) -> None:
        """Write the head of a response without a body."""
        if self._head:
            self._write(self._head)
            self._head = b""

    def close(self) -> None:
        """Write what is left, and close."""
        self.flush()
        self._transport.close()

    def _write(self, data: bytes) -> None:
        # The client may have reset the connection, of which we have not been told yet.
        if not self._transport.is_closing():
            self._transport.write(data)


class Connection(HttpToolsProtocol):
    """One connection. A subclass has its ``limits``.

    Attributes:
        limits: What it accepts.
    """

    limits: Limits

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._header_bytes = 0
        self._silent = 0  # bytes since the parser has last reported anything
        self._refused: RequestError | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._reading_deadline: asyncio.TimerHandle | None = None
        self._is_receiving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse connections beyond the limit; give the others time for a first request."""
        super().connection_made(_JoinedWrites(transport))  # type: ignore[arg-type]
        if len(self.connections) > self.limits.connections:
            self._refuse(
                RequestError(
                    503,
                    f"expected at most {self.limits.connections:,} connections, found one more: "
                    "try again later, or use one connection for many requests",
                    (("retry-after", "1"),),
                )
            )
            return
        self._deadline = self.loop.call_later(self.limits.receive, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._met_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client time to read; it may not keep a response in memory for ever."""
        super().pause_writing()
        if self._reading_deadline is None:
            self._reading_deadline = self.loop.call_later(self.limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client has read."""
        super().resume_writing()
        if self._reading_deadline is not None:
            self._reading_deadline.cancel()
            self._reading_deadline = None

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived; what is incomplete has to be complete in time."""
        if self._refused is not None:
            return
        self._silent += len(data)
        super().data_received(data)
        if self._silent > self.limits.header_bytes and self._refused is None:
            # The parser keeps a field, or a chunk's extension, until it has seen its end.
            self._refuse(self._too_many_headers())
        if not self._is_receiving:
            self._met_deadline()
        elif self._deadline is None and self._refused is None:
            self._deadline = self.loop.call_later(self.limits.receive, self._too_slow)

    def on_message_begin(self) -> None:
        """Begin to count a request's header fields."""
        super().on_message_begin()
        self._header_bytes = 0
        self._is_receiving = True

    def on_message_complete(self) -> None:
        """Note that the request is there."""
        self._silent = 0
        super().on_message_complete()
        self._is_receiving = False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._silent = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Send a response that has no body."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def on_url(self, url: bytes) -> None:
        """Bound the target of the request."""
        self._silent = 0
        super().on_url(url)
        if len(self.url) > self.limits.url:
            self._refused = RequestError(
                414,
                f"expected a target of at most {self.limits.url:,} bytes, found a longer one: "
                "send what is long in the body of a POST request",
            )
            raise _HeaderError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the header fields of the request."""
        self._silent = 0
        self._header_bytes += len(name) + len(value)
        if (
            len(self.headers) >= self.limits.headers
            or self._header_bytes > self.limits.header_bytes
        ):
            self._refused = self._too_many_headers()
            raise _HeaderError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand over the request."""
        self._silent = 0
        try:
            super().on_headers_complete()
        except httptools.HttpParserInvalidURLError:
            self._refused = RequestError(
                400, "expected a path as the target of the request, found something else"
            )
            raise

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP, or exceeds a limit."""
        self._refuse(
            self._refused or RequestError(400, "expected an HTTP/1.1 request, found something else")
        )

    def close_if_idle(self) -> None:
        """Close the connection unless a request is being received or answered."""
        if not self._is_receiving and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Answer a request for another protocol as if it had not asked."""

    def _too_many_headers(self) -> RequestError:
        return RequestError(
            431,
            f"expected at most {self.limits.headers:,} header fields of "
            f"{self.limits.header_bytes:,} bytes altogether, found more: send fewer",
        )

    def _too_slow(self) -> None:
        self._deadline = None
        if not self._is_receiving:  # nothing has come
            self.transport.close()
            return
        self._refuse(
            RequestError(
                408,
                f"expected the whole request within {self.limits.receive:g} s, found it "
                "incomplete: send it faster, or less at a time",
            )
        )

    def _met_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, refused: RequestError) -> None:
        """Write an error and close; what else arrives is not read."""
        self._refused = refused
        self._met_deadline()
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering and not cycle.response_started and cycle.more_body:
            # The application waits for the rest of the body: it is told that none will come.
            is_answering = False
            cycle.disconnected = True
            cycle.message_event.set()
        # After an unfinished response, an error would be taken for a part of it.
        if not is_answering and not self.transport.is_closing():
            reply = plain_error(refused)
            fields = [
                f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}",
                f"content-type: {reply.content_type}",
                f"content-length: {len(reply.body)}",
                "connection: close",
                *(f"{name}: {value}" for name, value in refused.headers),
            ]
            self.transport.write("\r\n".join(fields).encode() + b"\r\n\r\n" + reply.body)
        self.transport.close()
