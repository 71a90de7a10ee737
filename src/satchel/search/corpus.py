"""The training documents, counted once for each kind of feature that a view may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from satchel.bags.counting import count
from satchel.bags.features import Features
from satchel.bags.hashing import FIELD_KIND
from satchel.bags.rows import Rows
from satchel.errors import TextError
from satchel.progress import Progress, silent
from satchel.search.targets import Targets


@dataclass(frozen=True)
class Counted:
    """Documents as raw counts over every feature of a family.

    Attributes:
        rows: Raw counts, one row a document.
        hashes: uint64 array of shape ``(columns,)``, strictly increasing.
        kinds: uint8 array of shape ``(columns,)``.
    """

    rows: Rows
    hashes: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: np.ndarray) -> Counted:
        return Counted(self.rows[index], self.hashes, self.kinds)


@dataclass(frozen=True)
class LeftOut:
    """Documents that teach nothing, and why.

    Attributes:
        without_words: Those that have no feature at all.
        without_shared_words: Those whose every feature is in too few documents to be kept.
    """

    without_words: int = 0
    without_shared_words: int = 0

    def __len__(self) -> int:
        return self.without_words + self.without_shared_words

    def lines(self) -> list[str]:
        """A line on each reason that occurs."""
        reasons = (
            (self.without_words, "without a word"),
            (self.without_shared_words, "none of whose words occurs in another document"),
        )
        return [
            f"left out of training: {count:,} document{'s' if count > 1 else ''} {reason}"
            for count, reason in reasons
            if count
        ]


@dataclass
class Corpus:
    """Training documents and their counts.

    Attributes:
        texts: The documents.
        targets: Their labels.
        widest: The features of the first view: of those that differ in words and fields alone,
            none asks for more.
        minimum_documents: Features in fewer documents are of no use to any view, field tokens
            aside; there are often more of them than of all others.
        threads: Threads to count with.
        progress: Told how far counting is.
        left_out: How many documents were left out to come to these.
    """

    texts: Sequence[str]
    targets: Targets
    widest: Features
    minimum_documents: int = 1
    threads: int | None = None
    progress: Progress = silent
    left_out: LeftOut = LeftOut()
    _lengths: dict[Features, np.ndarray] = field(default_factory=dict)
    _counted: dict[Features, Counted] = field(default_factory=dict)

    def counted(self, features: Features) -> Counted:
        """The counts among which a view with these features finds its own.

        Those that differ from the widest in the order of words or in fields alone share its count.
        """
        family = self._family(features)
        if family not in self._counted:
            counts, rows = count(self.texts, family, threads=self.threads, progress=self.progress)
            self._lengths[family] = rows.lengths
            useful = counts.document_frequency >= self.minimum_documents
            useful |= counts.kinds >= FIELD_KIND
            if useful.all() or not useful.any():
                self._counted[family] = Counted(rows, counts.hashes, counts.kinds)
            else:
                self._counted[family] = Counted(
                    rows.select_columns(useful), counts.hashes[useful], counts.kinds[useful]
                )
        return self._counted[family]

    def _family(self, features: Features) -> Features:
        widest = self.widest
        as_wide = replace(features, words=widest.words, fields=widest.fields)
        return widest if features.words and as_wide == widest else features

    def without_empty(self, features: Features) -> Corpus:
        """The documents in which these features occur at all.

        Raises:
            TextError: If there is none.
        """
        counted = self.counted(features)
        filled = np.flatnonzero(counted.rows.lengths > 0)
        wordless = int((self._lengths[self._family(features)] == 0).sum())
        if not len(filled):
            raise TextError("expected documents with words, found none that has a single one")
        if len(filled) == len(counted):
            return self
        kept = Corpus(
            [self.texts[i] for i in filled.tolist()],
            self.targets[filled],
            self.widest,
            self.minimum_documents,
            self.threads,
            self.progress,
            LeftOut(wordless, len(counted) - len(filled) - wordless),
        )
        kept._counted = {family: each[filled] for family, each in self._counted.items()}
        return kept
