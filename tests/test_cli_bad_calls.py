"""No call ends in a traceback: bad ones of every command, and calls put together at random."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_runs import run, run_process, write_model
from satchel.cli import COMMANDS

NOTHING = "does-not-exist"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of everything that a user may name by mistake."""
    folder = tmp_path_factory.mktemp("bad")
    write_model(folder / "good.satchel")
    data = (folder / "good.satchel").read_bytes()
    (folder / "cut.satchel").write_bytes(data[:-100])
    (folder / "flipped.satchel").write_bytes(data[:600] + bytes([data[600] ^ 1]) + data[601:])
    (folder / "empty").write_bytes(b"")
    (folder / "binary").write_bytes(bytes(range(256)) * 40)
    (folder / "text").write_text("the old car\n")
    (folder / "table.csv").write_text("text,label\nthe car,cars\na card,graphics\n")
    (folder / "one.csv").write_text("text,label\nthe car,cars\na card,cars\n")
    (folder / "header.csv").write_text("text,label\n")
    (folder / "quote.csv").write_text('text,label\n"the car,cars\n')
    (folder / "bad.jsonl").write_bytes(b'{"text": "\xff\\ud800", "label": 1}\n[]\n{')
    (folder / "bad.parquet").write_bytes(b"PAR1 and no more")
    (folder / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "bad.tar.gz").write_bytes(b"\x1f\x8b and no more")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    return folder


MODELS = (
    NOTHING, "empty", "binary", "text", "cut.satchel", "flipped.satchel", "folder", "loop", "pipe",
    "good.satchel/x", "x" * 300, "", "folder/none", "table.csv", "\udcff",
)  # fmt: skip
SOURCES = (
    NOTHING, "empty", "binary", "header.csv", "quote.csv", "bad.jsonl", "bad.parquet", "bad.zip",
    "bad.tar.gz", "folder", "loop", "pipe", "table.csv/x", "x" * 300, "x" * 5000, "", "bad.zip/x",
    "good.satchel", "\udcff",
)  # fmt: skip
OUTPUTS = ("folder", "none/x", "text/x", "loop", "pipe", "x" * 300, "/", "")

CALLS = [
    ("predict",),
    ("predict", "good.satchel", "text", "--top", "0"),
    ("predict", "good.satchel", "text", "--top", "x"),
    ("predict", "good.satchel", "text", "--threads", "0"),
    ("predict", "good.satchel", "text", "--out", "x.xlsx"),
    ("predict", "good.satchel", "text", "--out", "x.csv", "--json"),
    ("predict", "good.satchel", "text", "--out", "x.csv", "--explain"),
    ("predict", "good.satchel", "text", "--keep", "a", "--json"),
    ("predict", "good.satchel", "text", "--keep", "a"),
    ("predict", "good.satchel", "table.csv", "--text", "none"),
    ("predict", "good.satchel", "empty", "--lines"),
    ("predict", "good.satchel", "--none"),
    *(("predict", "good.satchel", "text", "--out", f"{out}.csv") for out in OUTPUTS[1:3]),
    *(("predict", model, "text") for model in MODELS),
    *(("predict", "good.satchel", s) for s in SOURCES if s not in ("empty", "good.satchel")),
    ("evaluate",),
    ("evaluate", "good.satchel"),
    ("evaluate", "good.satchel", "table.csv", "--label", "none"),
    ("evaluate", "good.satchel", "table.csv", "--text", "label", "--label", "label2"),
    ("evaluate", "good.satchel", "table.csv", "--report", "text"),
    *(("evaluate", model, "table.csv") for model in MODELS),
    *(("evaluate", "good.satchel", source) for source in SOURCES),
    ("inspect",),
    ("inspect", "good.satchel", "more"),
    *(("inspect", model) for model in MODELS),
    *(("inspect", model, "--json") for model in MODELS[:4]),
    ("compress",),
    ("compress", "good.satchel"),
    *(
        ("compress", "good.satchel", "--max-size", size)
        for size in (
            "",
            "x",
            "-1",
            "1e9",
            "0",
            "1B",
            "10",
            "9" * 400,
            "1.5.5MB",
            "2TB",
            "inf",
            "nan",
        )
    ),
    *(("compress", model, "--max-size", "1MB") for model in MODELS),
    *(("compress", "good.satchel", "--max-size", "9kB", "-o", out) for out in OUTPUTS),
    *(
        ("compress", "good.satchel", "--max-size", "9kB", "-o", "small", "--test", source)
        for source in SOURCES
    ),
    ("check",),
    *(("check", source) for source in SOURCES),
    *(("check", "table.csv", "--test", source) for source in SOURCES),
    ("export",),
    ("export", "good.satchel"),
    ("export", "good.satchel", "--to", "pmml"),
    ("export", "good.satchel", "--to", "onnx", "-o", "folder"),
    *(("export", model, "--to", "onnx") for model in MODELS),
    ("import-tutorial",),
    *(
        ("import-tutorial", "--tokenizer", a, "--model", b, "--labels", c, "-o", "rescued")
        for a, b, c in (
            (NOTHING, NOTHING, NOTHING),
            ("binary", "binary", "text"),
            ("empty", "empty", "empty"),
            ("folder", "text", "text"),
            ("text", "table.csv", "binary"),
            ("loop", "loop", "loop"),
        )
    ),
    ("demo", "--folder", "text"),
    ("demo", "--folder", "text/x"),
    ("demo", "--backend", "none"),
    ("train",),
    ("train", "table.csv", "--test", "table.csv", "--no-test"),
    ("train", "table.csv", "--report", "r", "--no-test"),
    ("train", "table.csv", "--strip", "nothing"),
    ("train", "table.csv", "--budget", "0"),
    ("train", "table.csv", "--budget", "long"),
    ("train", "table.csv", "--max-size", "much"),
    ("train", "table.csv", "--seed", "-1"),
    ("train", "table.csv", "--seed", "9" * 40),
    ("train", "table.csv", "--hold-out", "-1"),
    ("train", "table.csv", "--hold-out", "9" * 40),
    ("train", "table.csv", "--effort", "none"),
    ("train", "table.csv", "--backend", "none"),
    ("train", "table.csv", "--preset", "none"),
    ("train", "table.csv", "--test", "header.csv"),
    ("train", "one.csv", "--no-test"),
    ("train", "table.csv", "--label", "text", "--text", "none"),
    *(("train", source, "-o", "new.satchel") for source in SOURCES),
    *(("train", "table.csv", "-o", out) for out in OUTPUTS),
    ("none",),
    ("--none",),
    (),
    ("predict", "--keep"),
]


def assert_clean(arguments: tuple[str, ...], status: int, output: str, said: str) -> None:
    assert status == 2, (arguments, status, output, said)
    assert "Traceback" not in said, (arguments, said)
    assert "bug in Satchel" not in said, (arguments, said)
    if arguments:
        assert said.splitlines()[-1].startswith("satchel: "), (arguments, said)
    assert output == "" or arguments[0] == "check", (arguments, output)


@pytest.mark.parametrize(
    "arguments", CALLS, ids=lambda call: " ".join(call).encode("unicode_escape").decode()[:60]
)
def test_a_bad_call_says_one_clear_line(
    arguments: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    before = sorted(os.listdir(place))
    answer = run(*arguments)
    assert_clean(arguments, answer.returncode, answer.stdout, answer.stderr)
    assert sorted(os.listdir(place)) == before


def test_every_verb_is_among_them() -> None:
    assert {call[0] for call in CALLS if call} >= set(COMMANDS)


# A process of its own meets what this one hides, such as the first import of a module.
@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_call_of_every_command_as_a_process(command: str, place: Path) -> None:
    calls = [call for call in CALLS if call[:1] == (command,)]
    for arguments in (calls[0], calls[len(calls) // 2], calls[-1]):
        answer = run_process(*arguments, folder=place)
        assert_clean(arguments, answer.returncode, answer.stdout, answer.stderr)


WORDS = st.sampled_from(
    [
        *COMMANDS, *MODELS, *SOURCES, *OUTPUTS, "good.satchel", "table.csv", "one.csv", "text", "-",
        "--json", "--top", "--explain", "--lines", "--out", "--keep", "all", "--text", "--label",
        "--threads", "--report", "--max-size", "--test", "--to", "onnx", "-o", "--no-test",
        "--strip", "--budget", "--hold-out", "--seed", "-1", "0", "1", "9kB", "1s", "--help", "--",
        "o.csv", "o.json",
    ]
)  # fmt: skip
FIRST = st.sampled_from(["predict", "evaluate", "inspect", "compress", "check"])


@given(command=FIRST, words=st.lists(WORDS, max_size=6))
def test_calls_put_together_at_random_end_in_order(
    command: str, words: list[str], tmp_path_factory: pytest.TempPathFactory, place: Path
) -> None:
    if "/" in words:  # a report or a folder of that name would be the system's own
        words = [word for word in words if word != "/"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        kept = (place / "good.satchel").read_bytes()
        answer = run(command, *words)
        (place / "good.satchel").write_bytes(kept)
    assert answer.returncode in (0, 2), (command, words, answer.stderr)
    assert "Traceback" not in answer.stderr
