"""An evaluation in words: a verdict of one or two sentences, and a summary for the terminal."""

from __future__ import annotations

from satchel.escaping import abbreviate, columns, printable
from satchel.evaluation.advice import advise
from satchel.evaluation.metrics import count_classes
from satchel.evaluation.outcomes import Label
from satchel.evaluation.result import ClassScore, Evaluation

_ENOUGH = 20  # test documents from which a class may be called the weakest


def verdict(evaluation: Evaluation) -> tuple[str, str]:
    """Return the result in one sentence, and what qualifies it."""
    first, *rest = (
        _multi_label(evaluation) if evaluation.task == "multiple" else _single(evaluation)
    )
    return first, " ".join(sentence for sentence in [*rest, _weakest(evaluation)] if sentence)


def _single(evaluation: Evaluation) -> tuple[str, str]:
    low, high = evaluation.intervals["accuracy"]
    baseline = evaluation.baselines["majority_class"]
    points = round(100 * (evaluation.accuracy - baseline))
    constant = f"always predicting the most common label ({baseline:.0%})"
    return (
        f"Of 100 new documents like these, expect {_between(low, high)} to get the right label.",
        f"That is {points} point{'' if points == 1 else 's'} above {constant}."
        if points >= 1
        else f"That is no better than {constant}.",
    )


def _multi_label(evaluation: Evaluation) -> tuple[str, str, str]:
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
        f"Micro-F1 is {evaluation.micro_f1:.2f}, {better} that of always giving the most common "
        f"label ({constant:.2f})."
    )
    return lead, whole, beside


def _between(low: float, high: float) -> str:
    first, last = round(100 * low), round(100 * high)
    return f"{first}" if first == last else f"{first} to {last}"


def _weakest(evaluation: Evaluation) -> str:
    """Name the class with the lowest F1 and its most frequent confusion, if tested well enough."""
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
    errors = evaluation.confusion.errors()
    mine = errors.where((errors.true == place) & (errors.predicted < errors.classes)).largest(1)
    if not len(mine):
        return f"The weakest class is {_name(label)} (F1 {f1:.2f})."
    other = evaluation.labels[int(mine.predicted[0])]
    return (
        f"The weakest class is {_name(label)} (F1 {f1:.2f}), "
        f"most often predicted as {_name(other)}."
    )


def _name(label: Label) -> str:
    return abbreviate(printable(label), 40)


_NAMED = 5  # confused pairs and weak classes on a terminal
_STEPS = 5  # pieces of advice on a terminal; the report has the same list


def summarise(evaluation: Evaluation) -> str:
    """Return the evaluation as lines of text."""
    return "\n".join(
        [
            *headline(evaluation),
            *_confused_lines(evaluation),
            *_weak_lines(evaluation),
            *_advice_lines(evaluation),
        ]
    )


def headline(evaluation: Evaluation) -> list[str]:
    """Return the figures that come first, one per line."""
    low, high = evaluation.intervals["accuracy"]
    macro_low, macro_high = evaluation.intervals["macro_f1"]
    multi_label = evaluation.task == "multiple"
    size = f"{evaluation.n:,} documents, {len(evaluation.labels):,} labels"
    share = f"(95 % interval {low:.1%} to {high:.1%}; {size})"
    lines = [
        f"{'all labels right' if multi_label else 'accuracy'}  {evaluation.accuracy:.1%}  {share}",
        f"macro-F1  {evaluation.macro_f1:.3f}  (95 % interval {macro_low:.3f} to {macro_high:.3f})",
    ]
    if multi_label:
        micro = evaluation.intervals["micro_f1"]
        lines.append(
            f"micro-F1  {evaluation.micro_f1:.3f}  "
            f"(95 % interval {micro.low:.3f} to {micro.high:.3f})"
        )
        constant = evaluation.baselines["majority_label_micro_f1"]
        lines.append(f"always the most common label alone  micro-F1 {constant:.3f}")
    else:
        baseline = evaluation.baselines["majority_class"]
        lines.append(f"always the most common label  {baseline:.1%}")
    return lines + _other_figures(evaluation)


def _other_figures(evaluation: Evaluation) -> list[str]:
    """Return the figures of probabilities and leaked documents, one per line."""
    lines = []
    if evaluation.log_loss is not None:
        lines.append(
            f"log loss  {evaluation.log_loss:.3f}; "
            f"calibration error  {evaluation.calibration_error:.3f}"
        )
    leaks = evaluation.leaks
    if leaks is not None and leaks.count:
        honest = (
            "no documents left without them"
            if leaks.accuracy_without is None
            else f"accuracy without them {leaks.accuracy_without:.1%}"
        )
        lines.append(f"known from training  {leaks.count:,} of the test documents; {honest}")
    return lines


def weakest(evaluation: Evaluation, top: int) -> list[tuple[Label, ClassScore]]:
    """Return the classes with the lowest F1 among those with test documents, lowest first."""
    tested = [item for item in evaluation.per_class.items() if item[1].support]
    return sorted(tested, key=lambda item: item[1].f1)[:top]


def _padded(label: Label, width: int) -> str:
    name = _name(label)
    return name + " " * (width - columns(name))


def _confused_lines(evaluation: Evaluation) -> list[str]:
    pairs = evaluation.most_confused[:_NAMED]
    if not pairs:
        return []
    width = max(columns(_name(pair.true)) for pair in pairs)
    return ["", "most confused (true → predicted)"] + [
        f"  {_padded(pair.true, width)}  →  {_name(pair.predicted)}"
        f"   {pair.count:,} ({pair.share:.0%} of the class)"
        for pair in pairs
    ]


def _weak_lines(evaluation: Evaluation) -> list[str]:
    classes = [item for item in weakest(evaluation, _NAMED) if item[1].f1 < 1]
    if not classes:
        return []
    width = max(columns(_name(label)) for label, _ in classes)
    return ["", "weakest classes"] + [
        f"  {_padded(label, width)}  F1 {score.f1:.3f}   precision {score.precision:.3f}   "
        f"recall {score.recall:.3f}   {score.support:,} documents"
        for label, score in classes
    ]


def _advice_lines(evaluation: Evaluation) -> list[str]:
    steps = advise(evaluation)[:_STEPS]
    return ["", *(f"• {step}" for step in steps)] if steps else []
