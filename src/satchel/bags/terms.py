"""The readable text of each entry of a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satchel.bags.chunks import Chunk, check_chunk, chunks, peek_work
from satchel.bags.features import Features
from satchel.bags.fields import name_spaces
from satchel.bags.hashing import (
    ADDRESS_SALT,
    CHARACTER_KIND,
    COMBINE,
    FIELD_KIND,
    FIELD_SALT,
    MASK,
    MIX_1,
    MIX_2,
    WORD_SALT,
    hash_text,
)
from satchel.bags.kernels import use_kernels
from satchel.bags.lookup import Lookup
from satchel.bags.packing import pack
from satchel.bags.tokens import tokenize, units


def terms(texts: Sequence[str], features: Features, hashes: np.ndarray) -> list[str]:
    """Name the entries of a vocabulary by reading the documents once more.

    Args:
        texts: The documents that were counted.
        features: The features that they were counted with.
        hashes: The vocabulary, uint64 [V] ascending.

    Returns:
        The text of each entry, as in ``Token.text``; "" for what does not occur in the texts.

    Raises:
        TextError: A document is not text.
        SettingError: The hashes do not ascend.
    """
    known = Lookup(hashes)
    names = [""] * len(known)
    named = np.zeros(len(known), np.bool_)
    work, stream = peek_work(chunks(texts, features), features)
    name = _name_by_kernel if use_kernels(work, features.hash_key) else _name_plain
    for chunk in stream:
        name(chunk, features, known, names, named)
        if named.all():
            break
    return names


def _name_plain(
    chunk: Chunk, features: Features, known: Lookup, names: list[str], named: np.ndarray
) -> None:
    """Name the features of a chunk by the reference; the texts are prepared already."""
    check_chunk(chunk)
    ready = Features(
        rules=features.rules,
        min_length=features.min_length,
        words=features.words,
        characters=features.characters,
        fields=features.fields,
        hash_key=features.hash_key,
    )
    for text in chunk.texts:
        tokens = tokenize(text, ready)
        places, is_known = known.find(np.array([token.hash for token in tokens], np.uint64))
        for place, number in zip(places.tolist(), np.flatnonzero(is_known).tolist(), strict=True):
            if not named[place]:
                named[place] = True
                names[place] = tokens[number].text


def _name_by_kernel(
    chunk: Chunk, features: Features, known: Lookup, names: list[str], named: np.ndarray
) -> None:
    """Name the features of a chunk; the kernel says where they are."""
    from satchel.bags.kernels.features import settings_of
    from satchel.bags.kernels.naming import name_chunk
    from satchel.bags.kernels.tables import tables

    packed = pack(chunk.texts, chunk.first)
    found, letters, count = name_chunk(
        packed.data,
        packed.offsets,
        tables(features.rules),
        settings_of(features),
        known.hashes,
        named,
    )
    text = letters.tobytes()
    start = 0
    spaces: tuple[int, dict[int, str]] = (-1, {})
    for place, document, kind, end in found[:count].tolist():
        own = text[start:end].decode()
        start = end
        if kind >= FIELD_KIND:
            if spaces[0] != document:
                own_spaces = {*name_spaces(chunk.texts[document].lower())[1]}
                key = features.hash_key
                spaces = (document, {hash_text(name, FIELD_SALT, key): name for name in own_spaces})
            own = _field_name(own, int(known.hashes[place]), spaces[1], features.hash_key)
        elif kind not in (1, CHARACTER_KIND):
            own = " ".join(own[first:last] for first, last, _ in units(own, features))
        names[place] = own


def _field_name(token: str, number: int, spaces: dict[int, str], key: int) -> str:
    """A field token's text: its name space is the one whose hash gives its own."""
    for salt in (WORD_SALT, ADDRESS_SALT):
        space = spaces.get(joined_to(hash_text(token, salt, key), number, FIELD_SALT))
        if space:
            return f"{space.strip()}: {token}"
    raise AssertionError(f"no name space of the document gives the hash of {token!r}")


_UNMIX_1 = pow(MIX_1, -1, 1 << 64)
_UNMIX_2 = pow(MIX_2, -1, 1 << 64)


def joined_to(left: int, combined: int, salt: int) -> int:
    """What was combined with a hash: the ``right`` for which ``combine`` gives this number.

    A document may have as many name spaces as tokens, so they cannot be tried one by one.
    """
    number = combined
    number ^= number >> 33
    number = number * _UNMIX_2 & MASK
    number ^= number >> 33
    number = number * _UNMIX_1 & MASK
    number ^= number >> 33
    return number - left * COMBINE - salt & MASK
