"""One worker process: it answers requests by models that were loaded before it began."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection as Pipe

import uvicorn
from uvicorn.server import Server

from satchel.serving import logs
from satchel.serving.application import Application
from satchel.serving.board import Board
from satchel.serving.connection import Connection
from satchel.serving.endpoints import Service
from satchel.serving.metrics import Recorder, Totals
from satchel.serving.models import Models, Served
from satchel.serving.scoring import Batcher
from satchel.serving.settings import Settings

_new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
with suppress(ImportError):  # the standard loop is slower, and does the same
    import uvloop

    _new_loop = uvloop.new_event_loop

READY = "ready"
STOP = "stop"
REPLACE = "replace"

BACKLOG = 2_048
"""Connections that the system keeps until a worker accepts them."""

log = logging.getLogger(__name__)

_PUBLISH = 0.25  # seconds between two writes of counters
_GRACE = 1.0  # seconds that idle connections stay open once the server is stopping
_SWITCH = 0.0005  # seconds: the loop gets the interpreter back sooner from a long explanation


class _Server(Server):
    """uvicorn's server, with a shutdown that loses no request."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings
        self._idle_until = 0.0
        self._stopping = asyncio.Event()
        self.lost = 0

    def stop(self, order: str) -> None:
        """Answer what has come, and end.

        Args:
            order: ``stop``, or ``replace`` if another worker has taken over: then connections
                without a request may stay until the client, or the usual time, ends them.
        """
        grace = self._settings.limits.keep_alive if order == REPLACE else _GRACE
        self._idle_until = asyncio.get_running_loop().time() + grace
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Wait for the order to end."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections; finish what is being received or answered."""
        loop = asyncio.get_running_loop()
        listeners = [each.dup() for each in sockets or []]
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        # The system resets connections that nobody has accepted once the last worker closes. They
        # are accepted in one go: while others are answered, their clients come back.
        waiting: list[socket.socket] = []
        for listener in listeners:
            with suppress(BlockingIOError):
                while True:
                    waiting.append(listener.accept()[0])
            listener.close()
        for each in waiting:
            each.setblocking(False)
            await loop.connect_accepted_socket(self._new_connection, each)
        connections = self.server_state.connections
        end = loop.time() + self._settings.drain
        while connections and loop.time() < end:
            if loop.time() >= self._idle_until:
                for connection in list(connections):
                    if isinstance(connection, Connection):
                        connection.close_if_idle()
            await asyncio.sleep(0.02)
        self.lost = len(connections)
        for task in list(self.server_state.tasks):
            task.cancel()

    def _new_connection(self) -> Connection:
        return self.config.http_protocol_class(  # type: ignore[call-arg, return-value]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the supervisor decides when to end."""
        yield


def run_worker(
    listener: socket.socket,
    served: Sequence[Served],
    settings: Settings,
    board: Board,
    slot: int,
    pipe: Pipe,
) -> None:
    """Answer requests until the supervisor says to stop, then end the process.

    Args:
        listener: The socket that accepts connections.
        served: The models.
        settings: How the server runs.
        board: Where all workers count.
        slot: This worker's part of it.
        pipe: Brings orders, and takes the word that the worker is ready.
    """
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the supervisor passes on what it is sent
    logs.install()
    sys.setswitchinterval(_SWITCH)
    for each in served:
        each.model.warm_up()  # at once, except in a process that has received a copy
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            lost = runner.run(_serve(listener, served, settings, board, slot, pipe))
    except Exception:
        log.exception("a worker failed")
        sys.exit(1)
    if lost:
        logs.event("dropped", connections=lost)
    sys.exit(1 if lost else 0)


async def _serve(
    listener: socket.socket,
    served: Sequence[Served],
    settings: Settings,
    board: Board,
    slot: int,
    pipe: Pipe,
) -> int:
    recorder = Recorder(served)
    batcher = Batcher(settings.threads, settings.limits.answer, recorder)
    limits = settings.limits
    server: _Server

    def totals() -> Totals:
        publish()
        return board.totals()

    def publish() -> None:
        recorder.connections = len(server.server_state.connections)
        board.write_counters(slot, recorder.counters())

    service = Service(Models(served), batcher, limits, totals, lambda: not server.should_exit)
    application = Application(service, settings, recorder)
    config = uvicorn.Config(
        application,
        http=type("BoundConnection", (Connection,), {"limits": limits}),
        ws="none",
        proxy_headers=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=limits.keep_alive,  # type: ignore[arg-type]
        backlog=BACKLOG,
    )
    server = _Server(config, settings)
    loop = asyncio.get_running_loop()

    def receive_order() -> None:
        try:
            order = pipe.recv()
        except (EOFError, OSError):
            order = STOP
            loop.remove_reader(pipe.fileno())
        server.stop(order)

    supervisor = parent_process()

    async def publish_often() -> None:
        while True:
            publish()
            if supervisor is not None and os.getppid() != supervisor.pid:  # it has died
                server.stop(STOP)
                return
            await asyncio.sleep(_PUBLISH)

    loop.add_reader(pipe.fileno(), receive_order)
    publishing = loop.create_task(publish_often())
    announced = loop.create_task(_announce(server, pipe))
    await server.serve(sockets=[listener])
    await announced
    publishing.cancel()
    batcher.close()
    publish()
    return server.lost


async def _announce(server: _Server, pipe: Pipe) -> None:
    while not server.started:
        await asyncio.sleep(0.001)
    pipe.send(READY)
