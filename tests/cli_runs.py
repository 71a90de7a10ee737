"""Running the command line: as a shell does, and in this process, which has Keras loaded."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

import pytest

from satchel import sealed
from satchel.cli import main
from satchel.sealed.assembly import Contents, ensemble_of
from small_models import make_contents


def run_process(
    *arguments: object,
    given: str | bytes | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """The command line as a shell runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "satchel", *map(os.fsencode, map(str, arguments))],
        capture_output=True,
        input=given.encode() if isinstance(given, str) else given,
        stdin=subprocess.DEVNULL if given is None else None,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        timeout=300,
    )
    said = [stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr)]
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def run(*arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """The same in this process."""
    names = [str(argument) for argument in arguments]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    into = io.TextIOWrapper(io.BytesIO((given or "").encode()), "utf-8")
    with (
        _as_it_was(),
        mock.patch.multiple(sys, argv=["satchel", *names], stdin=into),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(names, code, *said)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Undo what a process of its own may keep: handlers of signals, warnings and threads."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    hook = threading.excepthook
    try:
        with warnings.catch_warnings():
            yield
    finally:
        threading.excepthook = hook
        for each, handler in handlers.items():
            signal.signal(each, handler)


def refused(*arguments: object, given: str | None = None) -> str:
    """What a call says that cannot be served: one line, exit status 2, nothing on the output."""
    answer = run(*arguments, given=given)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    last = answer.stderr.splitlines()[-1]
    assert last.startswith("satchel: ")
    return answer.stderr


def write_model(path: Path, contents: Contents | None = None) -> Path:
    """A model of four labels with random numbers, written without training."""
    sealed.write(path, ensemble_of(make_contents() if contents is None else contents))
    return path
