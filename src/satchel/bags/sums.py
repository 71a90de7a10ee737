"""From texts to bag sums, each text read once for all the tables that ask for its features.

There are two ways, equal to rounding. The plain one needs NumPy alone: best for a few short texts
in a process that has no kernels loaded. The fused kernel goes from texts to sums on all cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from satchel.bags.bag_table import BagTable
from satchel.bags.chunks import chunks, is_long, work_in
from satchel.bags.features import Features
from satchel.bags.hashing import NO_KEY
from satchel.bags.kernels import numba_available, use_kernels
from satchel.bags.lookup import Lookup, lookup, lookup_plain
from satchel.bags.preparing import check_text
from satchel.bags.rows import Rows, stack

if TYPE_CHECKING:
    from satchel.bags.fused import FusedTables

_MUCH = 100_000  # work from which a second thread is worth its start


def shared_features(several: Sequence[Features]) -> Features | None:
    """The features that hold all those of several, so that one reading of a text serves them all.

    Args:
        several: Features; a vocabulary of any of them knows only its own among all.

    Returns:
        None where they differ in more than in how much they count.
    """
    characters = {features.characters for features in several} - {None}
    ways = {
        (features.rules, features.nfc, features.strip, features.hash_key) for features in several
    }
    shortest_words = {features.min_length for features in several if features.words}
    if len(ways) > 1 or len(characters) > 1 or len(shortest_words) > 1:
        return None
    return msgspec.structs.replace(
        several[0],
        min_length=max(shortest_words, default=1),
        words=max(features.words for features in several),
        characters=characters.pop() if characters else None,
        fields=any(features.fields for features in several),
    )


@dataclass
class _Group:
    """Tables that share a reading."""

    features: Features
    places: list[int]
    tables: list[BagTable]

    @cached_property
    def joined(self) -> Lookup:
        """The vocabulary of all."""
        if len(self.tables) == 1:
            return self.tables[0].known
        return Lookup(np.unique(np.concatenate([table.known.hashes for table in self.tables])))

    @cached_property
    def fused(self) -> FusedTables:
        """The tables laid out for the kernel."""
        from satchel.bags.fused import FusedTables

        return FusedTables(self.features, self.tables, self.joined)

    def counts(self, texts: Sequence[str]) -> list[Rows]:
        """The counts of each table's features, by the kernels."""
        rows = lookup(texts, self.features, self.joined)
        columns = np.zeros((len(self.tables), len(self.joined)), np.bool_)
        for own, table in zip(columns, self.tables, strict=True):
            own[self.joined.find(table.known.hashes)[0]] = True
        return [rows.select_columns(own) for own in columns]

    def counts_plain(self, texts: Sequence[str], first: int = 0) -> list[Rows]:
        """The counts of each table's features, by the plain path."""
        knowns = [table.known for table in self.tables]
        parts = [
            lookup_plain(chunk, self.features, knowns)
            for chunk in chunks(texts, self.features, first)
        ]
        return [
            stack((part[place] for part in parts), len(known)) for place, known in enumerate(knowns)
        ]


class BagReader:
    """From texts to the bag sums of some tables.

    Args:
        tables: Tables, at least one.

    Attributes:
        tables: The same.
    """

    def __init__(self, tables: Sequence[BagTable]) -> None:
        self.tables = tuple(tables)
        # One table without a key keeps all from the kernels, which know the keyed hash alone.
        self._hash_key = min(table.features.hash_key for table in self.tables)
        self._groups: list[_Group] = []
        for place, table in enumerate(self.tables):
            for group in self._groups:
                features = shared_features([group.features, table.features])
                if features is not None:
                    group.features = features
                    break
            else:
                group = _Group(table.features, [], [])
                self._groups.append(group)
            group.places.append(place)
            group.tables.append(table)

    def read(
        self, texts: Sequence[str], threads: int | None = None
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Tokenise, look up, weigh and sum, document by document.

        Args:
            texts: The documents.
            threads: How many threads may work on much text; None for one a core. It never changes
                the answer.

        Returns:
            For each table the sums, float32 [n, width]; and how many distinct features of each
            document each table knows, int32 [n, tables].

        Raises:
            TextError: A document is not text.
        """
        work = self._work_in(texts)
        fused = self._use_kernels(work)
        return self._read_block(texts, fused, threads if work >= _MUCH else 1)

    def read_in_blocks(
        self, texts: Sequence[str], documents: int, threads: int | None = None
    ) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        """Do `read` for some documents after the other, so that the sums need not fit in memory.

        Args:
            texts: The documents.
            documents: How many to read at a time.
            threads: As for `read`.

        Yields:
            What `read` returns for each block.
        """
        work = self._work_in(texts)
        fused = self._use_kernels(work)  # by what there is in all: a block may hold little
        for first in range(0, len(texts), documents):
            block = texts[first : first + documents]
            yield self._read_block(block, fused, threads if work >= _MUCH else 1, first)

    def _read_block(
        self, texts: Sequence[str], fused: bool, threads: int | None, first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do `read` by the kernel, long documents apart, or by the plain path."""
        if not fused:
            return self.read_plain(texts, first)
        long = [place for place, text in enumerate(texts) if is_long(text)]
        if not long:
            return self.read_fused(texts, threads, first)
        apart = [check_text(texts[place], first + place) for place in long]
        short = ["" if is_long(text) else text for text in texts]
        sums, known = self.read_fused(short, threads, first)
        long_sums, known[long] = self.read_plain(apart)
        for own, own_long in zip(sums, long_sums, strict=True):
            own[long] = own_long
        return sums, known

    def read_plain(
        self, texts: Sequence[str], first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do `read` by the plain path; ``first`` is the number of the first text, for messages."""
        counts = self._in_order(group.counts_plain(texts, first) for group in self._groups)
        with np.errstate(all="ignore"):  # as the kernels: no word on overflow
            sums = [
                table.sums(table.weigh(rows))
                for table, rows in zip(self.tables, counts, strict=True)
            ]
        return sums, np.stack([rows.lengths for rows in counts], axis=1).astype(np.int32)

    def read_fused(
        self, texts: Sequence[str], threads: int | None = None, first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do `read` by the fused kernel; ``first`` is the number of the first text."""
        if len(self._groups) == 1:
            return self._groups[0].fused.read(texts, threads, first)
        sums: list[np.ndarray] = [np.empty(0)] * len(self.tables)
        known = np.empty((len(texts), len(self.tables)), np.int32)
        for group in self._groups:
            group_sums, known[:, group.places] = group.fused.read(texts, threads, first)
            for place, one in zip(group.places, group_sums, strict=True):
                sums[place] = one
        return sums, known

    def counts(self, texts: Sequence[str]) -> list[Rows]:
        """Count each table's features.

        Args:
            texts: The documents.

        Returns:
            For each table the counts, one row a document.

        Raises:
            TextError: A document is not text.
        """
        if self._use_kernels(self._work_in(texts)):
            return self._in_order(group.counts(texts) for group in self._groups)
        return self._in_order(group.counts_plain(texts) for group in self._groups)

    def _use_kernels(self, work: int) -> bool:
        return use_kernels(work, self._hash_key) and not self._crowded

    @cached_property
    def _crowded(self) -> bool:
        return any(group.joined.crowded for group in self._groups)

    def _work_in(self, texts: Sequence[str]) -> int:
        return max(work_in(texts, group.features) for group in self._groups)

    def _in_order(self, of_groups: Iterable[list[Rows]]) -> list[Rows]:
        found = {
            place: rows
            for group, counts in zip(self._groups, of_groups, strict=True)
            for place, rows in zip(group.places, counts, strict=True)
        }
        return [found[place] for place in range(len(self.tables))]

    def warm_up(self) -> None:
        """Load the kernels where Numba is installed, so that from now on they read any text.

        Features without a hash key are read by the plain path whatever is loaded.
        """
        if numba_available() and self._hash_key != NO_KEY:
            self.read_fused([""], threads=1)
