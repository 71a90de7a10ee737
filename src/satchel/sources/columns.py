"""Which columns of a table hold the text, the label and the id.

Columns that the user names are found by their spelling, or else without regard to case. Columns
that nobody names are recognised by the lists below, which :func:`recognised` searches in turn;
case, blanks, ``_``, ``-`` and ``.`` in a name do not matter there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.documents import Taken, quoted

TEXT_COLUMNS: Final = (
    ("text",),
    (
        *("message", "body", "content", "document", "review", "review text", "sentence"),
        *("comment", "comment text", "tweet", "tweet text", "post", "article", "abstract"),
        *("description", "question", "query", "utterance", "email", "sms", "full text"),
    ),
    ("subject", "title", "headline", "summary"),
)
"""Names of a text column: the first group of which a table has one gives the text.

A column of the third group that stands beside one of the second is put before it.
"""

LABEL_COLUMNS: Final = (
    ("label",),
    ("category",),
    ("labels",),
    (
        *("class", "target", "sentiment", "topic", "intent", "tag", "emotion", "genre"),
        *("polarity", "class name", "label name", "category name", "y"),
    ),
    ("rating", "stars"),
)
"""Names of a label column: the first group of which a table has one gives the label."""

ID_COLUMNS: Final = (("id",),)

Role = Literal["text", "label", "id"]
_GROUPS: Final[dict[Role, Sequence[Sequence[str]]]] = {
    "text": TEXT_COLUMNS,
    "label": LABEL_COLUMNS,
    "id": ID_COLUMNS,
}


def plain(name: str) -> str:
    """Return a column's name reduced to what matters for recognising it."""
    return "".join(c for c in name.casefold() if not c.isspace() and c not in "_-.")


_KNOWN: Final = {
    role: {plain(name) for group in groups for name in group} for role, groups in _GROUPS.items()
}


def recognised(name: str) -> bool:
    """Return whether a name is one that a text or label column may have."""
    return plain(name) in _KNOWN["text"] or plain(name) in _KNOWN["label"]


@dataclass(frozen=True)
class Columns:
    """Which columns of a table the user asked for.

    Attributes:
        text: Columns of the text, to be joined; empty: the table's own, recognised by its name.
        label: Column of the label; None: recognised by its name.
        id: Column of the ids; None: the one called ``id``, if any.
        labelled: Whether to read labels at all.
        keep: Columns to keep unchanged; ``all`` for all that have no other role.
        whole: Whether every column is kept, those of the text and the label as well.
    """

    text: tuple[str, ...] = ()
    label: str | None = None
    id: str | None = None
    labelled: bool = True
    keep: tuple[str, ...] | Literal["all"] = ()
    whole: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that the user named for a role."""
        return (*self.text, *(name for name in (self.label, self.id) if name is not None))

    def choose(
        self,
        columns: Sequence[str],
        source: str,
        notes: list[str],
        repeated: Collection[str] = (),
    ) -> Taken:
        """Decide which columns to read.

        Args:
            columns: The table's columns, each with a unique name.
            source: The table, for messages.
            notes: Where a guess is noted.
            repeated: Names that several columns had.

        Raises:
            SourceError: A requested column is missing or duplicated, or several columns match.
        """
        finder = _ColumnFinder(columns, source, repeated)
        text = tuple(finder.named(name, "text") for name in self.text)
        label = None
        if self.labelled:
            label = (
                finder.named(self.label, "label") if self.label is not None else finder.label(text)
            )
        # Also where labels are not read, so that the text is the same as where they are.
        text = text or finder.text(label or self.label)
        taken = {label, *text}
        if self.id is not None:
            id_: str | None = finder.named(self.id, "id")
        else:
            id_ = next((name for name in finder.in_group(ID_COLUMNS[0]) if name not in taken), None)
        if self.whole:
            kept = tuple(columns)
        elif self.keep == "all":
            kept = tuple(name for name in columns if name not in {*taken, id_})
        else:
            named = (finder.named(name, "keep") for name in self.keep)
            kept = tuple(dict.fromkeys(name for name in named if name != id_))
        self._note_guesses(columns, source, text, label, notes)
        return Taken(
            text, label, id_, kept, multi_label=label is not None and plain(label) == "labels"
        )

    def _note_guesses(
        self,
        columns: Sequence[str],
        source: str,
        text: tuple[str, ...],
        label: str | None,
        notes: list[str],
    ) -> None:
        """Note which columns were recognised, where that is not obvious, and the alternatives."""
        guesses, others = [], []
        taken = {*text, label, *self.named}
        guessed: list[tuple[Role, Sequence[str], bool, tuple[str, ...]]] = [
            ("text", text, not self.text, ("text",)),
            ("label", (label,) if label is not None else (), self.label is None, _USUAL_LABELS),
        ]
        for role, names, guess, usual in guessed:
            if not guess or not names:
                continue
            more = [name for name in columns if plain(name) in _KNOWN[role] and name not in taken]
            joined = " and ".join(quoted(name) for name in names)
            if more or len(names) > 1 or names[0] not in usual:
                guesses.append(f"{_columns(len(names))} {joined} for the {role}")
            others += [f"{quoted(name)} (--{role})" for name in more]
        if guesses:
            why = f"; other columns that may be meant: {', '.join(others)}" if others else ""
            notes.append(f"{printable(source)}: took the {' and the '.join(guesses)}{why}.")


def _columns(number: int) -> str:
    return "column" if number == 1 else "columns"


_USUAL_LABELS: Final = ("label", "category", "labels")


@dataclass(frozen=True)
class _ColumnFinder:
    """Finds columns in one table."""

    columns: Sequence[str]
    source: str
    repeated: Collection[str]

    def in_group(self, group: Sequence[str], without: Collection[str | None] = ()) -> list[str]:
        """Return the columns that a group names; an exact match hides those spelled differently."""
        names = {plain(name) for name in group}
        found = [name for name in self.columns if plain(name) in names and name not in without]
        exact = [name for name in found if name in group]
        return exact if len(exact) == 1 and len({plain(name) for name in found}) == 1 else found

    def label(self, text: Collection[str]) -> str:
        """Return the column that is recognised as the label, beside those named for the text."""
        for group in LABEL_COLUMNS:
            if found := self.in_group(group, text):
                return self.only(found, "label")
        raise self.missing("label", text_too=not text and not self.candidates(None))

    def text(self, label: str | None) -> tuple[str, ...]:
        """Return the columns that are recognised as the text."""
        found = self.candidates(label)
        if not found:
            raise self.missing("text")
        one = self.only(found, "text")
        headings = self.in_group(TEXT_COLUMNS[2], (label,))
        beside = plain(one) in map(plain, TEXT_COLUMNS[1]) and len(headings) == 1
        return (headings[0], one) if beside else (one,)

    def candidates(self, label: str | None) -> list[str]:
        """Return the columns of the first group of which the table has some."""
        groups = (self.in_group(group, (label,)) for group in TEXT_COLUMNS)
        return next(filter(None, groups), [])

    def only(self, found: Sequence[str], role: Role) -> str:
        """Return the one column found.

        Raises:
            SourceError: Several columns match.
        """
        if len(found) == 1:
            return self.named(found[0], role)
        join = ", or several to join them," if role == "text" else ""
        raise SourceError(
            f"{printable(self.source)}: expected one column for the {role}, found "
            f"{' and '.join(quoted(name) for name in found[:20])}, any of which may be meant. "
            f"Name the right one{join} with {role}= (--{role})."
        )

    def named(self, name: str, role: Role | Literal["keep"]) -> str:
        """Return the column of a name: the exact spelling, or else one that differs in case only.

        Raises:
            SourceError: No column matches, or several do.
        """
        found = [each for each in self.columns if each == name]
        found = found or [each for each in self.columns if each.casefold() == name.casefold()]
        if len(found) > 1 or (found and found[0] in self.repeated):
            raise SourceError(
                f"{printable(self.source)}: expected one column {quoted(name)}, found several. "
                f"Rename the others."
            )
        if not found:
            raise self.missing(role, name)
        return found[0]

    def missing(
        self, role: Role | Literal["keep"], name: str | None = None, text_too: bool = False
    ) -> SourceError:
        """Return the error for a column that is not there."""
        wanted = f"column {quoted(name)}" if name is not None else f"column such as {role!r}"
        listed = [quoted(column) for column in self.columns[:50]]
        more = f" and {len(self.columns) - 50:,} more" if len(self.columns) > 50 else ""
        if role == "keep":  # asked for by --keep, --group or --time
            there = f"found the {_columns(len(listed))} {', '.join(listed) or 'none'}{more}"
            return SourceError(
                f"{printable(self.source)}: expected a {wanted} to keep, {there}. Name another."
            )
        where = f"for the {role}"
        there = f"found the {_columns(len(listed))} {', '.join(listed) or 'none'}{more}"
        if text_too:
            return SourceError(
                f"{printable(self.source)}: expected columns such as 'text' and 'label', {there}. "
                f"Name the right ones with text= and label= (--text and --label)."
            )
        return SourceError(
            f"{printable(self.source)}: expected a {wanted} {where}, {there}. "
            f"Name the right one with {role}= (--{role})."
        )


def unique_names(columns: Sequence[str]) -> tuple[list[str], set[str]]:
    """Give each column a unique name.

    Args:
        columns: The names as they are in the table.

    Returns:
        The names, ``column_3`` for one that has none and ``a_2`` for the second ``a``, and the set
        of names that occurred more than once.
    """
    named = [name or f"column_{place}" for place, name in enumerate(columns, 1)]
    seen: Counter[str] = Counter()
    taken = set(named)
    unique = []
    for name in named:
        seen[name] += 1
        own = name if seen[name] == 1 else f"{name}_{seen[name]}"
        while own is not name and own in taken:
            own += "_"
        taken.add(own)
        unique.append(own)
    return unique, {name for name, times in seen.items() if times > 1}


MAX_COLUMNS: Final = 10_000
"""A table with more columns is not a table of documents."""
