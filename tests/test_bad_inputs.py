"""What Satchel says to bad and odd inputs: docs/bad-inputs.md, to the word.

``python tests/test_bad_inputs.py`` writes the page anew, to be read before it is committed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from bad_inputs import SECTIONS, Input, make_all  # type: ignore[import-not-found]  # noqa: E402

import satchel  # noqa: E402
from cli_runs import run, write_model  # noqa: E402
from satchel.errors import SatchelError  # noqa: E402
from satchel.sources.check import check_documents  # noqa: E402
from satchel.sources.documents import Documents  # noqa: E402
from satchel.sources.reading import read_documents  # noqa: E402

PAGE = ROOT / "docs" / "bad-inputs.md"
INPUTS = [each for inputs in SECTIONS.values() for each in inputs]
NUMBERS = [f"{number:02} {each.source}" for number, each in enumerate(INPUTS)]
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files and permissions")
pytestmark = posix

INTRODUCTION = """\
# Bad and odd inputs, and what Satchel says to them

`python scripts/bad_inputs.py FOLDER` makes these inputs; `tests/test_bad_inputs.py` gives each to \
`satchel check`, `train` and `predict` and to Python, and compares what they say with this page, \
word by word. A good input of this kind has 120 documents. *Used* is how many documents are read, \
*left out* how many are not, as `--rejects FILE` would list them; what is *refused* ends with one \
line and exit status 2. `train` and `predict` say the same as `check`, unless another line tells.
"""


@contextlib.contextmanager
def place_of_all() -> Iterator[Path]:
    """A folder with all inputs and a model, which is the current one meanwhile."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        make_all(place)
        write_model(place / "model.satchel")
        place.chmod(0o777)
        os.chdir(place)
        try:
            yield place
        finally:
            os.chdir(before)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with place_of_all() as found:
        yield found


@contextlib.contextmanager
def as_user(each: Input) -> Iterator[None]:
    """Root may read everything, so nobody reads what must be unreadable."""
    root = each.source == "locked.csv" and os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def command(name: str, each: Input, *more: str) -> tuple[int, str, list[str]]:
    """Run a command on an input; return its status, its output and its lines on standard error."""
    with as_user(each):
        answer = run(name, *more, each.source, *each.options, given=(each.given or b"").decode())
    assert "Traceback" not in answer.stderr
    return answer.returncode, answer.stdout, answer.stderr.splitlines()


def line_of(status: int, said: list[str]) -> str:
    """Return the one line with which a command refuses an input."""
    assert status == 2
    (line,) = said
    assert line.startswith("satchel: ")
    return line.removeprefix("satchel: ")


def read(each: Input) -> Documents:
    """Read an input as Python users do."""
    options: dict[str, Any] = {
        name.lstrip("-").replace("-", "_"): value for name, value in pairs(each.options)
    }
    if "max_bad" in options:
        options["max_bad"] = int(options["max_bad"].rstrip("%")) / 100
    with (
        as_user(each),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(each.given or b""))),
    ):
        return read_documents(each.source, **options)


def pairs(options: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(options[::2], options[1::2], strict=True))


@functools.cache
def outcome(each: Input) -> tuple[str, list[str]]:
    """Return how ``satchel check`` ends with an input, in short, and what it says."""
    status, out, said = command("check", each, "--json")
    if not out:
        return "refused", [line_of(status, said)]
    assert not said
    facts = json.loads(out)
    lines = list(facts["remarks"])
    for found in facts["findings"]:
        such = f" Such as: {', '.join(found['examples'])}." if found["examples"] else ""
        lines.append(f"{found['severity']}: {found['message']}{such} {found['advice']}")
    assert status == (0 if facts["ok"] else 2)
    documents = read(each)
    left_out = documents.report.documents_rejected
    used = f"{len(documents):,} used" + (f", {left_out:,} left out" if left_out else "")
    return used if status == 0 else f"{used}, refused", lines


def predicted(each: Input) -> tuple[str, list[str]]:
    """Return how ``satchel predict`` ends with an input, in short, and what it says."""
    status, out, said = command("predict", each, "model.satchel", "--json")
    if status:
        return "refused", [line_of(status, said)]
    rows = json.loads(out)
    left_out = sum("rejected" in row for row in rows)
    used = f"{len(rows) - left_out:,} used" + (f", {left_out:,} left out" if left_out else "")
    return used, said


def model_of(each: Input) -> str:
    return f"{each.source}.satchel"


@functools.cache
def trained(each: Input) -> tuple[int, list[str]]:
    """Return how ``satchel train`` ends with an input, and what it says on standard error."""
    more = ("-o", model_of(each), "--effort", "fast", "--json")
    status, out, said = command("train", each, *more)
    assert bool(out) == (status == 0)
    return status, said


def row(each: Input) -> str:
    """Return an input's line of the page."""
    short, said = outcome(each)
    short_predicted, said_predicted = predicted(each)
    result, says = [short], [code(line) for line in said]
    of_reading = [line for line in said if not line.startswith(("error: ", "warning: ", "note: "))]
    if short_predicted != short.removesuffix(", refused") or said_predicted != of_reading:
        result.append(f"`predict`: {short_predicted}")
        more = [line for line in said_predicted if line not in of_reading]
        says += [f"`predict`: {code(line)}" for line in more]
    if each.trains and (status := trained(each)[0]):
        result.append("`train`: refused")
        says.append(f"`train`: {code(line_of(status, trained(each)[1]))}")
    options = " ".join(each.options)
    source = code(f"{each.source} {options}".strip())
    cells = [f"{each.have}: {source}", "<br>".join(result), "<br>".join(says), each.todo]
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Return a text as Markdown shows it in a cell of a table, as it is."""
    text = text.replace("|", "\\|").replace("\n", "\\n")
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    with place_of_all():
        for title, inputs in SECTIONS.items():
            rows = [row(each) for each in inputs]
            parts.append(
                f"\n## {title}\n\n| you have | outcome | Satchel says | what to do |\n"
                f"|---|---|---|---|\n" + "".join(f"{each}\n" for each in rows)
            )
    return "".join(parts)


@pytest.mark.parametrize("number", range(len(INPUTS)), ids=NUMBERS)
def test_an_input_is_answered_as_the_page_says(number: int, place: Path) -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.startswith("| you have")]
    assert len(rows) == len(INPUTS)
    assert row(INPUTS[number]) == rows[number]


@pytest.mark.parametrize("each", INPUTS, ids=NUMBERS)
def test_python_and_training_say_the_same_as_the_check(each: Input, place: Path) -> None:
    short, said = outcome(each)
    if short != "refused":
        documents = read(each)
        assert list(documents.report.lines()) == said[: len(documents.report.lines())]
        assert len(check_documents(documents).findings) == len(said) - len(documents.report.lines())
        return
    with pytest.raises(SatchelError) as error:
        read(each)
    assert " ".join(line.strip() for line in str(error.value).splitlines()) == said[0]
    status, out, lines = command("train", each, "-o", "new.satchel")
    assert (out, line_of(status, lines)) == ("", said[0])
    assert not Path("new.satchel").exists()
    if not each.options and each.source != "-":
        with as_user(each), pytest.raises(type(error.value)):
            satchel.read(each.source)
        with as_user(each), pytest.raises(type(error.value)):
            satchel.check(each.source)


TRAINED = [each for each in INPUTS if each.trains]


@pytest.mark.parametrize("each", TRAINED, ids=[each.source for each in TRAINED])
def test_what_can_be_trained_on_is(each: Input, place: Path) -> None:
    status, lines = trained(each)
    if status:
        assert status == 2
        return  # the page has the line
    remarks = read(each).report.lines()
    assert lines[: len(remarks)] == remarks
    documents = read(each)
    assert list(satchel.load(model_of(each)).ensemble.labels) == documents.classes()
    fitted = satchel.TextClassifier("fast").fit(documents.texts, documents.labels)
    assert list(fitted.classes_) == documents.classes()


CALLS = [
    (
        "check good.csv --rejects good.csv",
        (
            "expected an output that is not another file of this command, found good.csv: name "
            "another file"
        ),
    ),
    (
        "check good.csv --rejects hollow",
        ("Invalid value for '--rejects': File 'hollow' is a directory (see  satchel check --help)"),
    ),
    (
        "check good.csv --rejects rejects.txt",
        ("expected the file for rejected documents to end in .csv or .jsonl, found 'rejects.txt'"),
    ),
    (
        "train good.csv --rejects same.csv -o same.csv",
        (
            "expected an output that is not another file of this command, found same.csv: name "
            "another file"
        ),
    ),
    (
        "check good.csv --max-bad 200%",
        (
            "Invalid value for '--max-bad': expected at most 100%, found '200%' (see  satchel "
            "check --help)"
        ),
    ),
    (
        "check good.csv --max-bad -1",
        (
            "Invalid value for '--max-bad': expected a number alone or with the unit %, found "
            "'-1': write it as in 1% or 0.01 (see  satchel check --help)"
        ),
    ),
    (
        "check good.csv --id none",
        (
            "good.csv: expected a column 'none' for the id, found the columns 'id', 'text', "
            "'label'. Name the right one with id= (--id)."
        ),
    ),
    (
        "check good.csv --label=",
        (
            "good.csv: expected a column '' for the label, found the columns 'id', 'text', "
            "'label'. Name the right one with label= (--label)."
        ),
    ),
    (
        "check good.csv --format xml",
        (
            "Invalid value for '--format': 'xml' is not one of 'csv', 'tsv', 'jsonl', 'parquet', "
            "'arrow', 'sqlite', 'fasttext' (see  satchel check --help)"
        ),
    ),
    (
        "predict model.satchel hollow --format csv --json",
        (
            "hollow: expected a table, as its format was given as csv, found a folder. Name the "
            "tables in it, such as hollow/*, or leave out format= (--format)."
        ),
    ),
    (
        "predict model.csv good.csv --out model.csv",
        (
            "expected an output that is not another file of this command, found model.csv: name "
            "another file"
        ),
    ),
    (
        "predict model.satchel good.csv --out hollow/",
        (
            "expected an empty folder or one with predictions at hollow, found other files "
            "('boats', 'cars', 'space'): name another folder"
        ),
    ),
    (
        "predict model.satchel good.csv --out done/ --top 2",
        (
            "expected the same job as the one begun in done, found that it differs in the "
            "options: name another folder, or remove this one"
        ),
    ),
    (
        "predict model.satchel ids.csv --out done/",
        (
            "expected the same job as the one begun in done, found that it differs in the "
            "source: name another folder, or remove this one"
        ),
    ),
    (
        "predict model.satchel good.csv --out new/ --out-format xml",
        (
            "expected --out-format to be one of csv, tsv, jsonl, json, parquet, arrow (all but "
            "the last two also with .gz .bz2 .xz .zst), found 'xml'"
        ),
    ),
    (
        "predict model.satchel good.csv --out new.csv --out-format jsonl",
        (
            "expected a folder for --out (its name ends in /) with --out-format, found new.csv: "
            "remove --out-format (see  satchel predict --help)"
        ),
    ),
    (
        "predict model.satchel good.csv --out new.xml",
        (
            "expected --out to end in one of .csv .tsv .jsonl .json .parquet .arrow (all but the "
            "last two also with .gz .bz2 .xz .zst), or in / for a folder of parts, found "
            "'new.xml'"
        ),
    ),
    (
        "predict model.satchel good.csv --keep none --out new.csv",
        (
            "good.csv: expected a column 'none' to keep, found the columns 'id', 'text', "
            "'label'. Name the right one with keep= (--keep)."
        ),
    ),
    (
        "predict model.satchel late.jsonl --keep all --out new.parquet",
        (
            "expected the columns of the first documents throughout, found 'more' in later ones: "
            "name the columns with --keep, or write .jsonl"
        ),
    ),
    (
        "predict model.satchel good.csv --explain --out new.parquet",
        (
            "expected a .jsonl or .json file for --out with --explain, found .parquet: only JSON "
            "holds explanations (see  satchel predict --help)"
        ),
    ),
    (
        "predict model.satchel good.csv --explain --out new/",
        (
            "expected --out-format jsonl with --explain, found .parquet: only JSON holds "
            "explanations (see  satchel predict --help)"
        ),
    ),
    (
        "predict model.satchel - --out new/",
        (
            "expected files for --out with a folder, which reads them again where a run was "
            "stopped, found standard input: name a file for --out (see  satchel predict --help)"
        ),
    ),
]


@pytest.fixture(scope="module")
def calls(place: Path) -> Path:
    """The same folder with what calls need beside the inputs."""
    (place / "good.csv").write_bytes((place / "ids.csv").read_bytes())
    (place / "model.csv").write_bytes((place / "model.satchel").read_bytes())
    rows = [{"text": "the engine"}] * 1000 + [{"text": "the engine", "more": 1}]
    (place / "late.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("predict", "model.satchel", "good.csv", "--out", "done/").returncode == 0
    return place


@pytest.mark.parametrize(("call", "says"), CALLS, ids=[call for call, _ in CALLS])
def test_a_bad_call_is_refused_in_one_line(call: str, says: str, calls: Path) -> None:
    before = sorted(os.listdir(calls))
    answer = run(*call.split(), given="the engine")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == f"satchel: {says}\n"
    assert sorted(os.listdir(calls)) == before


def test_a_folder_that_another_run_writes_to_is_refused(calls: Path) -> None:
    import fcntl

    with open("done/.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run("predict", "model.satchel", "good.csv", "--out", "done/")
    assert (answer.returncode, answer.stderr) == (
        2,
        (
            "satchel: expected no other run in done, found one that is writing there: wait for "
            "it, or name another folder\n"
        ),
    )


def test_a_table_on_standard_input_keeps_its_ids_and_columns(calls: Path) -> None:
    given = "id,text,more\n7,the engine,x\n"
    more = ("--format", "csv", "--keep", "all", "--out", "stdin.csv")
    assert run("predict", "model.satchel", "-", *more, given=given).returncode == 0
    header, line = Path("stdin.csv").read_text().splitlines()
    assert header.split(",")[:2] == ["file", "id"]
    assert header.split(",")[-1] == "more"
    assert line.split(",")[1] == "7"
    assert line.split(",")[-1] == "x"


if __name__ == "__main__":
    PAGE.write_text(page())
