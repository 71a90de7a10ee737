"""The plain path: the features of one text with NumPy alone, quick enough for single documents.

It takes short cuts that the reference (``tokens.py``) does not, and gives the same hashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

from satchel.bags.characters import KERAS_FILTERS, classes
from satchel.bags.features import Features
from satchel.bags.fields import kind_of, name_space_at, name_spaces
from satchel.bags.hashing import (
    ADDRESS_SALT,
    CHARACTER_KIND,
    CHARACTER_SALT,
    FIELD_KIND,
    FIELD_SALT,
    PART_KIND,
    WORD_SALT,
    combine_arrays,
    text_hashes,
)
from satchel.bags.tokens import addresses, hangul_pairs, spaceless_grams, units

# These match the text itself, so they serve only where no character is special (see _SPECIAL).
_WORD = re.compile(r"[0-9]++(?:[.,][0-9]++(?!\w))++|\w++")
_NUMBER = re.compile(r"[0-9]++(?:[.,][0-9]++(?!\w))++")
_SPECIAL = re.compile(r"[mjvhcetr]")
_RUN = re.compile(r"\w+")
_CHUNK = re.compile(r"\S+")
_KERAS = str.maketrans(dict.fromkeys(KERAS_FILTERS, " "))

# For ASCII, blanks in place of all that is no word and a split are quicker than a pattern. The
# points of numbers are hidden meanwhile behind two characters that cannot occur by then.
_POINTS = str.maketrans(".,", "\x01\x02")
_BLANKS = str.maketrans(
    {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_.,")}
)
_WORDS_ONLY = str.maketrans(".,\x01\x02", "  .,")


@dataclass
class _Unigrams:
    """The tokens of kind 1 of one text.

    ``chain`` takes part in n-grams, which do not reach across ``breaks`` (places in the chain);
    ``single`` does not. The name spaces lie beside where fields are asked for.
    """

    chain: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    single: list[int] = field(default_factory=list)
    chain_spaces: list[str] = field(default_factory=list)
    single_spaces: list[str] = field(default_factory=list)


def _is_simple(lowered: str, features: Features) -> bool:
    """Whether words can be found in the text itself, without the classes of its characters."""
    if features.rules != "satchel" or lowered.isascii():
        return True
    return not _SPECIAL.search(classes(lowered, "satchel"))


def _hide_points(number: re.Match[str]) -> str:
    """A number with its points hidden; digits that end a word are no part of it."""
    start = number.start()
    first = re.search("[.,]", number[0]).end()  # type: ignore[union-attr]
    if start and (number.string[start - 1].isalnum() or number.string[start - 1] == "_"):
        return number[0][:first] + number[0][first:].translate(_POINTS)
    return number[0].translate(_POINTS)


def _simple_words(lowered: str, features: Features) -> list[str]:
    if features.rules == "satchel" and lowered.isascii():
        blanked = lowered.translate(_BLANKS)
        words = _NUMBER.sub(_hide_points, blanked).translate(_WORDS_ONLY).split()
    elif features.rules == "satchel":
        words = _WORD.findall(lowered)
    elif features.rules == "words":
        words = _RUN.findall(lowered)
    else:
        words = [word for word in lowered.translate(_KERAS).split(" ") if word]
    if features.min_length > 1:
        words = [word for word in words if len(word) >= features.min_length]
    return words


def _simple(lowered: str, features: Features) -> _Unigrams:
    found = _Unigrams()
    hash_of = text_hashes(WORD_SALT, features.hash_key).__getitem__
    if not features.fields:
        found.chain = list(map(hash_of, _simple_words(lowered, features)))
    else:
        starts, names = name_spaces(lowered)
        for start, end, name in zip(starts, [*starts[1:], len(lowered)], names, strict=True):
            words = _simple_words(lowered[start:end], features)
            found.chain.extend(map(hash_of, words))
            found.chain_spaces.extend(repeat(name, len(words)))
    return found


def _general(lowered: str, features: Features) -> _Unigrams:
    found = _Unigrams()
    chain_starts: list[int] = []
    single_starts: list[int] = []
    letters = classes(lowered, features.rules)
    hash_of = text_hashes(WORD_SALT, features.hash_key).__getitem__
    for start, end, form in units(lowered, features):
        if form == "run":
            found.breaks.append(len(found.chain))
            grams = spaceless_grams(letters, start, end)
        else:
            found.chain.append(hash_of(lowered[start:end]))
            chain_starts.append(start)
            grams = hangul_pairs(letters, start, end)
        for left, right in grams:
            found.single.append(hash_of(lowered[left:right]))
            single_starts.append(left)
    if features.fields:
        starts, names = name_spaces(lowered)
        found.chain_spaces = [name_space_at(starts, names, start) for start in chain_starts]
        found.single_spaces = [name_space_at(starts, names, start) for start in single_starts]
    return found


def _add_addresses(found: _Unigrams, lowered: str, features: Features) -> None:
    spans = list(addresses(lowered, features))
    hash_of = text_hashes(ADDRESS_SALT, features.hash_key).__getitem__
    found.single.extend(hash_of(lowered[start:end]) for start, end in spans)
    if features.fields and spans:
        starts, names = name_spaces(lowered)
        found.single_spaces.extend(name_space_at(starts, names, start) for start, _ in spans)


def _field_hashes(numbers: np.ndarray, spaces: list[str], key: int) -> np.ndarray:
    named = np.fromiter(map(bool, spaces), np.bool_, len(spaces))
    hash_of = text_hashes(FIELD_SALT, key).__getitem__
    salts = np.array([hash_of(name) for name in spaces if name], np.uint64)
    return combine_arrays(numbers[named], salts, FIELD_SALT)


def _word_features(lowered: str, features: Features) -> Iterator[tuple[np.ndarray, int]]:
    simple = _is_simple(lowered, features)
    found = _simple(lowered, features) if simple else _general(lowered, features)
    _add_addresses(found, lowered, features)
    chain = np.array(found.chain, np.uint64)
    single = np.array(found.single, np.uint64)
    yield chain, 1
    if len(single):
        yield single, 1
    if features.fields:
        unigrams = np.concatenate([chain, single])
        spaces = found.chain_spaces + found.single_spaces
        for kind in (FIELD_KIND, PART_KIND):
            own = [name if name and kind_of(name) == kind else "" for name in spaces]
            yield _field_hashes(unigrams, own, features.hash_key), kind
    grams = chain
    segment = None
    if found.breaks:
        segment = np.searchsorted(found.breaks, np.arange(len(chain)), side="right")
    for order in range(2, features.words + 1):
        if len(grams) < 2:
            break
        grams = combine_arrays(grams[:-1], chain[order - 1 :], order)
        whole = slice(None) if segment is None else segment[order - 1 :] == segment[: len(grams)]
        yield grams[whole], order


def _character_features(lowered: str, shortest: int, longest: int, key: int) -> list[int]:
    hash_of = text_hashes(CHARACTER_SALT, key).__getitem__
    found: list[int] = []
    for chunk in _CHUNK.findall(lowered):
        padded = f" {chunk} "
        for size in range(shortest, longest + 1):
            if len(padded) <= size:
                found.append(hash_of(padded))
                break
            found.extend(
                hash_of(padded[first : first + size]) for first in range(len(padded) - size + 1)
            )
    return found


def _parts(text: str, features: Features) -> list[tuple[np.ndarray, int]]:
    """The hashes of each kind of feature."""
    lowered = text.lower()
    parts = list(_word_features(lowered, features)) if features.words else []
    if features.characters:
        grams = _character_features(lowered, *features.characters, features.hash_key)
        parts.append((np.array(grams, np.uint64), CHARACTER_KIND))
    return parts


def feature_hashes(text: str, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """All features of one prepared text, repeated as often as they occur.

    Args:
        text: A text that ``prepare`` has seen.
        features: Which features to find.

    Returns:
        The hashes, uint64 [n], and the kinds, uint8 [n], in no particular order.
    """
    parts = _parts(text, features)
    kinds = np.array([kind for _, kind in parts], np.uint8)
    return (
        np.concatenate([hashes for hashes, _ in parts]),
        np.repeat(kinds, [len(hashes) for hashes, _ in parts]),
    )


def feature_counts(text: str, features: Features) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct features of one prepared text.

    Args:
        text: A text that ``prepare`` has seen.
        features: Which features to find.

    Returns:
        Hashes, uint64 ascending; kinds, uint8; how often each occurs, float32.
    """
    hashes, kinds = feature_hashes(text, features)
    order = np.argsort(hashes)
    distinct, firsts, counts = _run_lengths(hashes[order])
    return distinct, kinds[order[firsts]], counts


def hash_counts(text: str, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """``feature_counts`` without the kinds, which costs less."""
    hashes = np.concatenate([hashes for hashes, _ in _parts(text, features)])
    hashes.sort()
    distinct, _, counts = _run_lengths(hashes)
    return distinct, counts


def _run_lengths(ascending: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct numbers, the place of the first of each, and how many there are, float32."""
    new = np.ones(len(ascending) + 1, np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=new[1:-1])
    bounds = np.flatnonzero(new) if len(ascending) else np.zeros(1, np.int64)
    firsts = bounds[:-1]
    return ascending[firsts], firsts, (bounds[1:] - firsts).astype(np.float32)
