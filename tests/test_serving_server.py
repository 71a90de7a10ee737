"""How ``satchel serve`` runs: limits, attacks, tokens, new model files, signals, metrics, logs."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli_runs import refused, run_process, write_model
from servers import DEADLINE, Served, serving, until
from small_models import TEXTS, with_rows

ASKED = {"texts": ["the old car and its engine"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "news.satchel")


@pytest.fixture(scope="module")
def bounded(model: Path) -> Iterator[Served]:
    limits = ("--max-body", "100kb", "--max-documents", 8, "--max-characters", 5_000)
    with serving(model, *limits, "--timeout", "1s", "--max-connections", 20) as served:
        yield served


def exchange(served: Served, *pieces: bytes) -> bytes:
    """Send bytes as they are, and return all that comes until the connection is closed."""
    with served.connect() as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return received(connection)


def received(connection: socket.socket) -> bytes:
    found = []
    try:
        while piece := connection.recv(65_536):
            found.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(found)


def status_of(response: bytes) -> int:
    assert b"Traceback" not in response
    return int(response.split(b" ", 2)[1])


def request(body: bytes, *fields: str, length: int | None = None) -> bytes:
    lines = ["POST /predict HTTP/1.1", "Host: localhost", *fields]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def memory(served: Served) -> int:
    """The resident memory of the workers in bytes."""
    return sum(
        int(Path(f"/proc/{each}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for each in served.workers()
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"texts": ["a"] * 9}, "at most 8 documents, found 9"),
        ({"texts": ["ok", "a" * 5_001]}, "found 5,001 in document 1"),
        ({"texts": ["a" * 200_000]}, "at most 100,000 bytes"),
    ],
)
def test_more_than_the_server_accepts(bounded: Served, asked: object, says: str) -> None:
    answer = bounded.ask("/predict", asked)
    assert answer.status == 413
    assert says in answer.message


def test_a_huge_body_is_refused_before_it_is_read(bounded: Served) -> None:
    answer = exchange(bounded, request(b"", length=10**15))
    assert status_of(answer) == 413
    assert b"connection: close" in answer


def test_a_body_of_unknown_length_is_bounded(bounded: Served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    before = memory(bounded)
    assert (
        status_of(exchange(bounded, head, *[b"10000\r\n" + b"a" * 65_536 + b"\r\n"] * 400)) == 413
    )
    assert memory(bounded) - before < 20e6
    text = json.dumps(ASKED).encode()
    chunks = b"".join(b"1\r\n" + text[at : at + 1] + b"\r\n" for at in range(len(text)))
    answer = exchange(
        bounded, head.replace(b"Host", b"Connection: close\r\nHost") + chunks, b"0\r\n\r\n"
    )
    assert status_of(answer) == 200


def test_a_slow_body_and_slow_headers_end(bounded: Served) -> None:
    started = time.monotonic()
    assert status_of(exchange(bounded, request(b"{", length=100))) == 408
    assert status_of(exchange(bounded, b"POST /predict HTTP/1.1\r\nHost: local")) == 408
    assert exchange(bounded) == b""
    assert time.monotonic() - started < DEADLINE


def test_drops_of_a_slow_request_do_not_prolong_it(bounded: Served) -> None:
    with bounded.connect() as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
        )
        end = time.monotonic() + DEADLINE
        connection.settimeout(0.1)
        answer = b""
        while time.monotonic() < end and not answer:
            try:
                connection.sendall(b"a")
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        assert status_of(answer) == 408


def test_a_client_that_does_not_read_is_left(bounded: Served) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", bounded.port))
        text = "old car card engine game " * 190
        asked = json.dumps({"texts": [text] * 8, "explain": True}).encode()
        for _ in range(20):
            connection.sendall(request(asked))
        until(lambda: bounded.metrics()["satchel_connections"] == 2)
        until(lambda: bounded.metrics()["satchel_connections"] == 1)
    assert not [line for line in bounded.log() if line["event"] == "log"]


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET / HTTP/1.1\r\n"] + [b"A: b\r\n"] * 200_000, 431),
        ([b"GET / HTTP/1.1\r\nA: " + b"b" * 10_000_000], 431),
        ([b"GET / HTTP/1.1\r\n" + b"a" * 10_000_000 + b": b\r\n"], 431),
        (
            [b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"b" * 10_000_000],
            431,
        ),
        (
            [b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"b" * 9_000_000],
            431,
        ),
        ([b"GET /" + b"a" * 10_000_000 + b" HTTP/1.1\r\n\r\n"], 414),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400),
        ([b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n"], 400),
        ([b"GET / HTTP/9.9\r\n\r\n"], 400),
        ([request(b"", "Content-Length: 3")], 400),
        ([request(b"", "Transfer-Encoding: chunked", length=3) + b"zz\r\n"], 400),
        ([request(b"ab", "Content-Encoding: gzip")], 415),
        ([request(b"", length=-5)], 400),
    ],
)
def test_what_is_no_request(bounded: Served, pieces: list[bytes], status: int) -> None:
    before = memory(bounded)
    assert status_of(exchange(bounded, *pieces)) == status
    assert memory(bounded) - before < 20e6


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.js/../../settings.py",
        "/models/..%2f..%2fnews",
        "/models/%00",
        "/v2/models/%ff%fe",
        "//etc/passwd",
        "/static/%252e%252e",
        "/predict/",
        "/\u2025",
    ],
)
def test_paths_lead_nowhere(bounded: Served, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    answer = exchange(bounded, head)
    assert status_of(answer) in (400, 404, 405)
    assert b"root:" not in answer


def test_methods(bounded: Served) -> None:
    answer = bounded.ask("/predict", method="GET")
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert bounded.ask("/health/live", method="HEAD").body == b""
    assert bounded.ask("/models/news", method="DELETE").status == 405


def test_connections_beyond_the_limit_are_told_so(bounded: Served) -> None:
    held = [bounded.connect() for _ in range(40)]
    try:
        for connection in held:
            connection.settimeout(DEADLINE)
        answers = [received(connection) for connection in held]
    finally:
        for connection in held:
            connection.close()
    told = [answer for answer in answers if answer]
    assert len(told) >= 20
    assert {status_of(answer) for answer in told} == {503}
    assert all(b"retry-after" in answer for answer in told)
    until(lambda: bounded.ask("/predict", ASKED).status == 200)


def test_requests_on_one_connection_are_answered_in_order(bounded: Served) -> None:
    bodies = [json.dumps({"texts": [text]}).encode() for text in TEXTS]
    last = request(bodies[-1], "Connection: close")
    answer = exchange(bounded, b"".join(map(request, bodies[:-1])) + last)
    found = [json.loads(each) for each in re.findall(rb"\r\n\r\n(\{.*?\})(?=HTTP|$)", answer)]
    assert len(found) == len(TEXTS)
    expected = [bounded.ask("/predict", {"texts": [text]}).json for text in TEXTS]
    assert found == expected


def test_attacks_leave_no_trace_but_numbers(bounded: Served) -> None:
    samples = bounded.metrics()
    assert not [name for name in samples if 'status="500"' in name]
    assert {line["event"] for line in bounded.log()} == {"listening"}


def test_a_token(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    with serving(model, "--token-file", file) as served:
        assert served.ask("/predict", ASKED).status == 401
        for path in ("/models", "/metrics", "/v2", "/v1/models"):
            assert served.ask(path).status == 401
        for path in ("/", "/health/live", "/health/ready", "/v2/health/ready", "/openapi.json"):
            assert served.ask(path).status == 200

        def status(given: str) -> int:
            return served.ask("/predict", ASKED, headers={"Authorization": given}).status

        assert status("Bearer s3cret") == 200
        assert status("Basic " + base64.b64encode(b"user:s3cret").decode()) == 200
        for wrong in ("Bearer s3cre", "Bearer", "s3cret", "Basic !", "Bearer s3cret2"):
            assert status(wrong) == 401
    with serving(model, environment={"SATCHEL_TOKEN": "abc"}) as served:
        assert served.ask("/predict", ASKED).status == 401
        # Reached by any name: the token protects it.
        assert served.ask("/models", headers={"Authorization": "Bearer abc", "Host": "x"}).json


def test_a_page_of_another_site_is_not_answered(model: Path) -> None:
    with serving(model, "--allow-host", "models.example") as served:
        for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", "[::2]"):
            answer = served.ask("/predict", ASKED, headers={"Host": host})
            assert answer.status == 421
        for host in ("localhost:1", "127.0.0.1", "[::1]:8000", "models.example", "a.localhost"):
            assert served.ask("/predict", ASKED, headers={"Host": host}).status == 200


def variant(path: Path, winner: int) -> None:
    """Write a model that answers with one label, whatever the text."""
    rows = np.zeros((1, 4), np.float32)
    contents = with_rows(rows, np.array([5], np.uint64))
    # The prior answers a text without known words.
    counts = tuple(100 if column == winner else 1 for column in range(4))
    manifest = contents.manifest
    training = msgspec.structs.replace(manifest.training, documents=103, class_counts=counts)
    changed = msgspec.structs.replace(manifest, training=training)
    new = path.with_suffix(".new")
    write_model(new, type(contents)(manifest=changed, arrays=contents.arrays))
    os.replace(new, path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_new_file_is_swapped_in_and_no_request_is_lost(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "news.satchel"
    variant(path, 0)
    failures: list[object] = []
    answered = [0] * 4
    stop = threading.Event()

    def ask_again_and_again(served: Served, number: int) -> None:
        last = 0
        while not stop.is_set():
            try:
                answer = served.ask("/predict", ASKED).json
                label = answer["predictions"][0]["label"]
                # A version and its label belong together.
                if label != f"label {(answer['version'] - 1) % 4}":
                    failures.append(answer)
                last = answer["version"]
            except Exception as error:
                failures.append(error)
            answered[number] += 1
        assert last

    with serving(path, "--workers", workers, "--watch", "0.05s") as served:
        threads = [
            threading.Thread(target=ask_again_and_again, args=(served, number))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        try:
            for version in range(2, 5):
                variant(path, (version - 1) % 4)
                until(lambda v=version: served.ask("/health/ready").json["models"]["news"] == v)
                before = list(answered)
                until(
                    lambda b=before: all(now > then for now, then in zip(answered, b, strict=True))
                )
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert failures == []
        until(lambda: len(served.workers()) == workers)
        assert served.metrics()['satchel_model_version{model="news"}'] == 4
        assert served.stop() == 0


def test_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "news.satchel"
    variant(path, 1)
    good = path.read_bytes()
    with serving(path, "--watch", "0.05s") as served:

        def failure() -> str:
            found: str = served.ask("/health/ready").json["failures"].get("news", "")
            return found

        path.write_bytes(good[: len(good) // 2])
        assert "news.satchel" in until(failure)
        assert served.ask("/predict", ASKED).json["predictions"][0]["label"] == "label 1"
        assert served.ask("/health/ready").status == 200
        assert served.metrics()['satchel_model_stale{model="news"}'] == 1
        path.unlink()
        until(lambda: "cannot be read" in failure())
        assert served.ask("/predict", ASKED).status == 200
        variant(path, 2)
        until(lambda: served.ask("/health/ready").json["models"]["news"] == 2)
        assert failure() == ""
        events = [line["event"] for line in served.log()]
        assert events.count("model_replaced") == 1
        assert events.count("model_refused") >= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_once_all_is_answered(model: Path, number: int) -> None:
    with serving(model, "--workers", 2) as served:
        waiting = [served.connect() for _ in range(6)]
        body = json.dumps(ASKED).encode()
        for connection in waiting:  # requests that are half sent when the signal comes
            connection.sendall(request(body)[:-10])
        until(lambda: sum(v for k, v in served.metrics().items() if "connections" in k) >= 6)
        served.process.send_signal(number)
        until(lambda: any(line["event"] == "stopping" for line in served.log()))
        for connection in waiting:
            connection.sendall(request(body)[-10:])
        for connection in waiting:
            answer = received(connection)
            connection.close()
            assert status_of(answer) == 200
            assert b"connection: close" in answer
        assert served.process.wait(DEADLINE) == 0
        assert served.log()[-1] == {**served.log()[-1], "event": "stopped", "complete": True}
        with pytest.raises(OSError, match="refused"):
            served.connect()


def test_a_second_signal_ends_it_at_once(model: Path) -> None:
    with serving(model) as served, served.connect() as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
        )
        until(lambda: served.metrics()["satchel_connections"] >= 2)
        served.process.send_signal(signal.SIGTERM)
        until(lambda: any(line["event"] == "stopping" for line in served.log()))
        assert served.stop() == 1


def test_a_lost_worker_is_replaced_and_its_counts_kept(model: Path) -> None:
    with serving(model, "--workers", 2) as served:
        for _ in range(20):
            assert served.ask("/predict", ASKED).status == 200
        name = 'satchel_documents_total{model="news"}'
        until(lambda: served.metrics()[name] == 20)
        first = served.workers()
        for each in first:
            os.kill(each, signal.SIGKILL)
        until(lambda: len(served.workers()) == 2 and not set(served.workers()) & set(first))
        until(lambda: served.metrics()["satchel_worker_restarts_total"] == 2)
        assert served.metrics()[name] == 20


def test_workers_end_with_their_supervisor(model: Path) -> None:
    with serving(model, "--workers", 2) as served:
        workers = served.workers()
        served.process.kill()
        served.process.wait(DEADLINE)
        until(
            lambda: (
                not any(Path(f"/proc/{each}/cmdline").exists() and alive(each) for each in workers)
            )
        )


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_several_workers_take_no_more_memory_than_their_interpreters(model: Path) -> None:
    def kilobytes(what: str, *processes: int) -> int:
        total = 0
        for each in processes:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith(what))
        return total

    found = {}
    for workers in (1, 4):
        with serving(model, "--workers", workers) as served:
            for _ in range(40):
                served.ask("/predict", ASKED)
            found[workers] = kilobytes("Pss:", served.process.pid, *served.workers())
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as empty:
        assert empty.stdout is not None
        empty.stdout.readline()
        # What is its own alone would depend on how many other interpreters run.
        interpreter = kilobytes("Rss:", empty.pid)
        empty.communicate(b"\n")
    assert found[4] <= found[1] + 3 * interpreter, interpreter


def test_metrics_are_in_prometheus_s_format(model: Path) -> None:
    with serving(model) as served:
        for _ in range(3):
            served.ask("/predict", {"texts": [*TEXTS, "nothing known qqq"]})
        served.ask("/nowhere")
        answer = served.ask("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {
            each.name: each for each in text_string_to_metric_families(answer.body.decode())
        }
        samples = served.metrics()
    assert samples['satchel_documents_total{model="news"}'] == 3 * len(TEXTS) + 3
    assert samples['satchel_requests_total{endpoint="/predict",status="200"}'] == 3
    assert samples['satchel_requests_total{endpoint="(none)",status="404"}'] == 1
    assert samples['satchel_documents_without_known_features_total{model="news"}'] > 0
    labels = sum(
        value for name, value in samples.items() if name.startswith("satchel_labels_total")
    )
    assert labels == 3 * len(TEXTS) + 3
    buckets = [each for each in families["satchel_request_seconds"].samples if "le" in each.labels]
    for endpoint in {each.labels["endpoint"] for each in buckets}:
        values = [each.value for each in buckets if each.labels["endpoint"] == endpoint]
        assert values == sorted(values)


def test_the_log_has_text_only_where_it_is_asked_for(model: Path) -> None:
    secret = {"texts": ["my private words"]}
    with serving(model, "--log-requests") as served:
        served.ask("/predict", secret)
        served.ask("/predict", {"wrong": "private"})
        lines = until(lambda: requests_in(served, 2))
        assert [(line["status"], line["documents"]) for line in lines] == [(200, 1), (422, 0)]
        assert "private" not in json.dumps(served.log())
    with serving(model, "--log-text") as served:
        served.ask("/predict", secret)
        assert [line["texts"] for line in until(lambda: requests_in(served, 1))] == [
            secret["texts"]
        ]


def requests_in(served: Served, number: int) -> list[dict[str, Any]] | None:
    """The requests that are logged, once there are as many: each is logged after its answer."""
    found = [line for line in served.log() if line["event"] == "request"]
    return found if len(found) >= number else None


def test_spawned_workers_answer_too(model: Path, tmp_path: Path) -> None:
    # What a system without a safe fork does; here the method is named.
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, http.client, json, os, signal\n"
        "from satchel.serving.supervisor import Supervisor\n"
        "from satchel.serving.settings import Settings\n"
        "def ready():\n"
        "    link = http.client.HTTPConnection(supervisor.address.removeprefix('http://'))\n"
        "    link.request('POST', '/predict', json.dumps({'texts': ['a']}))\n"
        "    print(link.getresponse().status, flush=True)\n"
        "    link.close()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "if __name__ == '__main__':\n"
        "    supervisor = Supervisor([sys.argv[1]], Settings(port=0, workers=2), 'spawn')\n"
        "    sys.exit(supervisor.run(ready))\n"
    )
    done = subprocess.run(
        [sys.executable, program, model], capture_output=True, text=True, timeout=DEADLINE
    )
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (lambda _, folder: [folder / "none.satchel"], "found nothing"),
        (lambda model, _: [model, model], "different names"),
        (lambda model, _: [model, "--host", "no.such.host.invalid"], "cannot be used"),
        (lambda model, folder: [model, "--token-file", folder / "none"], "cannot be read"),
        (lambda model, _: [model, "--timeout", "0s"], "--timeout"),
        (lambda model, folder: [broken(model, folder)], "broken.satchel"),
    ],
)
def test_calls_that_cannot_be_served(
    model: Path, tmp_path: Path, arguments: Callable[[Path, Path], list[object]], says: str
) -> None:
    assert says in refused("serve", *arguments(model, tmp_path))


def broken(model: Path, folder: Path) -> Path:
    path = folder / "broken.satchel"
    path.write_bytes(model.read_bytes()[:-50])
    return path


def test_a_port_that_is_taken(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused("serve", model, "--port", taken.getsockname()[1])
    assert "name another --port" in said


def test_an_empty_token_is_no_token(model: Path) -> None:
    done = run_process("serve", model, environment={"SATCHEL_TOKEN": " "})
    assert done.returncode == 2
    assert "SATCHEL_TOKEN" in done.stderr


def test_listening_for_everybody_without_a_token_warns(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.satchel"
    shutil.copy(model, path)
    with serving(path, "--host", "0.0.0.0") as served:
        served.errors.seek(0)
        first = served.errors.readline()
        assert first.startswith("warning: everybody who can reach 0.0.0.0")
