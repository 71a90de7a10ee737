"""Training, validation and test parts, and folds: stratified by label, equal texts kept together.

Two texts are equal up to case, white space and compatibility forms.
"""

from __future__ import annotations

import hashlib
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.errors import LabelError, SettingError
from satchel.features.unicode import normalize
from satchel.sources.documents import label_sets

_BLANKS = string.whitespace.encode() + b"\x1c\x1d\x1e\x1f"


def text_keys(texts: Sequence[str]) -> np.ndarray:
    """Return a number for each text; equivalent texts have the same number.

    Two texts are equivalent if they are equal after Unicode's NFKC, case folding, and collapsing
    white space.

    Args:
        texts: The documents.

    Returns:
        uint64 array, one per text; comparable within one call only. A hash: among a million
        different texts, any two share a number with a chance of 1 in 37 million.
    """
    # Texts without any white space are quick to compare, and few of them are equal; only those
    # need the exact form.
    keys = np.fromiter(map(_quick_key, texts), np.uint64, len(texts))
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    for index in np.flatnonzero(sizes[group] > 1).tolist():
        keys[index] = _hash(" ".join(_fold(texts[index]).split()).encode("utf-8", "surrogatepass"))
    return keys


def _quick_key(text: str) -> int:
    if text.isascii():
        return _hash(text.encode().lower().translate(None, _BLANKS))
    return _hash("".join(_fold(text).split()).encode("utf-8", "surrogatepass"))


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Folding may undo the composed form, so it is composed once more.
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


AnyLabels = Sequence[str] | Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Split:
    """Row numbers of each side: int64 arrays, ascending, together every document once.

    Attributes:
        train: Training documents.
        test: Test documents.
        held_out: Documents set aside from both.
    """

    train: np.ndarray
    test: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class _Units:
    """Distinct texts, ordered by class, then larger first, then by chance.

    Attributes:
        of_document: int64 [documents], the unit of each.
        strata: int64 [units], the class of each.
        sizes: int64 [units], documents in each.
        ranks: int64 [units], place within its class; 0 is the one that stays in training.
    """

    of_document: np.ndarray
    strata: np.ndarray
    sizes: np.ndarray
    ranks: np.ndarray


def _strata(labels: AnyLabels) -> np.ndarray:
    """Return a class number for each document: of several labels, the rarest one counts."""
    numbers: dict[str, int] = {}
    if labels and isinstance(labels[0], tuple):
        sets = label_sets(labels)
        frequency = Counter(label for each in sets for label in each)
        names = [
            min(each, key=lambda label: (frequency[label], label)) if each else "" for each in sets
        ]
    else:
        names = list(labels)  # type: ignore[arg-type]
    return np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int64)


def _units(labels: AnyLabels, texts: Sequence[str], random: np.random.Generator) -> _Units:
    if len(labels) != len(texts):
        raise LabelError(
            f"expected one label per document, found {len(labels):,} labels for "
            f"{len(texts):,} documents."
        )
    _, first, unit, sizes = np.unique(
        text_keys(texts), return_index=True, return_inverse=True, return_counts=True
    )
    # Copies with different labels go with the label of the first.
    strata = _strata(labels)[first]
    order = np.lexsort((random.permutation(len(first)), -sizes, strata))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    strata, sizes = strata[order], sizes[order]
    starts = np.flatnonzero(np.r_[True, strata[1:] != strata[:-1]]) if len(strata) else order
    ranks = np.arange(len(strata)) - np.repeat(starts, np.diff(np.r_[starts, len(strata)]))
    return _Units(place[unit], strata, sizes, ranks)


def _sample(chances: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Choose units by their chances, so that any stretch gets its sum, to within one."""
    ends = np.cumsum(chances) + random.random()
    crossed: np.ndarray = np.floor(ends) > np.floor(ends - chances)
    return crossed


def split(
    labels: AnyLabels,
    texts: Sequence[str],
    *,
    test_share: float = 0.2,
    seed: int | np.random.Generator,
    hold_out: int = 0,
) -> Split:
    """Split documents into training, test and, on request, held-out ones.

    Args:
        labels: One label per document, or a tuple of labels per document.
        texts: The documents.
        test_share: Share of each class's distinct texts that goes to the test, after holding out.
        seed: A seed or a generator; the same seed gives the same split.
        hold_out: How many documents to set aside from every stage; only texts without a copy.

    Returns:
        The row numbers of each side.

    Raises:
        SettingError: The share is not between 0 and 1, or too many are to be held out.
        LabelError: Labels and documents differ in number, or no class has two distinct texts.
    """
    if not 0 < test_share < 1:
        raise SettingError(f"test_share: expected more than 0 and less than 1, found {test_share}.")
    random = np.random.default_rng(seed)
    units = _units(labels, texts, random)
    side = np.zeros(len(units.sizes), np.int8)
    free = units.ranks > 0
    single = np.flatnonzero(free & (units.sizes == 1))
    if not 0 <= hold_out <= max(len(single) - 1, 0):
        raise SettingError(
            f"hold_out: expected 0 to {max(len(single) - 1, 0):,} of {len(texts):,} documents "
            f"(each class keeps one for training, and one is left for the test), "
            f"found {hold_out:,}. Hold out fewer, or add documents."
        )
    if not free.any():
        raise LabelError(
            f"expected a class with two distinct texts, one for training and one for testing, "
            f"found none among {len(texts):,} documents. Add documents, or name a test source."
        )
    if hold_out:
        chosen = np.floor((np.arange(hold_out) + random.random()) * (len(single) / hold_out))
        side[single[chosen.astype(np.int64)]] = 2
    free &= side == 0
    # The unit that stays in training gives its chance to the others of its class.
    left = np.bincount(units.strata, side == 0)[units.strata]
    chances = np.where(free, np.minimum(test_share * left / np.maximum(left - 1, 1), 1.0), 0.0)
    chosen_units = free & _sample(chances, random)
    if not chosen_units.any():
        chosen_units[random.choice(np.flatnonzero(free))] = True
    side[chosen_units] = 1
    sides = side[units.of_document]
    return Split(*(np.flatnonzero(sides == number) for number in range(3)))


def folds(
    labels: AnyLabels, texts: Sequence[str], *, count: int = 5, seed: int | np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split documents for cross-validation, with the same guarantees as :func:`split`.

    For a single validation part call :func:`split`.

    Args:
        labels: One label per document, or a tuple of labels per document.
        texts: The documents.
        count: How many folds, at least 2.
        seed: A seed or a generator.

    Returns:
        ``count`` pairs of int64 arrays: training rows and validation rows, ascending.
        Each document is validated on once, except those of a class with one distinct text.

    Raises:
        SettingError: There are fewer than 2 folds, or fewer distinct texts than folds.
        LabelError: Labels and documents differ in number.
    """
    units = _units(labels, texts, np.random.default_rng(seed))
    alone = np.bincount(units.strata)[units.strata] == 1
    possible = int((~alone).sum())
    if not 2 <= count <= possible:
        raise SettingError(
            f"count: expected 2 to {possible:,} folds (the number of distinct texts in classes "
            f"that have more than one), found {count}."
        )
    fold = np.where(alone, -1, (np.cumsum(~alone) - 1) % count)[units.of_document]
    return [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(count)
    ]
