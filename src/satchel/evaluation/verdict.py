"""The result in one sentence or two, as a person would say it."""

from __future__ import annotations

from satchel.escaping import printable
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.metrics import count_classes
from satchel.evaluation.naming import abbreviate
from satchel.evaluation.outcomes import Label

_ENOUGH = 20  # test documents from which a class may be called the weakest


def verdict(evaluation: Evaluation) -> tuple[str, str]:
    """Return what to tell somebody who reads nothing else: a sentence, and what qualifies it."""
    first, *rest = _several(evaluation) if evaluation.task == "multiple" else _single(evaluation)
    return first, " ".join(sentence for sentence in [*rest, _weakest(evaluation)] if sentence)


def _single(evaluation: Evaluation) -> tuple[str, str]:
    low, high = evaluation.intervals["accuracy"]
    baseline = evaluation.baselines["majority_class"]
    points = round(100 * (evaluation.accuracy - baseline))
    constant = f"always giving the commonest answer ({baseline:.0%})"
    return (
        f"Of 100 new documents like these, expect {_between(low, high)} to get the right label.",
        f"That is {points} point{'' if points == 1 else 's'} above {constant}."
        if points >= 1
        else f"That is no better than {constant}.",
    )


def _several(evaluation: Evaluation) -> tuple[str, str, str]:
    counts = count_classes(evaluation.outcomes)
    hits = int(counts.hits.sum())
    found = hits / max(int(counts.support.sum()), 1)
    right = hits / max(int(counts.predicted.sum()), 1)
    low, high = evaluation.intervals["accuracy"]
    constant = evaluation.baselines["majority_label_micro_f1"]
    better = "above" if evaluation.micro_f1 > constant else "no better than"
    lead = (
        f"Of 100 labels that documents like these have, about {100 * found:.0f} are found, and of "
        f"100 labels given about {100 * right:.0f} are right."
    )
    whole = f"All labels are right for {_between(low, high)} of 100 documents."
    beside = (
        f"Micro-F1 is {evaluation.micro_f1:.2f}, {better} that of always giving the commonest "
        f"label ({constant:.2f})."
    )
    return lead, whole, beside


def _between(low: float, high: float) -> str:
    first, last = round(100 * low), round(100 * high)
    return f"{first}" if first == last else f"{first} to {last}"


def _weakest(evaluation: Evaluation) -> str:
    """Name the class that is recognised worst, and what for, where the test can tell."""
    tested = [
        (score.f1, place, label)
        for place, (label, score) in enumerate(evaluation.per_class.items())
        if score.support >= _ENOUGH and label not in evaluation.only_in_test
    ]
    if len(tested) < 3:
        return ""
    f1, place, label = min(tested)
    if f1 > evaluation.macro_f1 - 0.02:
        return "No class is much weaker than the others."
    taken = evaluation.confusion.errors()
    mine = taken.where((taken.true == place) & (taken.predicted < taken.classes)).largest(1)
    if not len(mine):
        return f"The weakest class is {_name(label)} (F1 {f1:.2f})."
    other = evaluation.labels[int(mine.predicted[0])]
    return (
        f"The weakest class is {_name(label)} (F1 {f1:.2f}), most often taken for {_name(other)}."
    )


def _name(label: Label) -> str:
    return abbreviate(printable(label), 40)
