"""A damaged row of CSV is rejected alone; the reading goes on where the next row is recognised."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SourceError
from satchel.sources.collecting import BatchSize, Reading
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents, Skipped
from satchel.sources.reading import read_documents, stream_documents

TEXTS = ("plain words", 'a "quoted" word, and more', "two\nlines", "one, two, three", "", "é 漢字")


def records(number: int) -> list[bytes]:
    """Return rows of id, text and label as they stand in a file."""
    rows = []
    for n in range(number):
        stream = io.StringIO(newline="")
        cells = (f"d{n:05}", f"{TEXTS[n % len(TEXTS)]} {n}", ("ham", "spam", "eggs")[n % 3])
        csv.writer(stream).writerow(cells)
        rows.append(stream.getvalue().encode())
    return rows


DAMAGES = {
    "never closed": b'd%05d,"never closed,ham\r\n',
    "not opened": b'd%05d,not opened",ham\r\n',
    "not doubled": b'd%05d,"not "doubled" here",ham\r\n',
    "one within": b'd%05d,"one " within",ham\r\n',
    "of two lines": b'd%05d,"one\ntwo "three",ham\r\n',
    "too many cells": b"d%05d,a,b,ham\r\n",
    "too few cells": b"d%05d\r\n",
    "several lines too many": b'd%05d,"a\nb",c,ham\r\n',
    "not quoted": b"d%05d,a\nb\nc,ham\r\n",
    "cut off": b'd%05d,"the text\r\n',
    "a name only": b"d%05d,\r\n",
}


def table(folder: Path, rows: Sequence[bytes]) -> Path:
    path = folder / "t.csv"
    path.write_bytes(b"id,text,label\r\n" + b"".join(rows))
    return path


def check(path: Path, rows: Sequence[bytes], damaged: set[int], labelled: bool) -> list[Skipped]:
    """Check that exactly the damaged rows are rejected, and that all bytes are accounted for."""
    found: list[Skipped] = []
    documents = read_documents(path, labelled=labelled, rejects=found.append)
    good = [f"d{n:05}" for n in range(len(rows)) if n not in damaged]
    assert documents.ids == good
    content = path.read_bytes()
    for each in found:
        assert each.byte is not None
        raw = each.raw.encode()
        assert content[each.byte :].startswith(raw)
        assert content.count(b"\n", 0, each.byte) == each.line - 1
        assert each.reason
    assert b"".join(each.raw.encode() for each in found) == b"".join(
        rows[n] for n in sorted(damaged)
    )
    return found


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("labelled", [True, False])
def test_a_damaged_row_is_rejected_and_nothing_else(
    kind: str, labelled: bool, tmp_path: Path
) -> None:
    rows = records(300)
    for n in (100, 250):
        rows[n] = DAMAGES[kind] % n
    check(table(tmp_path, rows), rows, {100, 250}, labelled)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_all_lines_of_a_damaged_table_are_used_or_rejected(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = records(120)
    places = data.draw(st.sets(st.integers(40, 119), max_size=6))
    for n in places:
        rows[n] = DAMAGES[data.draw(st.sampled_from(sorted(DAMAGES)))] % n
    labelled = data.draw(st.booleans())
    path = table(tmp_path_factory.mktemp("damage"), rows)
    found: list[Skipped] = []
    documents = read_documents(path, labelled=labelled, rejects=found.append)
    used = documents.ids or []
    assert used == sorted(set(used))
    lost = "".join(each.raw for each in found)
    joined = "".join(documents.texts)
    for n in range(120):
        name = f"d{n:05}"
        # Two damaged rows can together be a sound one.
        assert (name in used) + (name in lost) + (name in joined) == 1
    allowed = {
        near for n in places for near in range(n - 1, n + 3) if near not in places and len(places)
    }
    assert {f"d{n:05}" for n in range(120)} - set(used) <= {f"d{n:05}" for n in places | allowed}


def parts(path: Path, size: int) -> list[Documents]:
    return list(stream_documents(path, Reading(Columns(), batch=BatchSize(size))))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_rejected_rows_have_their_places_between_the_others(size: int, tmp_path: Path) -> None:
    rows = records(60)
    damaged = (22, 23, 40, 59)
    for n, kind in zip(
        damaged, ("too few cells", "cut off", "one within", "never closed"), strict=True
    ):
        rows[n] = DAMAGES[kind] % n
    order: list[str] = []
    for part in parts(table(tmp_path, rows), size):
        assert part.ids is not None
        left = list(part.rejected)
        for number, name in enumerate([*part.ids, ""]):
            while left and left[0][0] == number:
                order.append(left.pop(0)[1].raw[:6])
            order.append(name)
    assert list(filter(None, order)) == [f"d{n:05}" for n in range(60)]


def test_rows_with_a_new_label_before_a_stray_quote_may_be_inside_a_cell(tmp_path: Path) -> None:
    rows = records(60)
    rows[40] = b'd00040,one\r\nx,this,inside\r\ntwo,three",ham\r\n'
    check(table(tmp_path, rows), rows, {40}, labelled=True)


def test_a_new_label_after_a_damaged_row_is_recognised_once_it_recurs(tmp_path: Path) -> None:
    rows = records(60)
    rows.append(b'd00060,"never closed,ham\r\n')
    rows += [b"d%05d,some text,new\r\n" % n for n in range(61, 100)]
    check(table(tmp_path, rows), rows, {60}, labelled=True)
    # Too few of them do not show that they are rows.
    few = rows[:70]
    check(table(tmp_path, few), few, set(range(60, 70)), labelled=True)


def test_lines_of_a_table_inside_a_sound_cell_stay_there(tmp_path: Path) -> None:
    rows = records(60)
    rows[50] = b'd00050,"They wrote:\r\nd00001,words,ham\r\nand so on\r\nfor days.",ham\r\n'
    check(table(tmp_path, rows), rows, set(), labelled=True)


def test_a_quote_that_takes_in_sound_rows_up_to_the_next_one_is_found(tmp_path: Path) -> None:
    rows = [b"d%05d,plain words %d,%s\r\n" % (n, n, (b"ham", b"spam")[n % 2]) for n in range(80)]
    rows[40] = b'd00040,"never closed,ham\r\n'
    rows[50] = b'd00050,not opened",ham\r\n'
    rows[60:62] = [b'd00060,"never closed,ham\r\n', b'd00061,not opened",ham\r\n']
    check(table(tmp_path, rows), rows, {40, 50, 60, 61}, labelled=True)


def test_without_enough_rows_to_compare_with_it_stops(tmp_path: Path) -> None:
    rows = records(60)
    rows[10] = DAMAGES["of two lines"] % 10
    with pytest.raises(SourceError, match="expected each quote inside a cell to be doubled"):
        read_documents(table(tmp_path, rows))
    rows = [b'"words of all kinds, %s","and %s"\r\n' % (b"x" * n, b"y" * n) for n in range(60)]
    rows[40] = b'"one\r\ntwo "three","four"\r\n'
    path = tmp_path / "u.csv"
    path.write_bytes(b"text,comment\r\n" + b"".join(rows))
    with pytest.raises(SourceError, match="expected each quote inside a cell to be doubled"):
        read_documents(path, text="text", labelled=False)


HOSTILE = {
    "opening": 'd0,"a\n',
    "literal and opening": 'd0,TV 40","open\n',
    "closing": 'a",ham\n',
    "opening and even": 'd0,"a\nb,c,d\n',
    "not doubled": 'd00001,"a" b,ham\n',
    "quotes": '"\n',
    "three": '"""\n',
    "new labels": "d00001,words,new\n",
    "rows and quotes": 'd00001,words,ham\nd0,"a\n',
    "unlike": "d00001,words,{n}\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_reading_damaged_rows_takes_time_in_proportion_to_their_number(
    kind: str, tmp_path: Path
) -> None:
    good = b"".join(records(60)).decode()
    line = HOSTILE[kind]
    path = tmp_path / "t.csv"
    body = "".join(line.format(n=n) if "{" in line else line for n in range(50_000))
    path.write_text(f'id,text,label\n{good}d0,"x\n{body}d0,"', newline="")
    # Fifty thousand lines squared are hours.
    code = (
        "from satchel.sources.reading import read_documents\n"
        "found = []\n"
        "read = read_documents(sys.argv[1], max_bad=1.0, rejects=found.append)\n"
        "print(len(read), len(found))\n"
    )
    used, rejected = map(int, assert_confined(code, str(path), seconds=30).split())
    assert used >= 60
    assert rejected


SOURCES = (
    *("csv", "csv.gz", "tsv", "jsonl", "jsonl.zst", "json", "parquet", "arrow", "db", "fasttext"),
    *("folder", "zip", "tar.gz"),
)


@pytest.mark.parametrize("source", SOURCES)
def test_of_damaged_sources_of_every_kind_nothing_is_lost(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    from benchmarks import damage

    assert set(damage.KINDS) == set(SOURCES)
    (found,) = damage.account(source, 1500, 0.04, model=None).values()
    assert found.damaged > 20
    assert found.lost == found.wrongly_used == found.sound_rejected == 0
    assert found.used + found.rejected == found.rows
    assert found.in_order
