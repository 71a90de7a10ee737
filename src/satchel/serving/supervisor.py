"""The process that starts workers, replaces them when a model file is new, and ends them.

It loads models and answers nothing. Workers are forked from it, so that all share the memory of the
models. A new file is loaded beside the old one while the old workers answer; once new workers with
it accept connections, the old ones stop accepting, finish what they have, and end. So a request is
answered by one model from its beginning to its end, and at no time by none.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from satchel.errors import SatchelError, SettingError
from satchel.escaping import printable
from satchel.serving import logs
from satchel.serving.board import Board, Supervised
from satchel.serving.metrics import Counters, ModelState
from satchel.serving.models import FileState, Served, names_of, open_model
from satchel.serving.settings import Settings
from satchel.serving.worker import BACKLOG, READY, REPLACE, STOP, run_worker

_GENERATIONS = 3  # of workers that may be there at a time
_STARTING = 120.0  # seconds that workers may take to become ready
_LONGEST_PAUSE = 30.0  # seconds before a worker that keeps failing is started again


@dataclass(eq=False)
class _Worker:
    """A worker process.

    Attributes:
        process: The process.
        pipe: Takes orders, and brings the word that it is ready.
        slot: Its slot of the board.
        is_leaving: Whether it was told to end.
    """

    process: Any
    pipe: Pipe
    slot: int
    is_leaving: bool = False


class Supervisor:
    """Runs a server.

    Args:
        paths: The model files.
        settings: How it runs.
        start_method: How processes start; None for ``fork`` on Linux, else ``spawn``, where each
            worker has a copy of the models.
    """

    def __init__(
        self, paths: Sequence[str], settings: Settings, start_method: str | None = None
    ) -> None:
        self._settings = settings
        method = start_method or ("fork" if sys.platform == "linux" else "spawn")
        self._context: Any = multiprocessing.get_context(method)
        self._served = {name: open_model(name, path) for name, path in names_of(paths).items()}
        self._states = {name: ModelState(name, 1) for name in self._served}
        self._seen = {name: served.state for name, served in self._served.items()}
        self._refused: dict[str, FileState] = {}
        self._listener = _listen(settings)
        self._board = Board(1 + _GENERATIONS * settings.workers)
        self._workers: list[_Worker] = []
        self._retired = Counters()
        self._restarts = 0
        self._failed_starts = 0
        self._start_again_at = 0.0
        self._ended_badly = False
        self._signals: list[int] = []

    @property
    def address(self) -> str:
        """The URL of the server."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until a signal asks to stop.

        Args:
            on_ready: Called once when the server accepts connections.

        Returns:
            0 if everything that was asked has been answered, else 1.

        Raises:
            SatchelError: The workers do not start.
        """
        with self._receiving_signals() as awakened:
            try:
                if not self._start_generation() and not self._signals:
                    raise SatchelError(
                        "expected the workers to start, found that they do not: see the log above"
                    )
                logs.event(
                    "listening",
                    url=self.address,
                    workers=self._settings.workers,
                    models=[printable(name) for name in self._served],
                )
                if not self._signals:
                    on_ready()
                next_look = time.monotonic() + self._settings.watch
                while not self._signals:
                    self._wait(awakened, next_look)
                    if time.monotonic() >= next_look and not self._signals:
                        self._look_at_files()
                        next_look = time.monotonic() + self._settings.watch
                self._stop(awakened)
            finally:
                for worker in self._workers:
                    worker.process.kill()
        return 1 if self._ended_badly else 0

    def _wait(self, awakened: socket.socket, until: float) -> None:
        """Wait for the end of a worker, a signal, or a time."""
        sentinels = [worker.process.sentinel for worker in self._workers]
        ready = wait([*sentinels, awakened], max(0.0, until - time.monotonic()))
        if awakened in ready:
            with suppress(BlockingIOError):
                awakened.recv(4096)
        self._bury()
        missing = self._settings.workers - sum(not each.is_leaving for each in self._workers)
        if missing > 0 and not self._signals and time.monotonic() >= self._start_again_at:
            self._start_workers(missing)

    def _bury(self) -> None:
        """Take leave of workers that have ended."""
        ended = [each for each in self._workers if not each.process.is_alive()]
        for worker in ended:
            worker.process.join()
            self._workers.remove(worker)
            counters = self._board.counters(worker.slot)
            if counters is not None:
                self._retired.add(counters.retired())
            self._board.clear(worker.slot)
            worker.pipe.close()
            status = worker.process.exitcode
            if worker.is_leaving:
                self._ended_badly = self._ended_badly or status != 0
                continue
            self._restarts += 1
            self._failed_starts += 1
            pause = min(2.0 ** (self._failed_starts - 3), _LONGEST_PAUSE)
            self._start_again_at = time.monotonic() + (pause if self._failed_starts > 2 else 0)
            logs.event("worker_lost", worker=worker.process.pid, status=status)
        if ended:
            self._publish()

    def _publish(self) -> None:
        live = [each.slot for each in self._workers]
        states = list(self._states.values())
        self._board.write_supervised(Supervised(self._retired, states, self._restarts, live))

    def _start_generation(self) -> bool:
        """Start workers with the present models, and tell the others to leave.

        Returns:
            Whether the new workers are there; if not, the others stay.
        """
        before = list(self._workers)
        if not self._start_workers(self._settings.workers):
            return False
        for worker in before:
            self._order(worker, REPLACE)
        return True

    def _start_workers(self, number: int) -> bool:
        """Start workers and wait until they accept connections.

        Returns:
            Whether they do; those that do not are ended.
        """
        # What is there now is shared with the workers as long as nobody writes to it, which looking
        # for garbage does.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        started = []
        for _ in range(number):
            started.append(self._start_worker())
            self._workers.append(started[-1])
        self._publish()
        deadline = time.monotonic() + _STARTING
        for worker in started:
            ready = False
            while not ready and worker.process.is_alive() and not self._signals:
                if worker.pipe.poll(0.05):
                    with suppress(EOFError, OSError):
                        ready = worker.pipe.recv() == READY
                elif time.monotonic() > deadline:
                    break
            if not ready:
                for each in started:
                    each.process.kill()
                    each.process.join()
                    each.pipe.close()
                    self._workers.remove(each)
                    self._board.clear(each.slot)
                self._publish()
                return False
        self._failed_starts = 0
        return True

    def _start_worker(self) -> _Worker:
        taken = {each.slot for each in self._workers}
        slot = next(each for each in range(1, self._board.slots) if each not in taken)
        ours, theirs = self._context.Pipe()
        served = list(self._served.values())
        process = self._context.Process(
            target=run_worker,
            args=(self._listener, served, self._settings, self._board, slot, theirs),
            name="satchel-worker",
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, slot)

    def _order(self, worker: _Worker, order: str) -> None:
        worker.is_leaving = True
        with suppress(OSError):
            worker.pipe.send(order)

    def _look_at_files(self) -> None:
        """Load files that are new, and replace the workers."""
        if len(self._workers) + self._settings.workers >= self._board.slots:
            return  # earlier workers have not left yet
        fresh = {}
        for name, served in self._served.items():
            found = self._new_state(name, served)
            if found is not None:
                loaded = self._load(name, served, found)
                if loaded is not None:
                    fresh[name] = loaded
        if not fresh:
            return
        before = dict(self._served)
        self._served |= fresh
        if not self._start_generation():
            self._served = before
            for name, loaded in fresh.items() if not self._signals else ():
                self._refuse(name, loaded.state, "workers with it do not start: see the log")
            return
        for name, loaded in fresh.items():
            self._states[name] = ModelState(name, loaded.version, self._states[name].failures)
            self._refused.pop(name, None)
            logs.event("model_replaced", model=printable(name), version=loaded.version)
        self._publish()

    def _new_state(self, name: str, served: Served) -> FileState | None:
        """Return the state of a file that is new and has not changed since the last look."""
        try:
            state = FileState.of(served.path)
        except OSError as error:
            state = FileState(0, 0, 0)
            if self._refused.get(name) != state:
                self._refuse(name, state, f"it cannot be read: {error.strerror}")
            return None
        before, self._seen[name] = self._seen[name], state
        if state == served.state:
            if name in self._refused:  # the file that is served is back
                del self._refused[name]
                self._states[name].failure = ""
                self._publish()
            return None
        return state if state == before and state != self._refused.get(name) else None

    def _load(self, name: str, served: Served, state: FileState) -> Served | None:
        try:
            return open_model(name, served.path, served.version + 1)
        except (SatchelError, OSError, MemoryError) as error:
            self._refuse(name, state, str(error) or type(error).__name__)
            return None

    def _refuse(self, name: str, state: FileState, reason: str) -> None:
        """Keep the old model, and say why."""
        self._refused[name] = state
        self._states[name].failures += 1
        self._states[name].failure = reason
        logs.event("model_refused", model=printable(name), reason=reason)
        self._publish()

    def _stop(self, awakened: socket.socket) -> None:
        """Let workers finish what they have; a second signal ends them at once."""
        logs.event("stopping", signal=signal.Signals(self._signals[0]).name)
        self._listener.close()
        for worker in self._workers:
            self._order(worker, STOP)
        deadline = time.monotonic() + self._settings.drain + 5
        while self._workers and len(self._signals) == 1 and time.monotonic() < deadline:
            self._wait(awakened, deadline)
        if self._workers:
            self._ended_badly = True
        logs.event("stopped", complete=not self._ended_badly)

    @contextmanager
    def _receiving_signals(self) -> Iterator[socket.socket]:
        """Collect signals that ask to stop, and be awakened by them."""
        awakened, waker = socket.socketpair()
        for each in (awakened, waker):
            each.setblocking(False)

        def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self._signals.append(number)

        numbers = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, receive) for number in numbers}
        wakeup = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            yield awakened
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            awakened.close()
            waker.close()


def _listen(settings: Settings) -> socket.socket:
    """Open the socket that all workers accept connections from.

    Raises:
        SettingError: The address or the port cannot be used.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingError(
            f"expected a free port at an address of this machine, found that {settings.host} port "
            f"{settings.port} cannot be used: {error.strerror or error}; name another --port or "
            "--host"
        ) from None
    listener.setblocking(False)
    os.set_inheritable(listener.fileno(), True)
    return listener
