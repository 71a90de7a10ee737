"""An evaluation in words: what went well, what is mixed up, and what to do about it."""

from __future__ import annotations

from satchel.evaluation.evaluation import ClassScore, Evaluation
from satchel.evaluation.naming import abbreviate, columns, printable
from satchel.evaluation.outcomes import Label

_FEW = 20  # test documents below which a class's figures say little
_UNSURE = 0.05  # calibration error that a reader should know of


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
        lines.append(f"micro-F1  {evaluation.micro_f1:.3f}")
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


def advice(evaluation: Evaluation) -> list[str]:
    """Return what to do next, each a sentence; empty where nothing stands out."""
    return [
        *_about_the_test(evaluation),
        *_about_classes(evaluation),
        *_about_probabilities(evaluation),
    ]


def _about_the_test(evaluation: Evaluation) -> list[str]:
    found = []
    if evaluation.accuracy <= evaluation.baselines["majority_class"] and len(evaluation.labels) > 1:
        found.append(
            "The model is no better than always giving the commonest answer: "
            "check that labels and texts belong together, and add training documents."
        )
    if evaluation.only_in_test:
        found.append(
            f"The model does not know {_names(evaluation.only_in_test)}: every document of "
            "such a label counts as wrong; add some to the training part or leave them out."
        )
    if evaluation.leaks is not None and evaluation.leaks.count:
        found.append(
            f"{evaluation.leaks.count:,} test documents stand in the training part too "
            f"({evaluation.leaks.share:.1%}): the accuracy flatters; remove them from one side."
        )
    few = [label for label, score in evaluation.per_class.items() if 0 < score.support < _FEW]
    if few:
        found.append(
            f"Fewer than {_FEW} test documents for {_names(few)}: "
            "figures of such a class are rough."
        )
    absent = [
        label
        for label, score in evaluation.per_class.items()
        if not score.support and label not in evaluation.only_in_test
    ]
    if absent:
        found.append(f"No test documents for {_names(absent)}: nothing is known of them.")
    return found


def _about_classes(evaluation: Evaluation) -> list[str]:
    found = []
    counts = {(pair.true, pair.predicted): pair for pair in evaluation.most_confused}
    for pair in evaluation.most_confused:
        back = counts.get((pair.predicted, pair.true))
        # Both ways and often: the two labels overlap, which more training does not cure.
        if back and pair.count >= back.count and min(pair.share, back.share) >= 0.05:
            found.append(
                f"{_short(pair.true)} and {_short(pair.predicted)} are mixed up both ways "
                f"({pair.count + back.count:,} documents): read some; "
                "if people disagree too, merge the labels or say what parts them."
            )
            break
    never = [
        label
        for label, score in evaluation.per_class.items()
        if score.support and not score.predicted and label not in evaluation.only_in_test
    ]
    if never:
        found.append(
            f"Never predicted: {_names(never)}; such a class needs more training documents, "
            "or class weights."
        )
    return found


def _about_probabilities(evaluation: Evaluation) -> list[str]:
    if evaluation.reliability is None or (evaluation.calibration_error or 0) < _UNSURE:
        return []
    gap = evaluation.reliability.mean_gap
    mood = "too high" if gap > 0 else "too low"
    off = f"{evaluation.calibration_error:.1%}"
    return [f"The probabilities are {mood}, by {off} on average: do not read them as chances."]


def _names(labels: list[Label] | tuple[Label, ...], top: int = 3) -> str:
    shown = ", ".join(_short(label) for label in labels[:top])
    rest = len(labels) - top
    return f"{shown} and {rest:,} more" if rest > 0 else shown


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
    classes = weakest(evaluation, top)
    width = max((columns(_short(label)) for label, _ in classes), default=0)
    return ["", "weakest classes"] + [
        f"  {_padded(label, width)}  F1 {score.f1:.3f}   precision {score.precision:.3f}   "
        f"recall {score.recall:.3f}   {score.support:,} documents"
        for label, score in classes
    ]


def _advice_lines(evaluation: Evaluation) -> list[str]:
    steps = advice(evaluation)
    return ["", *(f"• {step}" for step in steps)] if steps else []
