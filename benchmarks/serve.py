"""How fast does a server answer, how does it bear swaps and attacks, and what does a worker cost?

    python -m benchmarks.serve [--data DATA] [--models FOLDER] [--mlserver PYTHON] [--minutes N]

Needs the ``dev`` extra, ``fastapi``, and ``wrk`` (Debian's package of that name). MLServer is
measured where ``--mlserver`` names the Python of an environment with ``mlserver``,
``mlserver-sklearn`` and ``uvloop<0.22``, which its pool of workers needs. Nothing else should run
on the machine: its load is kept with the results.

- *Speed*: one text of 200 or 2,000 bytes per request, from test documents of 20 Newsgroups, by 1, 8
  and 64 connections of wrk, which is a process of its own on the same machine. Satchel's default
  model beside a pipeline of tf-idf and a linear SVM in FastAPI and in MLServer. Programs take turns
  in every round; each server runs alone.
- *Memory*: the proportional set size (Pss) of all processes of a server, of 1 and of 4 workers.
- *Soak* and *attacks*: see ``benchmarks.serve_soak``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import data, measure, peers, report, serve_soak

PORT = 8931
SIZES = (200, 2_000)
CONNECTIONS = (1, 8, 64)
WORKERS = (1, 2)
TEXTS = 64
WARM_SECONDS = 1
STARTS = 60.0

FAST_API = """
import os
import joblib
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["MODEL"])
app = FastAPI()


class Texts(BaseModel):
    texts: list[str]


@app.post("/predict")
def predict(request: Texts) -> dict[str, list[str]]:
    return {"labels": model.predict(request.texts).tolist()}
"""

WRK = """
local bodies, at = {}, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, e.status))
end
"""


@dataclass(frozen=True)
class Program:
    """A server to measure.

    Attributes:
        name: For tables.
        command: From a number of workers to its words.
        path: Where it predicts.
        body: From a text to the body of a request.
        folder: Where it starts.
        environment: What is added to the environment.
    """

    name: str
    command: Callable[[int], list[str]]
    path: str
    body: Callable[[str], Any]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def satchel_command(models: list[Path], workers: int) -> list[str]:
    """Return the words that start our server."""
    names = [str(model) for model in models]
    options = ["--port", str(PORT), "--workers", str(workers)]
    return [sys.executable, "-m", "satchel", "serve", *names, *options]


def programs(models: Path, files: list[str], scratch: Path, mlserver: Path | None) -> list[Program]:
    """Return the servers that can be measured, ours first."""
    found = [
        Program(
            "Satchel",
            lambda workers: satchel_command([models / peers.SATCHEL_FILE], workers),
            "/predict",
            lambda text: {"texts": [text]},
            scratch,
            measure.import_path(),
        )
    ]
    if peers.SVM_FILE in files and importlib.util.find_spec("fastapi"):
        (scratch / "fast_api_app.py").write_text(FAST_API, "utf-8")
        served = ["-m", "uvicorn", "fast_api_app:app", "--no-access-log", "--log-level", "warning"]
        found.append(
            Program(
                "FastAPI, joblib, scikit-learn",
                lambda workers: [
                    *(sys.executable, *served, "--port", str(PORT), "--workers", str(workers))
                ],
                "/predict",
                lambda text: {"texts": [text]},
                scratch,
                {"MODEL": str(models / peers.SVM_FILE)},
            )
        )
    if peers.SVM_FILE in files and mlserver is not None:
        folder = scratch / "news"
        folder.mkdir()
        shutil.copy(models / peers.SVM_FILE, folder)
        settings = {
            "name": "news",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": peers.SVM_FILE},
        }
        (folder / "model-settings.json").write_text(json.dumps(settings))
        found.append(
            Program(
                "MLServer, scikit-learn runtime",
                lambda workers: _mlserver(mlserver, folder, workers),
                "/v2/models/news/infer",
                _tensor,
                folder,
                {"PYTHONPATH": ""},
            )
        )
    return found


def _mlserver(python: Path, folder: Path, workers: int) -> list[str]:
    ports = {"http_port": PORT, "grpc_port": PORT + 1, "metrics_port": PORT + 2}
    settings = {**ports, "host": "127.0.0.1", "parallel_workers": workers, "debug": False}
    # As it is by default: one process speaks HTTP, and these predict.
    (folder / "settings.json").write_text(json.dumps(settings))
    return [str(python.with_name("mlserver")), "start", "."]


def _tensor(text: str) -> Any:
    kind = {"content_type": "str"}
    tensor = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
    return {"parameters": kind, "inputs": [{**tensor, "parameters": kind}]}


@contextlib.contextmanager
def running(program: Program, workers: int) -> Iterator[int]:
    """Start a server, wait for its first answer, give its process number, and end it."""
    environment = {**os.environ, **program.environment}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            program.command(workers),
            cwd=program.folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(program, process)
            yield process.pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(program: Program, process: subprocess.Popen[bytes]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{program.path}",
        json.dumps(program.body("a car and its engine")).encode(),
        {"Content-Type": "application/json"},
    )
    end = time.monotonic() + STARTS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{program.name} does not answer: {error}") from None
            time.sleep(0.1)


def wrk(program: Program, texts: list[str], connections: int, seconds: int, folder: Path) -> Any:
    """Load a server that runs; return requests per second, and latencies in milliseconds."""
    bodies, script = folder / "bodies", folder / "wrk.lua"
    bodies.write_text("\n".join(json.dumps(program.body(text)) for text in texts), "utf-8")
    script.write_text(WRK, "utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", str(script), f"http://127.0.0.1:{PORT}{program.path}"],
        env={**os.environ, "BODIES": str(bodies)},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, micros, middle, high, broken, refused = map(int, line.split()[1:])
    return {
        "per_second": requests / micros * 1e6,
        "p50_ms": middle / 1e3,
        "p99_ms": high / 1e3,
        "broken": broken,
        "refused": refused,
    }


def texts_of(source: Path, size: int) -> list[str]:
    """Return test texts cut to a number of bytes."""
    found = []
    for text in data.newsgroups(source, "test")[0]:
        cut = text.split("\n\n", 1)[-1].encode()[:size].decode("utf-8", "ignore")
        if len(cut.encode()) > 0.99 * size:
            found.append(cut)
        if len(found) == TEXTS:
            return found
    raise SystemExit("expected more test documents")


def speeds(each: list[Program], source: Path, rounds: int, seconds: int, scratch: Path) -> Any:
    """Measure all servers in turn; one row per server, size, number of workers and connections."""
    texts = {size: texts_of(source, size) for size in SIZES}
    rows: dict[tuple[str, int, int, int], list[Any]] = {}
    for number in range(rounds):
        for workers in WORKERS:
            for program in each:
                print(f"round {number + 1}: {program.name}, {workers} workers", file=sys.stderr)
                with running(program, workers):
                    wrk(program, texts[SIZES[0]], 8, WARM_SECONDS, scratch)
                    for size in SIZES:
                        for connections in CONNECTIONS:
                            key = (program.name, size, workers, connections)
                            found = wrk(program, texts[size], connections, seconds, scratch)
                            rows.setdefault(key, []).append(found)
    names = ("program", "bytes", "workers", "connections")
    return [{**dict(zip(names, key, strict=True)), "rounds": found} for key, found in rows.items()]


def memory(program: Program) -> dict[str, int]:
    """Return Pss in kB of our server with 1 and with 4 workers, and what an empty Python takes."""
    found = {}
    for workers in (1, 4):
        with running(program, workers) as process:
            for _ in range(40):
                _wait(program, subprocess.Popen(["true"]))
            found[f"workers_{workers}"] = serve_soak.pss(process)
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as empty:
        assert empty.stdout is not None
        empty.stdout.readline()
        found["interpreter"] = serve_soak.kilobytes(empty.pid, "Rss:")
        empty.communicate(b"\n")
    return found


def main() -> None:
    """Train what is missing, measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data.add_data_argument(parser)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--mlserver", type=Path, help="Python of an environment with MLServer")
    parser.add_argument("--rounds", type=int, default=3, help="of the speeds")
    parser.add_argument("--seconds", type=int, default=5, help="of one measurement of speed")
    parser.add_argument("--minutes", type=float, default=10, help="of the soak")
    report.add_results_argument(parser)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("expected wrk, found none: install it, as by  apt-get install wrk")
    about = measure.machine()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        models = (arguments.models or scratch / "models").resolve()
        files = peers.ensure_models(models, [peers.SATCHEL_FILE, peers.SVM_FILE], arguments.data)
        each = programs(models, files, scratch, arguments.mlserver)
        rows = speeds(each, arguments.data, arguments.rounds, arguments.seconds, scratch)
        used = memory(each[0])
        texts = texts_of(arguments.data, SIZES[0]) + texts_of(arguments.data, SIZES[1])
        attacked = serve_soak.attack(models / peers.SATCHEL_FILE, PORT)
        soaked = serve_soak.soak(
            models / peers.SATCHEL_FILE, scratch, texts, arguments.minutes * 60, PORT
        )
    found = {"speeds": rows, "memory_kb": used, "attacks": attacked, "soak": soaked}
    page = _speeds(rows) + _memory(used) + _soak(soaked) + _attacks(attacked)
    print(report.write("serve", "Answering over HTTP", page, found, about, arguments.results))


def _speeds(rows: list[dict[str, Any]]) -> str:
    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["bytes"], row["workers"], row["connections"]

    ours = {key(row): row["rounds"] for row in rows if row["program"] == "Satchel"}
    lines = []
    for row in sorted(rows, key=key):
        rounds = row["rounds"]

        def middle(what: str, rounds: list[dict[str, float]] = rounds) -> float:
            return statistics.median(each[what] for each in rounds)

        pairs = zip(ours[key(row)], rounds, strict=True)
        ratios = [mine["per_second"] / its["per_second"] for mine, its in pairs]
        lines.append(
            [
                *(f"{row['bytes']:,}", str(row["workers"]), str(row["connections"])),
                row["program"],
                f"{middle('per_second'):,.0f}",
                f"{middle('p50_ms'):,.2f} ms",
                f"{middle('p99_ms'):,.2f} ms",
                "" if row["program"] == "Satchel" else report.ratios(ratios),
                str(sum(each["broken"] + each["refused"] for each in rounds)),
            ]
        )
    header = ["bytes", "workers", "connections", "program", "requests/s", "median", "99 %"]
    header += ["Satchel is faster by", "failed"]
    return (
        report.markdown(header, lines)
        + f"\nOne text per request; medians of {len(rows[0]['rounds'])} interleaved rounds, the "
        "ratio taken round by round (least to most in brackets). wrk, with one thread, shares the "
        "cores with the server.\n"
    )


def _memory(used: dict[str, int]) -> str:
    one, four, empty = used["workers_1"], used["workers_4"], used["interpreter"]
    return (
        f"\n## Memory\n\nAll processes of a server with 1 worker take {one / 1e3:,.1f} MB (Pss), "
        f"with 4 workers {four / 1e3:,.1f} MB: {(four - one) / 3e3:,.1f} MB per further worker. A "
        f"Python that does nothing takes {empty / 1e3:,.1f} MB (resident).\n"
    )


def _soak(found: dict[str, Any]) -> str:
    curve = found["memory_kb"]
    quarter = max(1, len(curve) // 4)
    first, last = (statistics.median(part) / 1e3 for part in (curve[:quarter], curve[-quarter:]))
    return (
        f"\n## Soak\n\n{found['seconds']:,.0f} s of load by {found['connections']} connections, "
        f"2 workers, {found['swaps']} swaps of the model and SIGTERM at the end: "
        f"{found['answers']:,} answers, each checked against the model of its version; "
        f"{found['wrong']} wrong, {found['failed']} failed, {found['dropped']} dropped; "
        f"{found['reconnected']:,} connections closed by the server with notice. Exit "
        f"status {found['status']}. Pss: {first:,.0f} MB in the first quarter, {last:,.0f} MB "
        f"in the last, {max(curve) / 1e3:,.0f} MB at most (two generations of workers during a "
        "swap).\n"
    )


def _attacks(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            row["name"],
            ", ".join(f"{status}: {count}" for status, count in sorted(row["statuses"].items())),
            f"{row['growth_kb'] / 1e3:+,.1f} MB",
            f"{row['good']} of {row['asked']}",
            f"{row['slowest_ms']:,.0f} ms",
        ]
        for row in rows
    ]
    header = ["attack", "statuses", "memory at most", "others answered", "slowest"]
    return (
        "\n## Attacks\n\n"
        + report.markdown(header, lines)
        + "\nAgainst one worker with its usual limits but 3 s for a request to arrive; `closed` "
        "is a connection that the server closed without a response. Meanwhile one client asks as "
        "usual. No response had a traceback, and the log had none.\n"
    )


if __name__ == "__main__":
    main()
