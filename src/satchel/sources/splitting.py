"""Training, validation and test parts, and folds: stratified by label, equal texts kept together.

Two texts are equal up to case, white space and compatibility forms. Documents of one group, such as
the messages of a conversation, are kept together too, and a test part may be the newest documents.
"""

from __future__ import annotations

import hashlib
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from satchel.errors import LabelError, SettingError
from satchel.features.unicode import normalize
from satchel.sources.documents import counted, label_sets

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
        copies: Documents left out of the test, because a document of another group that is in
            training has the same text; empty without groups.
        too_large: The first document of each group, or of each text without one, that has more
            documents than the test may have, and therefore stays in training.
    """

    train: np.ndarray
    test: np.ndarray
    held_out: np.ndarray
    copies: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    too_large: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class _Units:
    """What is never divided: copies of a text, or the documents of a group.

    They are ordered by class, then larger first, then by chance.

    Attributes:
        of_document: int64 [documents], the unit of each.
        strata: int64 [units], the class of each.
        sizes: int64 [units], documents in each.
        kept: bool [units], whether it stays in training, so that its class occurs there.
        text: int64 [documents], a number for each text.
    """

    of_document: np.ndarray
    strata: np.ndarray
    sizes: np.ndarray
    kept: np.ndarray
    text: np.ndarray

    def copied(self, documents: np.ndarray, training: np.ndarray) -> np.ndarray:
        """Return which documents have the text of one in training: bool [documents]."""
        found: np.ndarray = np.isin(self.text[documents], self.text[training])
        return found


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


def _units(
    labels: AnyLabels,
    texts: Sequence[str],
    groups: np.ndarray | None,
    random: np.random.Generator,
) -> _Units:
    if len(labels) != len(texts):
        raise LabelError(
            f"expected one label per document, found {len(labels):,} labels for "
            f"{len(texts):,} documents."
        )
    distinct, first, text, sizes = np.unique(
        text_keys(texts), return_index=True, return_inverse=True, return_counts=True
    )
    if groups is not None:
        return _grouped_units(labels, text, _group_units(text, groups), random)
    # Copies with different labels go with the label of the first.
    strata = _strata(labels)[first]
    order = np.lexsort((random.permutation(len(distinct)), -sizes, strata))
    place = _places(order)
    strata = strata[order]
    return _Units(place[text], strata, sizes[order], _first_of_each(strata), text)


def _places(order: np.ndarray) -> np.ndarray:
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


def _first_of_each(strata: np.ndarray) -> np.ndarray:
    """Return which units are the first of their class, where they are ordered by it."""
    if not len(strata):
        return np.zeros(0, np.bool_)
    first: np.ndarray = np.r_[True, strata[1:] != strata[:-1]]
    return first


def _group_units(text: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the unit of each document: its group, or its text where it has none.

    Equal texts in two groups do not join these: a text as common as "thank you" would join all.
    """
    raw = np.where(groups >= 0, groups, groups.max(initial=-1) + 1 + text)
    unit: np.ndarray = np.unique(raw, return_inverse=True)[1]
    return unit


def _grouped_units(
    labels: AnyLabels, text: np.ndarray, unit: np.ndarray, random: np.random.Generator
) -> _Units:
    """Return the units of grouped documents; they do not depend on the order of the rows.

    The class of a unit is the rarest label in it, and each label has a unit in training.
    """
    sizes = np.bincount(unit)
    sets = label_sets(labels)
    frequency = Counter(label for each in sets for label in each)
    rarest_first = sorted(frequency, key=lambda label: (frequency[label], label))
    rank = {label: number for number, label in enumerate(rarest_first)}
    classes = np.fromiter((rank[label] for each in sets for label in each), np.int64)
    holders = np.repeat(unit, np.fromiter(map(len, sets), np.int64, len(sets)))
    strata = np.full(len(sizes), len(rank))
    np.minimum.at(strata, holders, classes)
    order = np.lexsort((random.permutation(len(sizes)), -sizes, strata))
    place = _places(order)
    strata, sizes = strata[order], sizes[order]
    kept = _first_of_each(strata)
    first_of_label = np.full(len(rank), len(order))
    np.minimum.at(first_of_label, classes, place[holders])
    kept[first_of_label] = True
    return _Units(place[unit], strata, sizes, kept, text)


def group_numbers(groups: Sequence[object] | np.ndarray, documents: int) -> np.ndarray:
    """Return a number for each document's group.

    Args:
        groups: One value per document, compared as text. None, NaN and white space alone are no
            group.
        documents: How many documents there are.

    Returns:
        int64 array, one per document: groups from 0 in the order of their text, -1 for none.

    Raises:
        SettingError: Groups and documents differ in number.
    """
    if len(groups) != documents:
        raise SettingError(
            f"expected one group per document, found {len(groups):,} groups for {documents:,} "
            f"documents: give None to those that have none."
        )
    names = [
        "" if value is None or value != value else str(value).strip()  # NaN is not itself
        for value in groups
    ]
    numbers = {name: number for number, name in enumerate(sorted({*names} - {""}))}
    return np.fromiter((numbers.get(name, -1) for name in names), np.int64, documents)


def _sample(chances: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Choose units by their chances, so that any stretch gets its sum, to within one."""
    ends = np.cumsum(chances) + random.random()
    crossed: np.ndarray = np.floor(ends) > np.floor(ends - chances)
    return crossed


def _sample_documents(
    chances: np.ndarray, sizes: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Choose units, so that any stretch gets the sum of its documents' chances.

    The error is less than the documents of one unit, and of one of the last where larger units
    come first.
    """
    part = random.random()
    due = 0.0
    chosen = np.zeros(len(sizes), np.bool_)
    for place, (chance, size) in enumerate(zip(chances.tolist(), sizes.tolist(), strict=True)):
        due += chance * size
        if chance and due >= part * size:
            chosen[place] = True
            due -= size
    return chosen


def split(
    labels: AnyLabels,
    texts: Sequence[str],
    *,
    test_share: float = 0.2,
    seed: int | np.random.Generator,
    hold_out: int = 0,
    groups: np.ndarray | None = None,
) -> Split:
    """Split documents into training, test and, on request, held-out ones.

    With groups, the test gets its share of the documents, to within those of one group, and a group
    that is larger than all of that share stays in training. Where a text is in several groups, the
    copies whose group is tested are left out of the test if another group with it is in training.
    Which documents go where does then not depend on their order.

    Args:
        labels: One label per document, or a tuple of labels per document.
        texts: The documents.
        test_share: Share of each class's distinct texts that goes to the test, after holding out.
        seed: A seed or a generator; the same seed gives the same split.
        hold_out: How many documents to set aside from every stage; only texts without a copy and
            documents that are alone in their group.
        groups: int64 array, one per document: those with the same number stay on the same side,
            -1 for no group; as :func:`group_numbers` returns it.

    Returns:
        The row numbers of each side.

    Raises:
        SettingError: The share is not between 0 and 1, or too many are to be held out.
        LabelError: Labels and documents differ in number, or no class has two distinct texts, or
            two groups of which one can be held out.
    """
    _check_share(test_share)
    random = np.random.default_rng(seed)
    units = _units(labels, texts, groups, random)
    side = np.zeros(len(units.sizes), np.int8)
    large = np.zeros(len(side), np.bool_)
    if groups is not None:
        large = (units.sizes > max(1.0, test_share * len(texts))) & (len(side) > 1)
    free = ~(units.kept | large)
    single = free & (units.sizes == 1)
    if groups is not None:
        times = np.bincount(units.text)[units.text]
        single[units.of_document[times > 1]] = False
    single = np.flatnonzero(single)
    if not 0 <= hold_out <= max(len(single) - 1, 0):
        raise SettingError(
            f"hold_out: expected 0 to {max(len(single) - 1, 0):,} of {len(texts):,} documents "
            f"(each class keeps one for training, and one is left for the test), "
            f"found {hold_out:,}. Hold out fewer, or add documents."
        )
    if not free.any() and groups is not None:
        raise LabelError(
            f"expected groups of which some can be held out for the test, with no more than "
            f"{test_share:.0%} of the documents and another group of the same label, found none "
            f"among {counted(len(side), 'group')} of {len(texts):,} documents, the largest of "
            f"{units.sizes.max(initial=0):,}. Group by another column, or name a test source."
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
    # What stays in training gives its chance to the others of its class.
    if groups is None:
        left = np.bincount(units.strata, side == 0)[units.strata]
        others = np.maximum(left - 1, 1)
    else:
        left = np.bincount(units.strata, units.sizes * (side == 0))[units.strata]
        others = np.maximum(np.bincount(units.strata, units.sizes * free)[units.strata], 1)
    chances = np.where(free, np.minimum(test_share * left / others, 1.0), 0.0)
    if groups is None:
        chosen_units = free & _sample(chances, random)
    else:
        chosen_units = _sample_documents(chances, units.sizes, random)
    if not chosen_units.any():
        chosen_units[random.choice(np.flatnonzero(free))] = True
    side[chosen_units] = 1
    sides = side[units.of_document]
    train, test, held_out = (np.flatnonzero(sides == number) for number in range(3))
    if groups is None:
        return Split(train, test, held_out)
    copied = units.copied(test, train)
    _require_new_texts(copied)
    too_large = _first_documents(units.of_document, large)
    return Split(train, test[~copied], held_out, test[copied], too_large)


def _require_new_texts(copied: np.ndarray) -> None:
    """Refuse a test without a document that is not a copy of one in training."""
    if copied.all():
        raise LabelError(
            f"expected groups with texts of their own, found that all of the "
            f"{counted(len(copied), 'document')} to test on have the text of one in another group. "
            f"Group by another column, or name a test source."
        )


def _check_share(test_share: float) -> None:
    if not 0 < test_share < 1:
        raise SettingError(f"test_share: expected more than 0 and less than 1, found {test_share}.")


def _first_documents(unit: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the first document of each chosen unit, ascending."""
    numbers, first = np.unique(unit, return_index=True)
    return np.sort(first[chosen[numbers]])


def split_by_time(
    texts: Sequence[str],
    times: np.ndarray,
    *,
    test_share: float = 0.2,
    hold_out: int = 0,
    groups: np.ndarray | None = None,
) -> Split:
    """Split documents into older ones for training and newer ones for the test.

    Documents of the same time stay on the same side. Copies of a text go with the oldest of them,
    and so do the documents of a group: no document of the test is older than the first moment of
    the test, while training may have newer ones, whose text or group is older. Where a text is in
    several groups, the copies that would be tested are left out if another is in training.

    Args:
        texts: The documents.
        times: float array, one per document: the larger, the newer.
        test_share: Share of the documents that goes to the test, to within those of one time.
        hold_out: How many documents to set aside from every stage: the newest that are no copies
            and alone in their group.
        groups: int64 array, as for :func:`split`.

    Returns:
        The row numbers of each side.

    Raises:
        SettingError: The share is not between 0 and 1, too many are to be held out, or times
            and documents differ in number.
        LabelError: The documents do not differ in time.
    """
    _check_share(test_share)
    if len(times) != len(texts):
        raise SettingError(
            f"expected one time per document, found {len(times):,} times for {len(texts):,} "
            f"documents."
        )
    text = np.unique(text_keys(texts), return_inverse=True)[1]
    unit = text if groups is None else _group_units(text, groups)
    sizes = np.bincount(unit)
    oldest = np.full(len(sizes), np.inf)
    np.minimum.at(oldest, unit, times)
    order = np.argsort(oldest, kind="stable")
    alone = sizes == 1
    alone[unit[np.bincount(text)[text] > 1]] = False
    single = order[alone[order]]
    if not 0 <= hold_out <= max(len(single) - 2, 0):
        raise SettingError(
            f"hold_out: expected 0 to {max(len(single) - 2, 0):,} of {len(texts):,} documents "
            f"(only those without a copy and alone in their group; two are left for training and "
            f"test), found {hold_out:,}. Hold out fewer, or add documents."
        )
    side = np.zeros(len(sizes), np.int8)
    side[single[len(single) - hold_out :]] = 2
    order = order[side[order] == 0]
    starts = np.flatnonzero(np.diff(oldest[order], prepend=-np.inf) > 0)
    if len(starts) < 2:
        raise LabelError(
            f"expected documents of at least two times, older ones to train on and newer ones to "
            f"test on, found one time for all of {len(texts):,} documents, those with the same "
            f"text or group taken together. Name another column for the time."
        )
    newer = np.cumsum(sizes[order][::-1])[::-1]
    wanted = test_share * newer[0]
    cut = starts[1:][np.argmin(np.abs(newer[starts[1:]] - wanted))]
    side[order[cut:]] = 1
    sides = side[unit]
    train, test, held_out = (np.flatnonzero(sides == number) for number in range(3))
    copied = np.isin(text[test], text[train])
    _require_new_texts(copied)
    return Split(train, test[~copied], held_out, test[copied])


def folds(
    labels: AnyLabels,
    texts: Sequence[str],
    *,
    count: int = 5,
    seed: int | np.random.Generator,
    groups: np.ndarray | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split documents for cross-validation, with the same guarantees as :func:`split`.

    For a single validation part call :func:`split`.

    Args:
        labels: One label per document, or a tuple of labels per document.
        texts: The documents.
        count: How many folds, at least 2.
        seed: A seed or a generator.
        groups: int64 array, as for :func:`split`: no group is in two folds.

    Returns:
        ``count`` pairs of int64 arrays: training rows and validation rows, ascending.
        Each document is validated on once, except those of a class with one distinct text; with
        groups, those of a group that is the only one with some label, and those with the text of
        another group in training, which are in neither part.

    Raises:
        SettingError: There are fewer than 2 folds, or fewer distinct texts or groups than folds.
        LabelError: Labels and documents differ in number.
    """
    units = _units(labels, texts, groups, np.random.default_rng(seed))
    alone = (
        _alone(units, labels)
        if groups is not None
        else (np.bincount(units.strata)[units.strata] == 1)
    )
    possible = int((~alone).sum())
    if not 2 <= count <= possible:
        things = "distinct texts" if groups is None else "groups"
        raise SettingError(
            f"count: expected 2 to {possible:,} folds (the number of {things} in classes "
            f"that have more than one), found {count}."
        )
    if groups is None:
        fold_of_unit = np.where(alone, -1, (np.cumsum(~alone) - 1) % count)
    else:
        fold_of_unit = _balanced(units, alone, count)
    fold = fold_of_unit[units.of_document]
    pairs = [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(count)
    ]
    if groups is not None:
        pairs = [(train, held[~units.copied(held, train)]) for train, held in pairs]
    return pairs


def _alone(units: _Units, labels: AnyLabels) -> np.ndarray:
    """Return which units are the only one with one of their labels: bool [units]."""
    only: dict[str, int] = {}
    for unit, names in zip(units.of_document.tolist(), label_sets(labels), strict=True):
        for name in names:
            if only.setdefault(name, unit) != unit:
                only[name] = -1
    alone = np.zeros(len(units.sizes), np.bool_)
    alone[[unit for unit in only.values() if unit >= 0]] = True
    return alone


def _balanced(units: _Units, alone: np.ndarray, count: int) -> np.ndarray:
    """Return a fold for each unit, -1 for those alone: the one that has least of its class.

    Of several it is the one that has the fewest documents so far, so that folds differ little in
    size although groups do.
    """
    fold = np.full(len(alone), -1)
    total = [0] * count
    of_class = [0] * count
    stratum = -1
    rows = zip(units.strata.tolist(), units.sizes.tolist(), alone.tolist(), strict=True)
    for place, (own, size, stays) in enumerate(rows):
        if own != stratum:
            stratum, of_class = own, [0] * count
        if stays:
            continue
        chosen = min(range(count), key=lambda each: (of_class[each], total[each]))
        fold[place] = chosen
        of_class[chosen] += size
        total[chosen] += size
    return fold
