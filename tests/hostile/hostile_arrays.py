"""Hostile files that attack the arrays, the terms and the card; their hashes agree."""

from __future__ import annotations

import numpy as np

from hostile.attempts import attempt
from hostile.building import ARRAYS, resealed, unpacked, with_array, with_header
from hostile.small_models import linear, network

TERMS = "terms.txt"
CARD = "card.md"


@attempt(ARRAYS, "header's length is 9223372036854775807")
def endless_header() -> bytes:
    """States a header of eight exabytes, to have it allocated."""
    data = unpacked(linear())[ARRAYS]
    return resealed(linear(), arrays=(2**63 - 1).to_bytes(8, "little") + data[8:])


@attempt(ARRAYS, "header differs")
def pickled_type() -> bytes:
    """States a type of Python objects, which NumPy would unpickle."""
    return with_header(linear(), lambda header: header["view0.rows"].update(dtype="OBJ"))


@attempt(ARRAYS, "header differs")
def other_type() -> bytes:
    """States another type of the same size, so that numbers turn into others."""
    return with_header(linear(), lambda header: header["view0.weights"].update(dtype="I32"))


@attempt(ARRAYS, "header differs")
def other_shape() -> bytes:
    """States a transposed shape, so that rows run over their end."""
    return with_header(linear(), lambda header: header["view0.rows"].update(shape=[3, 7]))


@attempt(ARRAYS, "header differs")
def overlapping_arrays() -> bytes:
    """Lets two arrays share bytes."""
    return with_header(
        linear(),
        lambda header: header["view0.weights"].update(
            data_offsets=header["view0.rows"]["data_offsets"]
        ),
    )


@attempt(ARRAYS, "header differs")
def offsets_beyond_the_end() -> bytes:
    """Points an array behind the end of the file."""
    return with_header(
        linear(), lambda header: header["view0.kinds"].update(data_offsets=[9_999, 10_006])
    )


@attempt(ARRAYS, "header differs")
def other_name() -> bytes:
    """Has an array of another name."""
    return with_header(
        linear(), lambda header: header.update({"view0.kindz": header.pop("view0.kinds")})
    )


@attempt(ARRAYS, "bytes for the manifest's arrays")
def one_array_more() -> bytes:
    """Brings an array that the manifest does not know."""
    return resealed(linear(), arrays=unpacked(linear())[ARRAYS] + b"\0" * 64)


@attempt(ARRAYS, "header differs")
def metadata() -> bytes:
    """Hides data in the metadata that safetensors allows."""
    data = unpacked(linear())[ARRAYS]
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].rstrip()
    text = (b'{"__metadata__":{"x":"y"},' + header[1:])[:length].ljust(length)
    return resealed(linear(), arrays=data[:8] + text + data[8 + length :])


@attempt(ARRAYS, "member0.bias holds a number that is not finite")
def nan_bias() -> bytes:
    """Has NaN as a bias, so that every comparison is false."""
    return with_array(linear(), "member0.bias", 1, np.float32(np.nan).tobytes())


@attempt(ARRAYS, "view1.rows holds a number that is not finite")
def infinite_row() -> bytes:
    """Has infinity in a float16 bag row."""
    return with_array(network(), "view1.rows", 14, np.float16(-np.inf).tobytes())


@attempt(ARRAYS, "view1.rows holds a number that is not finite")
def signalling_nan_row() -> bytes:
    """Has a NaN with a payload in a float16 bag row."""
    return with_array(network(), "view1.rows", 0, b"\x01\xfe")


@attempt(ARRAYS, "view0.scales holds a number that is not finite")
def infinite_scale() -> bytes:
    """Has infinity as the scale of a column of int8 rows."""
    return with_array(network(), "view0.scales", 6, np.float32(np.inf).tobytes())


@attempt(ARRAYS, "member0.layer2.kernel holds a number that is not finite")
def nan_kernel() -> bytes:
    """Has NaN in the last place of a kernel."""
    return with_array(network(), "member0.layer2.kernel", 23, np.float32(np.nan).tobytes())


@attempt(ARRAYS, "view0.weights holds a number of a size above 1e\\+09")
def endless_weight() -> bytes:
    """Has a weight that is finite, and whose square is not."""
    return with_array(linear(), "view0.weights", 6, np.float32(3e38).tobytes())


@attempt(ARRAYS, "member1.bias holds a number of a size above 1e\\+09")
def endless_bias() -> bytes:
    """Has biases that cancel each other to NaN once they have overflowed."""
    return with_array(network(), "member1.bias", 0, np.float32(-1.1e9).tobytes())


@attempt(ARRAYS, "view0.hashes does not strictly increase")
def unsorted_hashes() -> bytes:
    """Has hashes out of order, so that a binary search runs astray."""
    return with_array(linear(), "view0.hashes", 6, bytes(8))


@attempt(ARRAYS, "view0.hashes does not strictly increase")
def hash_twice() -> bytes:
    """Has one hash twice, so that one feature has two rows."""
    first = linear().arrays["view0.hashes"][:1].tobytes()
    return with_array(linear(), "view0.hashes", 1, first)


@attempt(ARRAYS, "view0.kinds holds the kind 200, which the view's features do not have")
def unknown_kind() -> bytes:
    """Has an entry of a kind that does not exist, to index a table of kinds."""
    return with_array(linear(), "view0.kinds", 3, b"\xc8")


@attempt(ARRAYS, "view0.kinds holds the kind 32")
def kind_of_other_features() -> bytes:
    """Has a character n-gram where the features make none."""
    return with_array(linear(), "view0.kinds", 6, b"\x20")


@attempt(TERMS, "not UTF-8")
def terms_not_utf8() -> bytes:
    """Has terms that are not UTF-8, to fail later, while an answer is explained."""
    return resealed(linear(), terms=b"a\n" * 6 + b"\xc3\n")


@attempt(TERMS, "not UTF-8")
def overlong_utf8() -> bytes:
    """Writes a slash in two bytes, which careless decoders accept."""
    return resealed(linear(), terms=b"a\n" * 6 + b"\xc0\xaf\n")


@attempt(TERMS, "not UTF-8")
def terms_cut() -> bytes:
    """Ends in the middle of a character."""
    return resealed(linear(), terms=b"a\n" * 7 + b"\xe6\x97")


@attempt(TERMS, "expected 7 terms, one per vocabulary entry, found 6")
def terms_too_few() -> bytes:
    """Has fewer terms than vocabulary entries."""
    return resealed(linear(), terms=b"a\n" * 6)


@attempt(TERMS, "expected a line feed at the end")
def terms_without_end() -> bytes:
    """Has a last term that does not end."""
    return resealed(linear(), terms=b"a\n" * 7 + b"a")


@attempt(TERMS, "lines of at most 4096 bytes")
def endless_term() -> bytes:
    """Has a term of ten megabytes, to fill the screen of whoever looks at it."""
    return resealed(linear(), terms=b"a\n" * 6 + b"a" * 10_000_000 + b"\n")


@attempt(TERMS, "unknown escape")
def unknown_escape() -> bytes:
    """Uses an escape that another reader may understand in another way."""
    return resealed(linear(), terms=b"a\n" * 6 + b"\\x41\n")


@attempt(TERMS, "unknown escape")
def escaped_line_end() -> bytes:
    """Escapes the line feed itself, to shift all terms behind it."""
    return resealed(linear(), terms=b"a\n" * 6 + b"a\\\n")


@attempt(TERMS, "expected an escaped carriage return")
def carriage_return() -> bytes:
    """Has a carriage return, which overwrites the line on a terminal."""
    return resealed(linear(), terms=b"a\n" * 6 + b"good\rbad\n")


@attempt(CARD, "not UTF-8 at byte 2")
def card_not_utf8() -> bytes:
    """Has a card that is not text."""
    return resealed(linear(), card=b"# \xff")


@attempt(CARD, "at most 1048576")
def endless_card() -> bytes:
    """Has a card of two megabytes."""
    return resealed(linear(), card=b"#" * (2 << 20))
