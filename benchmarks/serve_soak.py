"""A server under load while its model is swapped, and under attack; called by ``benchmarks.serve``.

- *Soak*: connections that stay open ask again and again, and check every answer against the model
  whose version it names: two models take turns under one name, every five seconds. SIGTERM comes
  while all of them ask. An answer is *wrong* if it is not that model's, a request *failed* if it
  got another status than 200, and *dropped* if it was sent and not answered.
- *Attacks*: slow and huge bodies, deep JSON, bytes that are not UTF-8, floods of header fields and
  paths that try to leave; the memory of all processes is watched, and so is a client that asks as
  usual.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from benchmarks import measure

SWAP_SECONDS = 5.0
CONNECTIONS = 16
_TOLERANCE = 2e-6


def kilobytes(process: int, what: str) -> int:
    """Return a figure of a process's memory map, such as ``Pss:``; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(what)), 0)


def pss(process: int) -> int:
    """Return the proportional set size of a process and its children in kB."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return 0
    return sum(kilobytes(each, "Pss:") for each in [process, *map(int, children)])


@contextlib.contextmanager
def _server(arguments: list[str]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start our server; give the process, and a list that takes its log at the end."""
    log: list[str] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "satchel", "serve", *arguments],
        env={**os.environ, **measure.import_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        if not process.stdout.readline():
            raise SystemExit(f"the server does not start:\n{process.stderr.read()}")
        yield process, log
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        log += process.communicate(timeout=60)[1].splitlines()


def _request(body: bytes, path: str = "/predict") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _response(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Return status, head and body.

    Raises:
        EOFError: The connection was closed before its end.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), head, await reader.readexactly(length)


Expected = dict[int, list[tuple[str, float]]]
"""By whether the version is odd, the label and probability of each text."""


class _Load:
    """Connections that ask, and what became of it."""

    def __init__(self, port: int, texts: list[str], expected: Expected) -> None:
        self._port = port
        self._requests = [_request(json.dumps({"texts": [text]}).encode()) for text in texts]
        self._expected = expected
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    async def ask_until_the_end(self, first: int) -> None:
        """Ask on one connection after another until the server accepts none."""
        number = first
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except ConnectionRefusedError:
                return
            except OSError as error:
                self._fault("dropped", f"while connecting: {error!r}")
                return
            try:
                while True:
                    number = (number + 1) % len(self._requests)
                    if not await self._ask(reader, writer, number):
                        break
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """Ask once; return whether the connection stays open."""
        try:
            writer.write(self._requests[number])
            status, head, body = await _response(reader)
        except (EOFError, OSError) as error:
            self._fault("dropped", repr(error))
            return False
        if status != 200:
            self._fault("failed", f"{status} {body[:200]!r}")
        else:
            self._check(json.loads(body), number)
        if b"connection: close" in head.lower():
            self.counts["reconnected"] += 1
            return False
        return True

    def _check(self, answer: dict[str, Any], number: int) -> None:
        self.counts["answers"] += 1
        (found,) = answer["predictions"]
        label, probability = self._expected[answer["version"] % 2][number]
        if found["label"] != label or abs(found["probability"] - probability) > _TOLERANCE:
            self._fault("wrong", f"version {answer['version']}, text {number}: {found}")

    def _fault(self, kind: str, what: str) -> None:
        self.counts[kind] += 1
        self.faults.append(f"{kind}: {what}")


def soak(model: Path, scratch: Path, texts: list[str], seconds: float, port: int) -> dict[str, Any]:
    """Load a server while its model is swapped; end it under load.

    Args:
        model: A model file.
        scratch: Takes copies.
        texts: What to ask.
        seconds: How long.
        port: Where the server listens.
    """
    other = scratch / "other.satchel"
    command = [sys.executable, "-m", "satchel", "compress", str(model), "--max-size", "4MB"]
    environment = {**os.environ, **measure.import_path()}
    subprocess.run([*command, "-o", str(other)], env=environment, check=True, capture_output=True)
    served, first = scratch / "news.satchel", scratch / "first.satchel"
    shutil.copy(model, served)
    shutil.copy(model, first)
    expected = {1: _answers(first, texts), 0: _answers(other, texts)}
    memory: list[int] = []
    load = _Load(port, texts, expected)
    options = ["--port", str(port), "--workers", "2", "--watch", "0.2s"]
    with _server([str(served), *options]) as (process, log):
        swaps = asyncio.run(_soak(process, load, [model, other], served, seconds, memory))
        status = process.wait(60)
    events = Counter(json.loads(line)["event"] for line in log)
    return {
        "seconds": seconds,
        "connections": CONNECTIONS,
        "swaps": swaps,
        "replaced": events["model_replaced"],
        "events": dict(events),
        "status": status,
        "memory_kb": memory,
        **{name: load.counts[name] for name in ("answers", "wrong", "failed", "dropped")},
        "reconnected": load.counts["reconnected"],
        "faults": load.faults[:20],
    }


async def _soak(
    process: subprocess.Popen[str],
    load: _Load,
    models: list[Path],
    served: Path,
    seconds: float,
    memory: list[int],
) -> int:
    asking = [asyncio.create_task(load.ask_until_the_end(7 * at)) for at in range(CONNECTIONS)]
    end = time.monotonic() + seconds
    swaps = 0
    while time.monotonic() < end:
        await asyncio.sleep(SWAP_SECONDS / 2)
        memory.append(await asyncio.to_thread(pss, process.pid))
        await asyncio.sleep(SWAP_SECONDS / 2)
        if time.monotonic() < end:
            swaps += 1
            new = served.with_suffix(".new")
            await asyncio.to_thread(shutil.copy, models[swaps % 2], new)
            new.replace(served)
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*asking), 60)
    return swaps


def _answers(model: Path, texts: list[str]) -> list[tuple[str, float]]:
    """Return label and probability of each text, from a process of its own."""
    asked = model.with_suffix(".texts.json")
    asked.write_text(json.dumps(texts), "utf-8")
    found: list[tuple[str, float]] = measure.call(predict, model, asked).answer
    return [(label, probability) for label, probability in found]


def predict(model: str, asked: str) -> list[tuple[str, float]]:
    """Return the label of each text of a file and its probability, as the server rounds it."""
    import satchel

    texts = json.loads(Path(asked).read_text("utf-8"))
    loaded = satchel.load(model)
    loaded.warm_up()
    rankings = loaded.predictor.rank(texts)
    return [(str(each.best[0][0]), round(each.best[0][1], 6)) for each in rankings]


Attack = Callable[[int, Counter[str]], Coroutine[Any, Any, None]]


async def _send(port: int, statuses: Counter[str], *pieces: bytes, pause: float = 0) -> None:
    """Send pieces on a connection; count the status that comes back."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        statuses["closed"] += 1
        return
    answer = asyncio.create_task(_status(reader))
    try:
        for piece in pieces:
            if answer.done():
                break
            writer.write(piece)
            await writer.drain()
            if pause:
                await asyncio.wait([answer], timeout=pause)
    except OSError:
        pass
    statuses[await answer] += 1
    writer.close()


async def _status(reader: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(30):
            status, _, body = await _response(reader)
    except (EOFError, OSError, asyncio.IncompleteReadError):
        return "closed"
    except TimeoutError:
        return "no answer"
    assert b"Traceback" not in body
    return str(status)


async def _many(port: int, statuses: Counter[str], number: int, *pieces: bytes) -> None:
    await asyncio.gather(*(_send(port, statuses, *pieces) for _ in range(number)))


async def _slow_bodies(port: int, statuses: Counter[str]) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    drops = [head, *[b"a"] * 100]
    await asyncio.gather(*(_send(port, statuses, *drops, pause=0.1) for _ in range(200)))


async def _slow_heads(port: int, statuses: Counter[str]) -> None:
    drops = [b"POST /predict HTTP/1.1\r\n", *[b"A: b\r\n"] * 50]
    await asyncio.gather(*(_send(port, statuses, *drops, pause=0.1) for _ in range(200)))


async def _huge_bodies(port: int, statuses: Counter[str]) -> None:
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
    await _many(port, statuses, 64, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 64)
    await _many(port, statuses, 64, head + b"Content-Length: 99999999999\r\n\r\n", chunk)


async def _full_bodies(port: int, statuses: Counter[str]) -> None:
    body = json.dumps({"texts": ["word " * 190_000] * 8}).encode()
    await _many(port, statuses, 32, _request(body))


async def _deep_json(port: int, statuses: Counter[str]) -> None:
    for path, start in (("/predict", b""), ("/classify", b'{"input": "a", "b": ')):
        for level in (b"[", b'{"a":'):
            body = start + level * (7_000_000 // len(level))
            await _many(port, statuses, 8, _request(body, path))


async def _not_utf8(port: int, statuses: Counter[str]) -> None:
    await _many(port, statuses, 200, _request(b'{"texts": ["' + b"\xff\xfe" * 5_000 + b'"]}'))
    await _many(port, statuses, 200, _request(b'{"texts": ["\\ud800"]}'))


async def _header_floods(port: int, statuses: Counter[str]) -> None:
    start = b"GET / HTTP/1.1\r\n"
    await _many(port, statuses, 50, start, *[b"A: b\r\n" * 10_000] * 50)
    await _many(port, statuses, 50, start + b"A: ", *[b"b" * 100_000] * 100)
    await _many(port, statuses, 50, b"GET /", *[b"b" * 100_000] * 100)


async def _paths(port: int, statuses: Counter[str]) -> None:
    tricks = ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/models/..%2f"]
    tricks += ["/page.js/../../board.py", "/models/%00", "/v2/models/%ff%fe/infer", "/%252e%252e"]
    for trick in tricks:
        await _many(port, statuses, 10, f"GET {trick} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


ATTACKS: dict[str, Attack] = {
    "200 slow bodies": _slow_bodies,
    "200 slow heads": _slow_heads,
    "128 huge bodies": _huge_bodies,
    "32 bodies as large as allowed": _full_bodies,
    "32 bodies of deep JSON": _deep_json,
    "400 bodies that are not UTF-8": _not_utf8,
    "150 floods of header fields": _header_floods,
    "80 paths": _paths,
}


def attack(model: Path, port: int) -> list[dict[str, Any]]:
    """Attack a server in each way; return statuses, memory and how another client fared."""
    with _server([str(model), "--port", str(port), "--timeout", "3s"]) as (process, log):
        rows = asyncio.run(_attack(process, port))
    events = Counter(json.loads(line)["event"] for line in log)
    if events["log"] or events["worker_lost"]:
        raise SystemExit("the server has logged faults:\n" + "\n".join(log))
    return rows


async def _attack(process: subprocess.Popen[str], port: int) -> list[dict[str, Any]]:
    rows = []
    for name, work in ATTACKS.items():
        statuses: Counter[str] = Counter()
        times: list[float] = []
        good: Counter[bool] = Counter()
        before = highest = await asyncio.to_thread(pss, process.pid)
        attacking = asyncio.create_task(work(port, statuses))
        while not attacking.done():
            started = time.perf_counter()
            usual: Counter[str] = Counter()
            await _send(port, usual, _request(b'{"texts": ["a car and its engine"]}'))
            times.append(time.perf_counter() - started)
            good[usual["200"] == 1] += 1
            highest = max(highest, await asyncio.to_thread(pss, process.pid))
            await asyncio.wait([attacking], timeout=0.05)
        await attacking
        rows.append(
            {
                "name": name,
                "statuses": dict(statuses),
                "growth_kb": highest - before,
                "good": good[True],
                "asked": good.total(),
                "slowest_ms": 1e3 * max(times, default=0.0),
            }
        )
    return rows
