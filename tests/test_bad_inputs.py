"""What Satchel says to bad and odd inputs: docs/bad-inputs.md, to the word.

``python tests/test_bad_inputs.py`` writes the page anew, to be read before it is committed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from bad_inputs import SECTIONS, Input, make_all  # noqa: E402

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
        place.chmod(0o755)
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
    options = {name.lstrip("-").replace("-", "_"): value for name, value in pairs(each.options)}
    if "max_bad" in options:
        options["max_bad"] = int(options["max_bad"].rstrip("%")) / 100
    with (
        as_user(each),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(each.given or b""))),
    ):
        return read_documents(each.source, **options)


def pairs(options: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(options[::2], options[1::2], strict=True))


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
def test_what_the_check_accepts_is_trained_on_and_the_rest_refused(
    each: Input, place: Path
) -> None:
    short, said = outcome(each)
    out = place / "new.satchel"
    status, _, lines = command("train", each, "-o", str(out), "--effort", "fast", "--json")
    remarks = [line for line in said if not line.startswith(("error: ", "warning: ", "note: "))]
    if short.endswith("refused"):
        assert lines[:-1] == []
        assert line_of(status, lines).startswith("expected at least two ")
        return
    assert (status, lines[: len(remarks)]) == (0, remarks)
    documents = read(each)
    assert satchel.load(out).classes == documents.classes()
    frame = satchel.TextClassifier("fast").fit(documents.texts, documents.labels)
    assert list(frame.classes_) == documents.classes()
    out.unlink()


if __name__ == "__main__":
    PAGE.write_text(page())
