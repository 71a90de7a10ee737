"""What the check before training reports: findings with a severity, a fixed code, and advice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

Code = Literal[
    "no-labels",
    "one-class",
    "labels-like-ids",
    "labels-like-numbers",
    "labels-like-dates",
    "labels-like-text",
    "label-spellings",
    "similar-labels",
    "placeholder-labels",
    "tiny-classes",
    "dominant-class",
    "few-documents",
    "empty-documents",
    "duplicates",
    "conflicting-labels",
    "texts-like-ids",
    "texts-like-numbers",
    "cut-off-texts",
    "very-long-documents",
    "mixed-languages",
    "labels-only-in-test",
    "labels-not-in-test",
    "test-in-training",
]
"""The codes of all findings; docs/check.md says when each occurs."""

EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        severity: ``error``: training makes no sense; ``warning``: the result will suffer or
            mislead; ``note``: good to know.
        code: A short fixed name, such as ``one-class``.
        message: What was found.
        advice: What to do.
        examples: A few documents or labels concerned.
    """

    severity: Severity
    code: Code
    message: str
    advice: str
    examples: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return everything, ready for JSON."""
        return {**asdict(self), "examples": list(self.examples)}


def first_few(items: Iterable[str]) -> tuple[str, ...]:
    """Return the first items, as many as a finding shows."""
    return tuple(item for item, _ in zip(items, range(EXAMPLES), strict=False))
