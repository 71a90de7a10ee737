"""What to do next: each piece of advice has a reason, a count and a step.

Advice is given only where the step would visibly change the result. It states how many documents it
concerns, and the list is ordered by that number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from satchel.escaping import abbreviate, printable
from satchel.evaluation.intervals import Z_95, wilson
from satchel.evaluation.metrics import ClassCounts, Confusion, count_classes, divide
from satchel.evaluation.outcomes import Assigned
from satchel.evaluation.result import Evaluation

_ROUGH = 0.05  # half-width of the interval above which the accuracy is called rough
_TARGET = 0.025  # half-width to aim at
_NAMED = 3  # classes that a sentence names
_FEW = 20  # test documents below which a class's figures are unreliable
_PAIR = 10  # mistakes between two classes from which on they are worth reading
_NOTABLE = 0.05  # share of a class's documents, or of all mistakes, that is worth a sentence
_MISCALIBRATED = 0.05  # calibration error from which on advice is given
_INFLATED = 0.001  # accuracy that leaked documents must add to be worth a sentence


@dataclass(frozen=True)
class Advice:
    """One thing to do next.

    Attributes:
        kind: Which kind of advice; each kind is given at most once.
        finding: What was found, with a count: a sentence.
        step: What to do about it: a sentence.
        documents: How many test documents it is about.
        classes: The classes it is about, as positions, where it is about one or two.
    """

    kind: str
    finding: str
    step: str
    documents: int
    classes: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return f"{self.finding} {self.step}"


def advise(evaluation: Evaluation) -> list[Advice]:
    """Return what to do next, what concerns most documents first; empty where nothing stands out.

    What puts the whole test in question comes before all else; where the model is no better than
    a constant prediction, advice about single classes is left out.
    """
    counts = _Counts(evaluation)
    first = [found for rule in _TEST_RULES for found in rule(counts)]
    if any(found.kind in ("no skill", "all leaked") for found in first):
        return first
    rest: list[Advice] = []
    for rule in _MODEL_RULES:
        for found in rule(counts):
            # The rules go from the particular to the general: one step for the same classes.
            covered = any(found.classes <= other.classes for other in rest)
            if not (found.classes and covered):
                rest.append(found)
    return first + sorted(rest, key=lambda found: -found.documents)


class _Counts:
    """The counts that the rules use, computed once."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.n = evaluation.n
        self.known = evaluation.outcomes.model_labels
        self.by_class: ClassCounts = count_classes(evaluation.outcomes)
        self.occurs = self.by_class.support + self.by_class.predicted > 0
        self.single = evaluation.task == "single"
        self.errors: Confusion = evaluation.confusion.errors()
        self.back = _counts_back(self.errors)
        self.mistakes = int((~evaluation.outcomes.right).sum())

    def documents_with(self, side: Assigned, places: np.ndarray) -> int:
        """Return how many documents have any of these labels."""
        return len(np.unique(side.document[np.isin(side.label, places)]))

    def names(self, places: np.ndarray) -> str:
        """Name the first few classes and count the others."""
        shown = ", ".join(self.name(place) for place in places[:_NAMED].tolist())
        rest = len(places) - _NAMED
        return f"{shown} and {rest:,} more" if rest > 0 else shown

    def name(self, place: int) -> str:
        return abbreviate(printable(self.evaluation.labels[place]), 40)


def _counts_back(errors: Confusion) -> np.ndarray:
    """Return, for each cell, how often the two classes are confused the other way round."""
    width = errors.classes + 1
    keys, mirrored = (
        errors.true * width + errors.predicted,
        errors.predicted * width + errors.true,
    )
    place = np.minimum(np.searchsorted(keys, mirrored), max(len(keys) - 1, 0))
    return np.where(keys[place] == mirrored, errors.count[place], 0) if len(keys) else errors.count


def _no_skill(counts: _Counts) -> Iterator[Advice]:
    if counts.n < _FEW or not counts.mistakes or counts.occurs.sum() < 2:
        return
    step = "Check that labels and texts match, then add training documents."
    if counts.single:
        right = counts.n - counts.mistakes
        constant = round(counts.evaluation.baselines["majority_class"] * counts.n)
        if right <= constant:
            yield Advice(
                "no skill",
                f"The model is right for {right:,} of {counts.n:,} documents, and always "
                f"predicting the most common label would be right for {constant:,}.",
                step,
                counts.mistakes,
            )
        return
    f1 = counts.evaluation.baselines["majority_label_micro_f1"]
    if counts.evaluation.micro_f1 <= f1:
        yield Advice(
            "no skill",
            f"Over {counts.n:,} documents micro-F1 is {counts.evaluation.micro_f1:.3f}, and always "
            f"predicting the most common label alone would reach {f1:.3f}.",
            step,
            counts.mistakes,
        )


def _unknown_labels(counts: _Counts) -> Iterator[Advice]:
    unknown = np.arange(counts.known, len(counts.evaluation.labels))
    if len(unknown):
        documents = counts.documents_with(counts.evaluation.outcomes.true, unknown)
        yield Advice(
            "unknown labels",
            f"{_documents(documents)} {_has(documents)} labels that the model does not know "
            f"({counts.names(unknown)}) and {_counts(documents)} as wrong.",
            "Add such documents to the training data, or remove them from the test data.",
            documents,
        )


def _leaked(counts: _Counts) -> Iterator[Advice]:
    leaks = counts.evaluation.leaks
    if leaks is None or not leaks.count:
        return
    rest = counts.n - leaks.count
    if leaks.accuracy_without is None or rest < min(_FEW, leaks.count):
        finding = f"All {leaks.count:,} test documents are also in the training data, so the"
        if rest:
            finding = (
                f"{leaks.count:,} of {counts.n:,} test documents are also in the training data, "
                "and the others are too few for an evaluation: the"
            )
        yield Advice(
            "all leaked",
            f"{finding} figures say nothing about new documents.",
            "Evaluate on documents that were not used for training.",
            leaks.count,
        )
    elif rest >= _FEW and counts.evaluation.accuracy - leaks.accuracy_without >= _INFLATED:
        points = 100 * (counts.evaluation.accuracy - leaks.accuracy_without)
        yield Advice(
            "leaked",
            f"{_documents(leaks.count)} of the test data {_is(leaks.count)} also in the "
            f"training data and {_adds(leaks.count)} {points:.1f} points to the accuracy.",
            f"Expect {leaks.accuracy_without:.1%} on new documents, and remove the copies from "
            "one side.",
            leaks.count,
        )


def _small_test(counts: _Counts) -> Iterator[Advice]:
    low, high = counts.evaluation.intervals["accuracy"]
    half = (high - low) / 2
    if half <= _ROUGH:
        return
    centre = (low + high) / 2
    needed = ceil(Z_95**2 * centre * (1 - centre) / _TARGET**2 / 10) * 10
    if needed > counts.n:
        yield Advice(
            "small test",
            f"{_documents(counts.n)} {_gives(counts.n)} the accuracy to within "
            f"{100 * half:.0f} points only.",
            f"Evaluate on about {needed:,} documents to know it to within {100 * _TARGET:.1f}.",
            counts.n,
        )


def _confused_pair(counts: _Counts) -> Iterator[Advice]:
    """Two classes confused with each other: they overlap, which more training does not cure."""
    if counts.occurs.sum() < 3 or not counts.single:
        return  # merging the only two classes would leave nothing to decide
    errors, both = counts.errors, counts.errors.count + counts.back
    share = divide(errors.count, counts.by_class.support[errors.true])
    share_back = divide(counts.back, counts.by_class.support[errors.predicted])
    fit = (
        (np.minimum(share, share_back) >= _NOTABLE)
        & (both >= max(_PAIR, _NOTABLE * counts.mistakes))
        & (errors.true < errors.predicted)
    )
    if fit.any():
        worst = int(np.where(fit, both, 0).argmax())
        one, other = int(errors.true[worst]), int(errors.predicted[worst])
        total = int(both[worst])
        yield Advice(
            "confused pair",
            f"{counts.name(one)} and {counts.name(other)} are confused with each other in "
            f"{total:,} documents, {total / counts.mistakes:.0%} of all mistakes.",
            "Read some of them: if people disagree too, merge the two labels or define them "
            "more clearly; if not, add training documents of both.",
            total,
            frozenset([one, other]),
        )


def _one_way_confusion(counts: _Counts) -> Iterator[Advice]:
    """One class confused with another, but hardly the other way round."""
    if not counts.single:
        return
    errors, support = counts.errors, counts.by_class.support[counts.errors.true]
    fit = (
        (errors.count >= max(_PAIR, _NOTABLE * counts.mistakes))
        & (errors.count >= 2 * _NOTABLE * support)
        & (counts.back < errors.count / 2)
        & (errors.true < counts.known)
        & (counts.by_class.predicted[errors.true] > 0)
    )
    if fit.any():
        worst = int(np.where(fit, errors.count, 0).argmax())
        one, other = int(errors.true[worst]), int(errors.predicted[worst])
        yield Advice(
            "one-way confusion",
            f"{int(errors.count[worst]):,} of {int(support[worst]):,} documents of "
            f"{counts.name(one)} are predicted as {counts.name(other)}, but few the other way "
            f"round.",
            f"Add training documents of {counts.name(one)} that resemble these.",
            int(errors.count[worst]),
            frozenset([one, other]),
        )


def _never_predicted(counts: _Counts) -> Iterator[Advice]:
    never = np.flatnonzero((counts.by_class.predicted == 0) & (counts.by_class.support >= 5))
    never = never[never < counts.known]
    if len(never):
        never = never[np.argsort(-counts.by_class.support[never], kind="stable")]
        documents = counts.documents_with(counts.evaluation.outcomes.true, never)
        yield Advice(
            "never predicted",
            f"{counts.names(never)} {'is' if len(never) == 1 else 'are'} never predicted, though "
            f"{_documents(documents)} of the test data {_has(documents)} "
            f"{'it' if len(never) == 1 else 'them'}.",
            "Add training documents, or train with class weights (--class-weight balanced).",
            documents,
        )


def _weak_class(counts: _Counts) -> Iterator[Advice]:
    """A class with a clearly lower recall than the others."""
    support, hits = counts.by_class.support, counts.by_class.hits
    if counts.occurs.sum() < 3:
        return
    overall = hits.sum() / max(int(support.sum()), 1)
    missed = support - hits
    able = (support >= _FEW) & (missed >= 5) & (counts.by_class.predicted > 0)
    places = np.flatnonzero(able[: counts.known])
    if not len(places):
        return
    excess = missed[places] - (1 - overall) * support[places]
    worst = int(places[excess.argmax()])
    if wilson(int(hits[worst]), int(support[worst])).high < overall - _NOTABLE:
        yield Advice(
            "weak class",
            f"Of {int(support[worst]):,} documents of {counts.name(worst)} the model finds "
            f"{hits[worst] / support[worst]:.0%}, of all documents {overall:.0%}.",
            "Add training documents of this class, and read its mistakes.",
            int(missed[worst]),
            frozenset([worst]),
        )


def _suspects(counts: _Counts) -> Iterator[Advice]:
    suspect = counts.evaluation.suspect
    found = 0 if suspect is None else int(suspect.sum())
    if found >= 3:
        yield Advice(
            "suspected labels",
            f"In {found:,} of {counts.mistakes:,} mistakes the model is as confident as in half of "
            "its correct predictions.",
            "Check the labels of these documents first: some may be wrong (column "
            "suspected_label_error of predictions.csv).",
            found,
        )


def _no_label_given(counts: _Counts) -> Iterator[Advice]:
    outcomes = counts.evaluation.outcomes
    if counts.single:
        return
    empty = int(((outcomes.predicted.lengths() == 0) & (outcomes.true.lengths() > 0)).sum())
    if empty >= max(_PAIR, _NOTABLE * counts.n):
        yield Advice(
            "no label given",
            f"{_documents(empty)} {_has(empty)} labels but got none ({empty / counts.n:.0%}).",
            "Lower the thresholds if extra labels cost less than missing ones.",
            empty,
        )


def _untested(counts: _Counts) -> Iterator[Advice]:
    untested = np.flatnonzero(counts.by_class.support[: counts.known] == 0)
    if len(untested) and counts.known > len(untested):
        given = counts.documents_with(counts.evaluation.outcomes.predicted, untested)
        yield Advice(
            "untested classes",
            f"{len(untested):,} of the model's {counts.known:,} labels have no test documents "
            f"({counts.names(untested)}).",
            "Add test documents of them before relying on such predictions.",
            given,
        )


def _rough_classes(counts: _Counts) -> Iterator[Advice]:
    support = counts.by_class.support
    few = np.flatnonzero((support > 0) & (support < _FEW))
    tested = int((support > 0).sum())
    # In a smaller test nearly every class is small, and the totals are rough too.
    if len(few) and tested >= 3 and counts.n >= _FEW * 3:
        few = few[np.argsort(support[few], kind="stable")]
        yield Advice(
            "rough classes",
            f"{len(few):,} of {tested:,} tested classes {'has' if len(few) == 1 else 'have'} fewer "
            f"than {_FEW} test documents ({counts.names(few)}): their own figures are rough.",
            "Rely on the totals, and add test documents before acting on one of these classes.",
            0,
        )


def _calibration(counts: _Counts) -> Iterator[Advice]:
    reliability, error = counts.evaluation.reliability, counts.evaluation.calibration_error
    if reliability is None or error is None:
        return
    if error < _MISCALIBRATED or error < 2 * reliability.chance_error or counts.n < 5 * _FEW:
        return
    gap = reliability.mean_gap
    direction = (
        "too high"
        if gap > error / 2
        else "too low"
        if gap < -error / 2
        else "off in both directions"
    )
    yield Advice(
        "calibration",
        f"Over {counts.n:,} documents the probabilities are {direction}, by {100 * error:.1f} "
        "points on average.",
        "Do not take them at face value: choose a threshold by its measured error (see risk and "
        "coverage).",
        0,
    )


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"


def _verb(singular: str, plural: str) -> Callable[[int], str]:
    return lambda count: singular if count == 1 else plural


_has, _counts, _is = _verb("has", "have"), _verb("counts", "count"), _verb("is", "are")
_adds, _gives = _verb("adds", "add"), _verb("gives", "give")

_Rule = Callable[[_Counts], Iterator[Advice]]
_TEST_RULES: tuple[_Rule, ...] = (_no_skill, _unknown_labels, _leaked, _small_test)
_MODEL_RULES: tuple[_Rule, ...] = (
    _confused_pair,
    _one_way_confusion,
    _never_predicted,
    _suspects,
    _weak_class,
    _no_label_given,
    _untested,
    _rough_classes,
    _calibration,
)
