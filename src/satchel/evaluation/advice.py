"""What to do next: each piece of advice has a reason, a count and a step, or is not given.

A sentence is given only where the step would change something that a reader can see: it names how
many documents it is about, and the list is ordered by that number.
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

_ROUGH = 0.05  # half an interval from which on the accuracy is called rough
_WANTED = 0.025  # half an interval to aim at
_FEW = 20  # test documents below which a class's figures say little
_PAIR = 10  # mistakes between two classes from which on they are worth reading
_NOTABLE = 0.05  # share of a class's documents, or of all mistakes, that is worth a sentence
_UNSURE = 0.05  # calibration error that a reader should know of
_FLATTERED = 0.001  # accuracy that leaked documents must add to be worth a sentence


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
    a constant answer, advice about single classes is left out.
    """
    facts = _Facts(evaluation)
    first = [found for rule in _TEST_RULES for found in rule(facts)]
    if any(found.kind in ("no skill", "all leaked") for found in first):
        return first
    rest: list[Advice] = []
    for rule in _MODEL_RULES:
        for found in rule(facts):
            # The rules go from the particular to the general: one step for the same classes.
            told = any(found.classes <= other.classes for other in rest)
            if not (found.classes and told):
                rest.append(found)
    return first + sorted(rest, key=lambda found: -found.documents)


class _Facts:
    """What the rules look at, counted once."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.n = evaluation.n
        self.known = evaluation.outcomes.model_labels
        self.counts: ClassCounts = count_classes(evaluation.outcomes)
        self.occurs = self.counts.support + self.counts.predicted > 0
        self.single = evaluation.task == "single"
        self.errors: Confusion = evaluation.confusion.errors()
        self.back = _counts_back(self.errors)
        self.mistakes = int((~evaluation.outcomes.right).sum())

    def documents_with(self, side: Assigned, places: np.ndarray) -> int:
        """Return how many documents have any of these labels."""
        return len(np.unique(side.document[np.isin(side.label, places)]))

    def names(self, places: np.ndarray, top: int = 3) -> str:
        shown = ", ".join(self.name(place) for place in places[:top].tolist())
        rest = len(places) - top
        return f"{shown} and {rest:,} more" if rest > 0 else shown

    def name(self, place: int) -> str:
        return abbreviate(printable(self.evaluation.labels[place]), 40)


def _counts_back(errors: Confusion) -> np.ndarray:
    """Return, for each cell, how often the two classes are confused the other way round."""
    width = errors.classes + 1
    keys, wanted = (
        errors.true * width + errors.predicted,
        errors.predicted * width + errors.true,
    )
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return np.where(keys[place] == wanted, errors.count[place], 0) if len(keys) else errors.count


def _no_skill(facts: _Facts) -> Iterator[Advice]:
    if facts.n < _FEW or not facts.mistakes or facts.occurs.sum() < 2:
        return
    step = "Check that labels and texts belong together, then add training documents."
    if facts.single:
        right = facts.n - facts.mistakes
        constant = round(facts.evaluation.baselines["majority_class"] * facts.n)
        if right <= constant:
            yield Advice(
                "no skill",
                f"The model is right for {right:,} of {facts.n:,} documents, and always giving the "
                f"commonest answer would be right for {constant:,}.",
                step,
                facts.mistakes,
            )
        return
    f1 = facts.evaluation.baselines["majority_label_micro_f1"]
    if facts.evaluation.micro_f1 <= f1:
        yield Advice(
            "no skill",
            f"Over {facts.n:,} documents micro-F1 is {facts.evaluation.micro_f1:.3f}, and always "
            f"giving the commonest label alone would reach {f1:.3f}.",
            step,
            facts.mistakes,
        )


def _unknown_labels(facts: _Facts) -> Iterator[Advice]:
    unknown = np.arange(facts.known, len(facts.evaluation.labels))
    if len(unknown):
        documents = facts.documents_with(facts.evaluation.outcomes.true, unknown)
        yield Advice(
            "unknown labels",
            f"{_documents(documents)} {_has(documents)} labels that the model does not know "
            f"({facts.names(unknown)}) and {_counts(documents)} as wrong.",
            "Put such documents into the training part, or leave them out of the test.",
            documents,
        )


def _leaked(facts: _Facts) -> Iterator[Advice]:
    leaks = facts.evaluation.leaks
    if leaks is None or not leaks.count:
        return
    rest = facts.n - leaks.count
    if leaks.accuracy_without is None or rest < min(_FEW, leaks.count):
        finding = f"All {leaks.count:,} test documents stand in the training part too, so the"
        if rest:
            finding = (
                f"{leaks.count:,} of {facts.n:,} test documents stand in the training part too, "
                "and the others are too few to judge by: the"
            )
        yield Advice(
            "all leaked",
            f"{finding} figures say nothing about new documents.",
            "Judge on documents that training has not seen.",
            leaks.count,
        )
    elif rest >= _FEW and facts.evaluation.accuracy - leaks.accuracy_without >= _FLATTERED:
        points = 100 * (facts.evaluation.accuracy - leaks.accuracy_without)
        yield Advice(
            "leaked",
            f"{_documents(leaks.count)} of the test {_stands(leaks.count)} in the training part "
            f"too and {_adds(leaks.count)} {points:.1f} points to the accuracy.",
            f"Expect {leaks.accuracy_without:.1%} on new documents, and remove the copies from "
            "one side.",
            leaks.count,
        )


def _small_test(facts: _Facts) -> Iterator[Advice]:
    low, high = facts.evaluation.intervals["accuracy"]
    half = (high - low) / 2
    if half <= _ROUGH:
        return
    middle = (low + high) / 2
    wanted = ceil(Z_95**2 * middle * (1 - middle) / _WANTED**2 / 10) * 10
    if wanted > facts.n:
        yield Advice(
            "small test",
            f"{_documents(facts.n)} {_tells(facts.n)} the accuracy to within "
            f"{100 * half:.0f} points only.",
            f"Judge on about {wanted:,} documents to know it to within {100 * _WANTED:.1f}.",
            facts.n,
        )


def _confused_pair(facts: _Facts) -> Iterator[Advice]:
    """Two classes taken for each other: they overlap, which more training does not cure."""
    if facts.occurs.sum() < 3 or not facts.single:
        return  # to merge the only two classes leaves nothing to decide
    errors, both = facts.errors, facts.errors.count + facts.back
    share = divide(errors.count, facts.counts.support[errors.true])
    share_back = divide(facts.back, facts.counts.support[errors.predicted])
    fit = (
        (np.minimum(share, share_back) >= _NOTABLE)
        & (both >= max(_PAIR, _NOTABLE * facts.mistakes))
        & (errors.true < errors.predicted)
    )
    if fit.any():
        worst = int(np.where(fit, both, 0).argmax())
        one, other = int(errors.true[worst]), int(errors.predicted[worst])
        total = int(both[worst])
        yield Advice(
            "confused pair",
            f"{facts.name(one)} and {facts.name(other)} are taken for each other in {total:,} "
            f"documents, {total / facts.mistakes:.0%} of all mistakes.",
            "Read some of them: if people disagree too, merge the two labels or say what parts "
            "them; if not, add training documents of both.",
            total,
            frozenset([one, other]),
        )


def _drain(facts: _Facts) -> Iterator[Advice]:
    """One class taken for another, and hardly the other way round."""
    if not facts.single:
        return
    errors, support = facts.errors, facts.counts.support[facts.errors.true]
    fit = (
        (errors.count >= max(_PAIR, _NOTABLE * facts.mistakes))
        & (errors.count >= 2 * _NOTABLE * support)
        & (facts.back < errors.count / 2)
        & (errors.true < facts.known)
        & (facts.counts.predicted[errors.true] > 0)
    )
    if fit.any():
        worst = int(np.where(fit, errors.count, 0).argmax())
        one, other = int(errors.true[worst]), int(errors.predicted[worst])
        yield Advice(
            "one-way confusion",
            f"{int(errors.count[worst]):,} of {int(support[worst]):,} documents of "
            f"{facts.name(one)} are taken for {facts.name(other)}, and few the other way round.",
            f"Add training documents of {facts.name(one)} that resemble these.",
            int(errors.count[worst]),
            frozenset([one, other]),
        )


def _never_predicted(facts: _Facts) -> Iterator[Advice]:
    never = np.flatnonzero((facts.counts.predicted == 0) & (facts.counts.support >= 5))
    never = never[never < facts.known]
    if len(never):
        never = never[np.argsort(-facts.counts.support[never], kind="stable")]
        documents = facts.documents_with(facts.evaluation.outcomes.true, never)
        yield Advice(
            "never predicted",
            f"{facts.names(never)} {'is' if len(never) == 1 else 'are'} never predicted, though "
            f"{_documents(documents)} of the test {_has(documents)} "
            f"{'it' if len(never) == 1 else 'them'}.",
            "Add training documents, or train with class weights (--class-weight balanced).",
            documents,
        )


def _weak_class(facts: _Facts) -> Iterator[Advice]:
    """A class of which clearly fewer documents are found than of the others."""
    support, hits = facts.counts.support, facts.counts.hits
    if facts.occurs.sum() < 3:
        return
    overall = hits.sum() / max(int(support.sum()), 1)
    missed = support - hits
    able = (support >= _FEW) & (missed >= 5) & (facts.counts.predicted > 0)
    places = np.flatnonzero(able[: facts.known])
    if not len(places):
        return
    excess = missed[places] - (1 - overall) * support[places]
    worst = int(places[excess.argmax()])
    if wilson(int(hits[worst]), int(support[worst])).high < overall - _NOTABLE:
        yield Advice(
            "weak class",
            f"Of {int(support[worst]):,} documents of {facts.name(worst)} the model finds "
            f"{hits[worst] / support[worst]:.0%}, of all documents {overall:.0%}.",
            "Add training documents of this class, and read its mistakes.",
            int(missed[worst]),
            frozenset([worst]),
        )


def _suspects(facts: _Facts) -> Iterator[Advice]:
    suspect = facts.evaluation.suspect
    found = 0 if suspect is None else int(suspect.sum())
    if found >= 3:
        yield Advice(
            "suspected labels",
            f"In {found:,} of {facts.mistakes:,} mistakes the model is as sure as in half of its "
            "right answers.",
            "Check the labels of these documents first: some may be wrong (column "
            "suspected_label_error of predictions.csv).",
            found,
        )


def _no_label_given(facts: _Facts) -> Iterator[Advice]:
    outcomes = facts.evaluation.outcomes
    if facts.single:
        return
    empty = int(((outcomes.predicted.lengths() == 0) & (outcomes.true.lengths() > 0)).sum())
    if empty >= max(_PAIR, _NOTABLE * facts.n):
        yield Advice(
            "no label given",
            f"{_documents(empty)} {_has(empty)} labels and got none ({empty / facts.n:.0%}).",
            "Lower the thresholds if a label too many hurts less than a label too few.",
            empty,
        )


def _untested(facts: _Facts) -> Iterator[Advice]:
    untested = np.flatnonzero(facts.counts.support[: facts.known] == 0)
    if len(untested) and facts.known > len(untested):
        given = facts.documents_with(facts.evaluation.outcomes.predicted, untested)
        yield Advice(
            "untested classes",
            f"{len(untested):,} of the model's {facts.known:,} labels have no test documents "
            f"({facts.names(untested)}).",
            "Add test documents of them before relying on such an answer.",
            given,
        )


def _rough_classes(facts: _Facts) -> Iterator[Advice]:
    support = facts.counts.support
    few = np.flatnonzero((support > 0) & (support < _FEW))
    tested = int((support > 0).sum())
    # Where most classes are small, the test as a whole is what it is: per-class figures are rough.
    if len(few) and tested >= 3 and facts.n >= _FEW * 3:
        few = few[np.argsort(support[few], kind="stable")]
        yield Advice(
            "rough classes",
            f"{len(few):,} of {tested:,} tested classes have fewer than {_FEW} test documents "
            f"({facts.names(few)}), so their own figures are rough.",
            "Read the totals, and add test documents before acting on one of these classes.",
            0,
        )


def _calibration(facts: _Facts) -> Iterator[Advice]:
    reliability, error = facts.evaluation.reliability, facts.evaluation.calibration_error
    if reliability is None or error is None:
        return
    if error < _UNSURE or error < 2 * reliability.chance_error or facts.n < 5 * _FEW:
        return
    gap = reliability.mean_gap
    mood = "too high" if gap > error / 2 else "too low" if gap < -error / 2 else "off both ways"
    yield Advice(
        "calibration",
        f"Over {facts.n:,} documents the probabilities are {mood}, by {100 * error:.1f} points on "
        "average.",
        "Do not read them as chances: choose any threshold by its measured error (see risk and "
        "coverage).",
        0,
    )


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"


def _verb(singular: str, plural: str) -> Callable[[int], str]:
    return lambda count: singular if count == 1 else plural


_has, _counts, _stands = _verb("has", "have"), _verb("counts", "count"), _verb("stands", "stand")
_adds, _tells = _verb("adds", "add"), _verb("tells", "tell")

_Rule = Callable[[_Facts], Iterator[Advice]]
_TEST_RULES: tuple[_Rule, ...] = (_no_skill, _unknown_labels, _leaked, _small_test)
_MODEL_RULES: tuple[_Rule, ...] = (
    _confused_pair,
    _drain,
    _never_predicted,
    _suspects,
    _weak_class,
    _no_label_given,
    _untested,
    _rough_classes,
    _calibration,
)
