"""An evaluation in words: what went well, what is mixed up, and what to do about it."""

from __future__ import annotations

from satchel.escaping import printable
from satchel.evaluation.advice import advise
from satchel.evaluation.evaluation import ClassScore, Evaluation
from satchel.evaluation.naming import abbreviate, columns
from satchel.evaluation.outcomes import Label

_STEPS = 5  # pieces of advice on a terminal; the report has the same list


def summarise(evaluation: Evaluation, top: int = 5) -> str:
    """Return the evaluation as lines of text.

    Args:
        evaluation: What to tell.
        top: How many confused pairs and weak classes to name.
    """
    return "\n".join(
        [
            *headline(evaluation),
            *_confused_lines(evaluation, top),
            *_weak_lines(evaluation, top),
            *_advice_lines(evaluation),
        ]
    )


def headline(evaluation: Evaluation) -> list[str]:
    """Return the figures that come first, one a line."""
    low, high = evaluation.intervals["accuracy"]
    macro_low, macro_high = evaluation.intervals["macro_f1"]
    several = evaluation.task == "multiple"
    size = f"{evaluation.n:,} documents, {len(evaluation.labels):,} labels"
    share = f"(95 % interval {low:.1%} to {high:.1%}; {size})"
    lines = [
        f"{'all labels right' if several else 'accuracy'}  {evaluation.accuracy:.1%}  {share}",
        f"macro-F1  {evaluation.macro_f1:.3f}  (95 % interval {macro_low:.3f} to {macro_high:.3f})",
    ]
    if several:
        micro = evaluation.intervals["micro_f1"]
        lines.append(
            f"micro-F1  {evaluation.micro_f1:.3f}  "
            f"(95 % interval {micro.low:.3f} to {micro.high:.3f})"
        )
        constant = evaluation.baselines["majority_label_micro_f1"]
        lines.append(f"always the commonest label alone  micro-F1 {constant:.3f}")
    else:
        baseline = evaluation.baselines["majority_class"]
        lines.append(f"always the commonest answer  {baseline:.1%}")
    return lines + remarks(evaluation)


def remarks(evaluation: Evaluation) -> list[str]:
    """Return the figures of what was looked at beside the answers, one a line."""
    lines = []
    if evaluation.log_loss is not None:
        lines.append(
            f"log loss  {evaluation.log_loss:.3f}; "
            f"calibration error  {evaluation.calibration_error:.3f}"
        )
    leaks = evaluation.leaks
    if leaks is not None and leaks.count:
        honest = (
            "none is left without them"
            if leaks.accuracy_without is None
            else f"accuracy without them {leaks.accuracy_without:.1%}"
        )
        lines.append(f"known from training  {leaks.count:,} of the test documents; {honest}")
    return lines


def weakest(evaluation: Evaluation, top: int) -> list[tuple[Label, ClassScore]]:
    """Return the classes with the lowest F1 among those the test part has, lowest first."""
    tested = [item for item in evaluation.per_class.items() if item[1].support]
    return sorted(tested, key=lambda item: item[1].f1)[:top]


def _short(label: Label) -> str:
    return abbreviate(printable(label), 40)


def _padded(label: Label, width: int) -> str:
    name = _short(label)
    return name + " " * (width - columns(name))


def _confused_lines(evaluation: Evaluation, top: int) -> list[str]:
    pairs = evaluation.most_confused[:top]
    if not pairs:
        return []
    width = max(columns(_short(pair.true)) for pair in pairs)
    return ["", "most confused (true → predicted)"] + [
        f"  {_padded(pair.true, width)}  →  {_short(pair.predicted)}"
        f"   {pair.count:,} ({pair.share:.0%} of the class)"
        for pair in pairs
    ]


def _weak_lines(evaluation: Evaluation, top: int) -> list[str]:
    classes = [item for item in weakest(evaluation, top) if item[1].f1 < 1]
    if not classes:
        return []
    width = max(columns(_short(label)) for label, _ in classes)
    return ["", "weakest classes"] + [
        f"  {_padded(label, width)}  F1 {score.f1:.3f}   precision {score.precision:.3f}   "
        f"recall {score.recall:.3f}   {score.support:,} documents"
        for label, score in classes
    ]


def _advice_lines(evaluation: Evaluation) -> list[str]:
    steps = advise(evaluation)[:_STEPS]
    return ["", *(f"• {step}" for step in steps)] if steps else []
