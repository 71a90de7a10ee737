"""How ``satchel train`` divides documents: to train on, to evaluate on, and to hold out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from satchel.cli.inputs import read_labelled
from satchel.cli.options import SourceOptions
from satchel.errors import LabelError, SettingError, SourceError
from satchel.progress import Progress
from satchel.sources.documents import Documents, Skipped, brief, counted
from satchel.sources.opening import expand, known_format
from satchel.sources.reading import locate
from satchel.sources.splitting import group_numbers, split, split_by_time, text_keys


@dataclass(frozen=True)
class Divided:
    """Documents by purpose.

    Attributes:
        train: Those on which the evaluated model is trained.
        test: Those on which it is evaluated; None for no evaluation.
        held_out: Those used by no stage before the end.
        refit: All but those held out, in the order of the source (shuffled with the tutorial
            preset, whose fit validates on the last of them).
        groups: int64 array, the groups of ``train``; None where there are none.
        how: How the test documents were chosen: words that follow their number.
        remarks: What the user should know about the division, in sentences.
    """

    train: Documents
    test: Documents | None
    held_out: Documents
    refit: Documents
    groups: np.ndarray | None = None
    how: str = "held out (20 %)"
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SplitColumns:
    """The columns by which documents are divided, as the user named them; None for none.

    Attributes:
        group: Documents with the same value stay on the same side of every split.
        time: The newest documents are held out.
    """

    group: str | None = None
    time: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """Those that were named, for ``read_documents(keep=)``."""
        return tuple(name for name in (self.group, self.time) if name is not None)

    def read(
        self,
        sources: Sequence[str],
        reading: SourceOptions,
        rejects: Callable[[Skipped], None] | None,
        progress: Progress,
    ) -> Documents:
        """Read labelled documents with these columns.

        Raises:
            SourceError: A column is missing, or a source has no columns.
        """
        option = "--group" if self.group is not None else "--time"
        for source in expand(sources) if self.named else ():
            if locate(source, known_format(reading.format)).kind != "table":
                raise SourceError(
                    f"{source}: expected a table for {option}, whose rows have columns, found a "
                    f"folder or an archive: write the documents to a table, or leave {option} out"
                )
        documents = read_labelled(sources, reading, rejects, progress, self.named)
        if self.named and documents.columns is None:
            raise SourceError(
                f"{', '.join(sources)}: expected a table with columns for {option}, found a format "
                "without any: write the documents to a CSV or JSONL file"
            )
        return documents

    @staticmethod
    def values(documents: Documents, name: str) -> list[Any]:
        """Return the cells of a column that was read."""
        columns: dict[str, list[Any]] = documents.columns or {}
        for kept, cells in columns.items():
            if kept == name:
                return cells
        for kept, cells in columns.items():
            if kept.casefold() == name.casefold():
                return cells
        assert documents.ids is not None  # the reader refuses a column that is not there
        return documents.ids


def divide(
    documents: Documents,
    test_share: float,
    hold_out: int,
    seed: int,
    *,
    as_tutorial: bool,
    by: SplitColumns = SplitColumns(),
) -> Divided:
    """Divide documents: stratified and seeded, with copies of a text on the same side.

    Args:
        documents: Labelled documents.
        test_share: Share to evaluate on; 0 for none.
        hold_out: How many documents are used by no stage before the end.
        seed: Seed of the shuffle.
        as_tutorial: Shuffle and take the last share, as the 2018 tutorial did, without stratifying;
            unlike there, copies of a text stay on the same side, so that none leaks.
        by: Columns of a group and of a time, which the documents were read with.

    Raises:
        SourceError: The documents have no labels, or a time cannot be read.
        LabelError: There are too few distinct texts, groups or times to divide, or the older
            documents have one label.
        SettingError: ``hold_out`` is larger than possible.
    """
    if documents.labels is None:
        raise SourceError(
            "expected labelled documents, found no labels: name their column with --label"
        )
    groups = None
    if by.group is not None:
        groups = group_numbers(by.values(documents, by.group), len(documents))
    how, remarks = Divided.how, _without_group(groups, by)
    copies = np.arange(0)
    if as_tutorial:
        train, test, aside = _as_tutorial(documents, test_share, hold_out, seed)
    elif test_share or hold_out:
        if by.time is None:
            sides = split(
                documents.labels,
                documents.texts,
                test_share=test_share or 0.2,
                hold_out=hold_out,
                seed=seed,
                groups=groups,
            )
        else:
            from satchel.sources.times import moments

            cells = by.values(documents, by.time)
            times = moments(cells, documents.names, by.time)
            sides = split_by_time(
                documents.texts, times, test_share=test_share, hold_out=hold_out, groups=groups
            )
        train, test, aside, copies = sides.train, sides.test, sides.held_out, sides.copies
        share = f"{100 * (len(test) + len(copies)) / len(documents):.0f} %"
        if by.time is not None:
            start = test[np.argmin(times[test])]
            newest = "newest" if groups is None else f"whose {by.group} is newest"
            how = f"held out: the {share} {newest}, from {str(cells[start]).strip()} on"
            remarks += _newer_in_training(int((times[train] >= times[start]).sum()), by)
            _require_two_labels(documents, train)
        elif groups is not None:
            how = f"held out ({share}, divided by {by.group})"
            remarks += _too_large(documents, groups, sides.too_large, by) if test_share else ()
        if not test_share:
            train, test = np.sort(np.concatenate([train, test, copies])), test[:0]
        elif len(copies):
            remarks += (_left_out(len(copies), by),)
    else:
        train, test, aside = np.arange(len(documents)), np.arange(0), np.arange(0)
    every = np.concatenate([train, test, copies])
    return Divided(
        train=documents.take(train),
        test=documents.take(test) if test_share else None,
        held_out=documents.take(aside),
        refit=documents.take(every if as_tutorial else np.sort(every)),
        groups=None if groups is None else groups[train],
        how=how,
        remarks=remarks,
    )


def _without_group(groups: np.ndarray | None, by: SplitColumns) -> tuple[str, ...]:
    number = 0 if groups is None else int((groups < 0).sum())
    if not number:
        return ()
    has = counted(number, "document has", "documents have")
    return (f"{has} no {by.group}: each is divided on its own, together with its copies.",)


def _left_out(number: int, by: SplitColumns) -> str:
    return (
        f"{counted(number, 'document is', 'documents are')} left out of the evaluation, because "
        f"training has the same text under another {by.group}."
    )


def _too_large(
    documents: Documents, groups: np.ndarray, first: np.ndarray, by: SplitColumns
) -> tuple[str, ...]:
    """Say which groups are too large to hold out: at most three by name."""
    values = by.values(documents, by.group or "")
    first = first[groups[first] >= 0]  # without the copies of a text that have no group
    lines = []
    for place in first[:3].tolist():
        number = int((groups == groups[place]).sum())
        lines.append(
            f"warning: {number:,} of {len(documents):,} documents have the {by.group} "
            f"{brief(str(values[place]))!r}, more than are held out: they stay in training, and "
            f"the test has none like them."
        )
    if len(first) > 3:
        lines.append(f"warning: so do those of {counted(len(first) - 3, 'more group')}.")
    return tuple(lines)


def _newer_in_training(number: int, by: SplitColumns) -> tuple[str, ...]:
    if not number:
        return ()
    mates = "text" if by.group is None else f"text or {by.group}"
    stay = counted(number, "document of the newest stays", "documents of the newest stay")
    return (f"{stay} in training, because an older one has the same {mates}.",)


def _require_two_labels(documents: Documents, train: np.ndarray) -> None:
    """Refuse a division by time after which training has one label.

    Raises:
        LabelError: It has one, though the documents have several.
    """
    older, every = documents.take(train).classes(), documents.classes()
    if len(older) < 2 <= len(every):
        raise LabelError(
            f"expected the older documents, on which --time trains, to have at least two labels, "
            f"found {', '.join(map(repr, older)) or 'none'}: the others begin later, so hold out "
            f"without --time, or name another column"
        )


def _as_tutorial(
    documents: Documents, test_share: float, hold_out: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, to evaluate on and to hold out, by one shuffle of all rows."""
    keys, unit, sizes = np.unique(
        text_keys(documents.texts), return_inverse=True, return_counts=True
    )
    alone = np.flatnonzero(sizes[unit] == 1)
    if hold_out > max(len(alone) - 1, 0):
        raise SettingError(
            f"expected --hold-out to be 0 to {max(len(alone) - 1, 0):,} of {len(documents):,} "
            f"documents (only texts without a copy are held out), found {hold_out:,}: choose "
            "a smaller number"
        )
    aside = alone[len(alone) - hold_out :]
    rest = np.setdiff1d(np.arange(len(documents)), aside)
    order = rest[np.random.default_rng(seed).permutation(len(rest))]
    # Copies follow the first of them in the shuffled order, so that no cut separates them.
    rank = np.full(len(keys), len(order))
    np.minimum.at(rank, unit[order], np.arange(len(order)))
    order = order[np.argsort(rank[unit[order]], kind="stable")]
    cut = int(len(order) * (1 - test_share))
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))  # of each text's copies
    if test_share and len(starts) < 2:
        raise LabelError(
            "expected at least two distinct texts, one to train on and one to test on, found one"
        )
    if test_share:
        # The nearest boundary between two texts, with at least one text on either side.
        cut = int(starts[1:][np.argmin(np.abs(starts[1:] - cut))])
    return order[:cut], order[cut:], aside
