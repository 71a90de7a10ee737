"""Running ``satchel serve`` as a process, and asking it over real connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

DEADLINE = 120.0
"""Seconds within which anything that is waited for has to happen; nothing takes as long."""


def until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of a condition."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("what was waited for did not happen")


@dataclass
class Answer:
    """A response.

    Attributes:
        status: Its status.
        headers: Its header fields, with lower-case names.
        body: Its body.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """What an error of our own endpoints says."""
        assert b"Traceback" not in self.body
        error = self.json["error"]
        assert error["code"]
        return str(error["message"])


@dataclass
class Served:
    """A running server.

    Attributes:
        process: The process that was started.
        port: Where it listens.
        errors: The file that takes its standard error.
    """

    process: subprocess.Popen[str]
    port: int
    errors: IO[str] = field(repr=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(
                method or ("GET" if body is None else "POST"), path, data, dict(headers or {})
            )
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def metrics(self) -> dict[str, float]:
        """The samples of ``/metrics``."""
        text = self.ask("/metrics").body.decode()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def log(self) -> list[dict[str, Any]]:
        """What has been logged up to now; anything that is not a line of JSON is a fault."""
        self.errors.seek(0)
        return [json.loads(line) for line in self.errors.read().splitlines()]

    def workers(self) -> list[int]:
        """The process numbers of the workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in path.read_text().split()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


@contextlib.contextmanager
def serving(*arguments: object, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Start a server on a free port, and end it."""
    command = [sys.executable, "-m", "satchel", "serve", "--port", "0", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], DEADLINE)
            line = process.stdout.readline() if ready else ""
            found = re.search(r"http://\S+:(\d+)", line)
            if found is None:
                errors.seek(0)
                raise AssertionError(f"the server did not start:\n{errors.read()}")
            yield Served(process, int(found[1]), errors)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(DEADLINE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            process.stdout.close()
