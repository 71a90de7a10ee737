"""Standard streams of every kind, and signals: no traceback, no lost result, nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_runs import run_process, write_model
from corpora import corpus
from small_models import TEXTS, make_contents

SATCHEL = [sys.executable, "-m", "satchel"]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such devices and shells")


@pytest.fixture(autouse=True, scope="module")
def signals_that_end_a_process() -> Iterator[None]:
    """Undo what ``nohup`` and a shell's ``&`` hand on to the tests: signals that are ignored."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a labelled table and a folder of texts in many scripts."""
    folder = tmp_path_factory.mktemp("streams")
    write_model(folder / "m.satchel")
    names = make_contents().manifest.labels
    rows = [{"text": text, "label": names[n % 4]} for n, text in enumerate(TEXTS)]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts, labels = corpus(60)
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "docs").mkdir()
    (folder / "docs" / "宇宙 → ö").write_text("Der Zug über die Brücke → 東京都")
    return folder


CALLS = {
    "help": ("--help",),
    "help of a verb": ("predict", "--help"),
    "version": ("--version",),
    "inspect": ("inspect", "m.satchel"),
    "inspect json": ("inspect", "m.satchel", "--json"),
    "evaluate": ("evaluate", "m.satchel", "t.jsonl"),
    "predict": ("predict", "m.satchel", "docs"),
    "predict json": ("predict", "m.satchel", "docs", "--json"),
    "predict explain": ("predict", "m.satchel", "docs", "--explain"),
    "check": ("check", "t.jsonl"),
    "compress": ("compress", "m.satchel", "--max-size", "9kB", "-o", "small.satchel"),
    "train": ("train", "train.jsonl", "-o", "trained.satchel", "--effort", "fast"),
}


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
@pytest.mark.parametrize("call", CALLS)
def test_any_encoding_holds_what_is_said(call: str, encoding: str, place: Path) -> None:
    if call == "train" and encoding != "cp1252":
        return  # once is enough for what takes seconds
    environment = {"PYTHONIOENCODING": encoding}
    answer = run_process(*CALLS[call], environment=environment, folder=place)
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
    answer.stdout.encode("utf-8", "surrogateescape").decode(encoding)
    if "json" in call:
        answer.stdout.encode("ascii")
        usual = run_process(*CALLS[call], folder=place)
        assert json.loads(answer.stdout) == json.loads(usual.stdout)
    if call == "evaluate":
        assert "(true -> predicted)" in answer.stdout


def test_an_error_reaches_a_stream_that_cannot_hold_it(place: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii"}
    answer = run_process(
        "predict", "宇宙.satchel", "t.jsonl", environment=environment, folder=place
    )
    assert answer.returncode == 2
    assert "\\u5b87\\u5b99.satchel" in answer.stderr


def shell(
    command: str, place: Path, given: str = "the old car"
) -> subprocess.CompletedProcess[str]:
    """A command line with redirections that begins with ``satchel``."""
    return subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m {command}"],
        capture_output=True,
        text=True,
        input=given,
        cwd=place,
        timeout=300,
    )


@posix
@pytest.mark.parametrize("call", [call for call in CALLS if call not in ("train", "compress")])
def test_a_full_device_is_said(call: str, place: Path) -> None:
    words = " ".join(CALLS[call])
    done = shell(f"satchel {words} > /dev/full", place)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(": No space left on device")
    assert ("standard output" in line) or call == "help of a verb"


@posix
@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("satchel predict m.satchel >&-", 2, "found it closed"),
        ("satchel --version >&-", 2, "found it closed"),
        ("satchel predict m.satchel <&-", 2, "found it closed"),
        ("satchel predict m.satchel docs <&-", 0, ""),
        ("satchel predict m.satchel 2>&-", 0, ""),
        ("satchel predict m.satchel 2>/dev/full", 0, ""),
        ("satchel predict none 2>&-", 2, ""),
        ("satchel none 2>/dev/full", 2, ""),
        ("satchel predict m.satchel docs <&- >&- 2>&-", 2, ""),
    ],
)
def test_closed_streams(command: str, status: int, said: str, place: Path) -> None:
    done = shell(command, place)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) == (status == 0)


@posix
def test_no_message_goes_into_a_file_that_took_the_place_of_a_closed_stream(place: Path) -> None:
    before = (place / "m.satchel").read_bytes()
    shell("satchel predict m.satchel - --out answers.jsonl <t.jsonl 2>&- 0<t.jsonl", place)
    assert len((place / "answers.jsonl").read_text().splitlines()) == 1
    json.loads((place / "answers.jsonl").read_text())
    assert (place / "m.satchel").read_bytes() == before


@posix
def test_a_reader_that_goes_away_is_no_error(place: Path) -> None:
    (place / "many").write_text("the old car\n" * 20_000)
    command = "satchel predict m.satchel many --lines | head -n 2; echo ${PIPESTATUS[0]}"
    done = shell(command, place)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def temporary_files(folder: Path) -> list[Path]:
    return list(folder.rglob(".satchel-*"))


def size_of(file: Path) -> int:
    """The bytes of a file; 0 where it went since it was listed, as the trial of a folder does."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_while_a_file_is_written_leaves_nothing(name: str, tmp_path: Path) -> None:
    write_model(tmp_path / "m.satchel")
    (tmp_path / "many").write_text("the old car and the new card\n" * 300_000)
    (tmp_path / "o.jsonl").write_text("old")
    command = [
        *SATCHEL,
        "predict",
        "m.satchel",
        "many",
        "--lines",
        "--out",
        "o.jsonl",
        "--top",
        "4",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while not any(size_of(file) for file in temporary_files(tmp_path)):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    number = getattr(signal, name)
    for _ in range(3):  # as to a whole group: more than once, at once
        process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert process.returncode == -number
    assert said.splitlines()[-1] in (f"satchel: stopped by {name}", "satchel: interrupted")
    assert temporary_files(tmp_path) == []
    assert (tmp_path / "o.jsonl").read_text() == "old"


@posix
def test_nohup_is_heeded(place: Path) -> None:
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    check = "import os, signal; os.kill(os.getpid(), signal.SIGHUP)"
    program = f"{code}\nfrom satchel.cli import exits\ndef work():\n    {check}\nexits.run(work)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@posix
def test_a_signal_that_a_library_swallows_ends_the_run_at_the_next_report() -> None:
    program = """
import os, signal
from satchel.cli import exits, terminal

def work():
    with terminal.progress_bars() as progress:
        progress("training", 1, 9)
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            pass
        progress("training", 2, 9)
        print("went on")

exits.run(work)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT
    assert (done.stdout, done.stderr) == ("", "satchel: interrupted\n")


@posix
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("MemoryError()", "not enough memory"),
        ("RuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes')", "enough memory"),
        ("OSError(12, 'Cannot allocate memory')", "not enough memory"),
        ("OSError(5, 'Input/output error', 'disk')", "disk: Input/output error"),
    ],
)
def test_want_of_memory_and_errors_of_the_system_are_one_line(raised: str, said: str) -> None:
    program = f"from satchel.cli import exits\ndef work():\n    raise {raised}\nexits.run(work)"
    # What a command raises reaches `exits.run` inside `CommandError`.
    program = program.replace(f"raise {raised}", f"raise exits.CommandError({raised})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_fault_of_ours_is_told_with_its_traceback_and_status_one() -> None:
    program = "from satchel.cli import exits\nexits.run(lambda: {}['\\x1b[31m'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("satchel: this is a bug in Satchel")


def test_the_end_of_a_file_where_more_was_expected_is_no_interrupt() -> None:
    program = """
import satchel.cli
from satchel.cli import main, manage

def raising(**arguments):
    raise EOFError("ran out of input")

manage.inspect_command.callback = raising
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "inspect", "x"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "ran out of input" in done.stderr
    assert "interrupted" not in done.stderr


def everything(terminal: int) -> str:
    """What comes to a terminal until the other side is closed."""
    said = b""
    try:
        while piece := os.read(terminal, 4096):
            said += piece
    except OSError:  # Linux's way to say that it is closed
        pass
    os.close(terminal)
    return said.decode()


@posix
def test_bars_are_for_terminals_and_results_stay_on_the_output(place: Path) -> None:
    import pty

    (place / "lines").write_text("the old car\n" * 40_000)
    ours, theirs = pty.openpty()
    with (place / "rows").open("wb") as rows:
        process = subprocess.Popen(
            [*SATCHEL, "predict", "m.satchel", "lines", "--lines"],
            cwd=place,
            stdout=rows,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
        )
        os.close(theirs)
        bars = everything(ours)
        process.wait(timeout=60)
    assert process.returncode == 0
    assert len((place / "rows").read_text().splitlines()) == 40_000
    assert "predicting" in bars
    assert "40,000/40,000" in bars


@posix
def test_a_terminal_is_told_that_its_text_is_awaited(place: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*SATCHEL, "predict", "m.satchel"],
        cwd=place,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    assert process.stderr is not None
    assert "end it with Ctrl-D" in process.stderr.readline()
    os.write(ours, b"the old car\n\x04")
    output, _ = process.communicate(timeout=600)
    os.close(ours)
    assert process.returncode == 0
    assert output.startswith("-\t")


def test_compiling_is_said_once_it_is_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from satchel.cli import terminal
    from satchel.progress import report

    def work() -> str:
        with terminal.progress_bars() as progress:
            report("compiling", 1, None)
            time.sleep(0.02)
            progress("training", 1, 2)
        return capsys.readouterr().err

    assert work() == ""  # too short to speak of
    monkeypatch.setattr(terminal, "_REPORT_FROM", 0.01)
    assert work().startswith("compiling took 0 s of this: once per machine")
