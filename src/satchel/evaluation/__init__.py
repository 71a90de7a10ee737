"""How good predictions are, computed from labels and arrays, whichever model they come from.

Importing this needs NumPy only; pictures and reports load matplotlib on demand.
"""

from __future__ import annotations

from satchel.evaluation.context import Baseline, LearningPoint, ReportContext, TrialResult
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.metrics import Confusion, Leaks
from satchel.evaluation.result import ClassScore, Confused, Evaluation

__all__ = [
    "Baseline",
    "ClassScore",
    "Confused",
    "Confusion",
    "Evaluation",
    "Leaks",
    "LearningPoint",
    "ReportContext",
    "TrialResult",
    "evaluate",
    "evaluate_multiple",
]
