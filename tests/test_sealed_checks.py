"""The checks look at large members piece by piece; where the pieces end must not matter."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import small_models
from satchel.errors import ModelFileError
from satchel.sealed import manifest as checks
from satchel.sealed import terms
from satchel.sealed.assembly import Contents
from satchel.sealed.manifest import check_arrays

pytestmark = pytest.mark.fast

PIECES = st.integers(1, 7)
LINES = st.lists(
    st.sampled_from([b"a", b"\\", b"\\n", b"\\\\", b"\n", b"\r", b"\xc3\xa9", b"\xc3", b"n"]),
    max_size=12,
).map(b"".join)


def refused(data: bytes, lines: int) -> bool:
    try:
        terms.check(data, [lines])
    except ModelFileError:
        return True
    return False


def readable(data: bytes, lines: int) -> bool:
    """The rule of docs/format.md, read off one character after the other."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    position = 0
    while position < len(text):
        if text[position] == "\r":
            return False
        if text[position] == "\\":
            position += 1
            if text[position : position + 1] not in ("\\", "n", "r"):
                return False
        position += 1
    return text.count("\n") == lines and (not text or text.endswith("\n"))


@given(data=LINES, lines=st.integers(0, 3), piece=PIECES)
def test_terms_are_refused_wherever_the_pieces_end(data: bytes, lines: int, piece: int) -> None:
    with patch.object(terms, "_CHUNK", piece):
        assert refused(data, lines) == (not readable(data, lines))


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5), piece=PIECES)
def test_the_longest_line_is_found_wherever_the_pieces_end(lengths: list[int], piece: int) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths)
    with patch.object(terms, "_CHUNK", piece), patch.object(terms, "MAX_TERM_BYTES", 5):
        assert refused(data, len(lengths)) == (max(lengths) > 5)


@given(hashes=st.lists(st.integers(0, 20), min_size=7, max_size=7), piece=PIECES)
def test_hashes_out_of_order_are_found_wherever_the_pieces_end(
    hashes: list[int], piece: int
) -> None:
    parts = small_models.linear()
    arrays = {**parts.arrays, "view0.hashes": np.array(hashes, dtype=np.uint64)}
    increasing = all(left < right for left, right in pairwise(hashes))
    with patch.object(checks, "_CHUNK", piece):
        if increasing:
            check_arrays(parts.manifest, arrays)
        else:
            with pytest.raises(ModelFileError, match="strictly increase"):
                check_arrays(parts.manifest, arrays)


EVERY_FLOAT16 = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@pytest.mark.parametrize("sign", [0, 0x8000])
def test_every_float16_is_judged_as_numpy_judges_it(sign: int) -> None:
    parts = small_models.network()
    finite = EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    rows = np.resize(finite, parts.arrays["view1.rows"].shape)
    for number in [*finite[::997], *EVERY_FLOAT16[0x7C00 + sign : 0x8000 + sign : 31]]:
        rows[2, 1] = number
        changed = Contents(parts.manifest, {**parts.arrays, "view1.rows": rows})
        if np.isfinite(number):
            check_arrays(changed.manifest, changed.arrays)
        else:
            with pytest.raises(ModelFileError, match=r"view1.rows holds a number that is not"):
                check_arrays(changed.manifest, changed.arrays)
