"""Findings about texts: empty ones, copies, a wrong column, cut-off ends, uncommon lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from satchel.sources.documents import Documents, brief, counted, label_sets
from satchel.sources.findings import EXAMPLES, Finding, first_few
from satchel.sources.overview import size_of

FEW_DOCUMENTS: Final = 100
_SAMPLE: Final = 2_000
_LIMITS: Final = {
    *(140, 160, 250, 254, 255, 256, 280, 500, 511, 512, 1_000, 1_023, 1_024, 2_000, 2_047, 2_048),
    *(4_000, 4_095, 4_096, 5_000, 8_000, 8_192, 10_000, 16_384, 32_000),
}
"""Lengths at which columns of databases, forms and exports end."""
_HARD_LIMITS: Final = {32_766, 32_767, 65_535, 65_536}
"""Lengths of a full cell of Excel and of MySQL's TEXT: one document of it is enough."""
_NEAR: Final = 3
"""Texts within a limit of bytes end up to so many before it: no character is cut in two."""
_VERY_LONG: Final = 100_000
"""Characters, and 100 times the median."""


def is_empty(text: str) -> bool:
    """Return whether a text has nothing but white space."""
    return not text or text.isspace()


def check_texts(documents: Documents, keys: np.ndarray) -> Iterator[Finding]:
    """Look for problems with the texts.

    Args:
        documents: The documents.
        keys: A number for each text, as :func:`satchel.sources.splitting.text_keys` returns it.
    """
    if len(documents) < FEW_DOCUMENTS:
        there = "there is" if len(documents) == 1 else "there are"
        yield Finding(
            "warning",
            "few-documents",
            f"{there} only {counted(len(documents), 'document')}.",
            "Expect a poor and uncertain result; aim for a few hundred documents per label.",
        )
    filled = np.fromiter((not is_empty(text) for text in documents.texts), bool, len(documents))
    empty = np.flatnonzero(~filled)
    if len(empty):
        yield Finding(
            "warning",
            "empty-documents",
            f"{counted(len(empty), 'document is', 'documents are')} empty.",
            "Training skips them; remove or fix them.",
            first_few(documents.names[place] for place in empty.tolist()),
        )
    yield from _copies(documents, keys, filled)
    yield from _wrong_column(documents, filled)
    lengths = np.fromiter(map(len, documents.texts), np.int64, len(documents))
    yield from _cut_off(documents, keys, lengths)
    yield from _very_long(documents, lengths)


def _copies(documents: Documents, keys: np.ndarray, filled: np.ndarray) -> Iterator[Finding]:
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    copies = np.flatnonzero((first[group] != np.arange(len(keys))) & filled)
    if not len(copies):
        return
    yield Finding(
        "note",
        "duplicates",
        f"{counted(len(copies), 'document repeats', 'documents repeat')} the text of an earlier "
        f"one.",
        "Nothing to do if such repeats are normal in your data: when Satchel splits off a test "
        "set, all copies of a text stay on the same side.",
        pairs(documents.names, copies, documents.names, first[group]),
    )
    labels = documents.labels
    if labels is None:
        return

    def own(place: int) -> frozenset[str]:
        return frozenset(label_sets([labels[place]])[0])  # type: ignore[arg-type]

    conflicting = [i for i in copies.tolist() if own(i) != own(int(first[group[i]]))]
    if conflicting:
        yield Finding(
            "warning",
            "conflicting-labels",
            f"{counted(len(conflicting), 'document repeats', 'documents repeat')} the text of an "
            f"earlier one under a different label.",
            "Choose one label per text; if a text has several labels, use a column 'labels'.",
            pairs(
                documents.names,
                np.array(conflicting),
                documents.names,
                first[group],
                lambda i: ", ".join(sorted(own(i))),
            ),
        )


def _wrong_column(documents: Documents, filled: np.ndarray) -> Iterator[Finding]:
    """Look for texts that are numbers, dates or identifiers, in a sample."""
    places = np.flatnonzero(filled)
    step = -(-len(places) // _SAMPLE) or 1
    sample = [documents.texts[place].strip() for place in places[::step].tolist()]
    if len(sample) < 20:
        return
    with_letters = sum(any(map(str.isalpha, text[:1_000])) for text in sample)
    if with_letters < 0.1 * len(sample):
        yield Finding(
            "warning",
            "texts-like-numbers",
            f"{1 - with_letters / len(sample):.0%} of the texts have no letter: they look like "
            f"numbers or dates.",
            "Name the column that holds the text.",
            first_few(brief(text, 40) for text in sample),
        )
        return
    like_ids = sum(
        len(text) <= 64 and len(text.split()) == 1 and any(c in "0123456789" for c in text)
        for text in sample
    )
    if like_ids > 0.9 * len(sample) and len(set(sample)) > 0.9 * len(sample):
        yield Finding(
            "warning",
            "texts-like-ids",
            f"{like_ids / len(sample):.0%} of the texts are one word with digits: they look like "
            f"identifiers.",
            "Name the column that holds the text.",
            first_few(sample),
        )


def _cut_off(documents: Documents, keys: np.ndarray, lengths: np.ndarray) -> Iterator[Finding]:
    """Look for a length that no text exceeds and many different ones have, as only a limit does."""
    limit, unit, near = int(lengths.max(initial=0)), "characters", 0
    if limit not in _LIMITS | _HARD_LIMITS:
        # Of texts that are not ASCII, the limit may be one of bytes.
        sizes = np.fromiter(map(size_of, documents.texts), np.int64, len(documents))
        most_bytes = int(sizes.max(initial=0))
        if most_bytes in _LIMITS | _HARD_LIMITS:
            lengths, limit, unit, near = sizes, most_bytes, "bytes", _NEAR
    at_most = np.flatnonzero(lengths >= limit - near)
    if not _is_limit(len(np.unique(keys[at_most])), lengths, limit):
        return
    yield Finding(
        "warning",
        "cut-off-texts",
        f"{counted(len(at_most), 'document ends', 'documents end')} at {limit:,} {unit}, and none "
        f"is longer: {'it looks' if len(at_most) == 1 else 'they look'} cut off.",
        "The limit of a database column, of an Excel cell (32,767) or of a form may have cut them: "
        "export the whole texts. If it is a limit that people write within, there is nothing to "
        "do.",
        first_few(documents.names[place] for place in at_most.tolist()),
    )


def _is_limit(different: int, lengths: np.ndarray, most: int) -> bool:
    """Return whether the greatest length must be a limit.

    Args:
        different: How many different texts have it.
        lengths: The lengths of all documents.
        most: The greatest length.
    """
    if most in _HARD_LIMITS:
        return different >= 1
    below = int(((lengths >= 0.8 * most) & (lengths < most)).sum()) / max(0.2 * most, 1)
    if different < 5 * below:
        return False  # about as many have other lengths, as where all texts are alike
    if most in _LIMITS:
        return different >= max(3, 0.001 * len(lengths))
    if (lengths < 0.8 * most).mean() < 0.05:
        return False  # texts made by one pattern
    return most >= 40 and different >= max(10, 0.01 * len(lengths))


def _very_long(documents: Documents, lengths: np.ndarray) -> Iterator[Finding]:
    if not len(lengths):
        return
    long = np.flatnonzero(lengths > max(_VERY_LONG, 100 * float(np.median(lengths))))
    if len(long):
        order = long[np.argsort(-lengths[long], kind="stable")].tolist()
        yield Finding(
            "note",
            "very-long-documents",
            f"{counted(len(long), 'document has', 'documents have')} more than {_VERY_LONG:,} "
            f"characters and 100 times as many as the median.",
            "See whether several documents were joined, by a missing quote or in an export, or an "
            "attachment is among the text.",
            first_few(f"{documents.names[place]} ({lengths[place]:,})" for place in order),
        )


def pairs(
    names: Sequence[str],
    chosen: np.ndarray,
    other_names: Sequence[str],
    others: np.ndarray,
    describe: Callable[[int], str] | None = None,
) -> tuple[str, ...]:
    """Return the first few chosen documents, each with its other one.

    Args:
        names: Names of the documents.
        chosen: Which of them.
        other_names: Names of what they are paired with.
        others: One per document: the place of its other one.
        describe: What to say of a document, in parentheses; None for nothing.
    """

    def side(name: str, index: int) -> str:
        return f"{name} ({describe(index)})" if describe else name

    return tuple(
        f"{side(names[i], i)} = {side(other_names[others[i]], int(others[i]))}"
        for i in map(int, chosen[:EXAMPLES])
    )
