"""What a server is asked to do, and the bounds of what it accepts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one worker process; what exceeds them is refused with a 4xx or 503 error.

    Attributes:
        body: Largest body of a request in bytes.
        documents: Most documents per request.
        document: Most characters of a document.
        url: Longest target of a request in bytes.
        header_bytes: Most bytes of all header fields of a request.
        headers: Most header fields of a request.
        receive: Seconds in which a request has to arrive, its headers and its body alike.
        answer: Seconds in which predictions have to be ready once a request has arrived.
        keep_alive: Seconds that a connection without a request stays open.
        connections: Most open connections.
        bodies: Most bytes of all bodies that are being received or answered.
    """

    body: int = 8_000_000
    documents: int = 1_024
    document: int = 1_000_000
    url: int = 4_096
    header_bytes: int = 32_768
    headers: int = 100
    receive: float = 30.0
    answer: float = 30.0
    keep_alive: float = 15.0
    connections: int = 1_024
    bodies: int = 128_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs.

    Attributes:
        host: The address that it listens on.
        port: The port; 0 lets the system choose one.
        workers: How many processes answer.
        threads: Threads that one worker may use for much text.
        limits: What is accepted.
        token: What requests have to bring along; None for nothing.
        hosts: Names of this server besides its address, for the ``Host`` header field.
        log_requests: Whether each request is logged.
        log_text: Whether the log has the documents of requests.
        watch: Seconds between looks at the model files.
        drain: Seconds that requests may take to finish once the server is asked to stop.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    log_requests: bool = False
    log_text: bool = False
    watch: float = 1.0
    drain: float = 30.0
