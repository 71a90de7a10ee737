"""How good predictions are. Takes labels and arrays, and knows no model.

Importing this needs NumPy only; pictures and reports load matplotlib when they are asked for.
"""

from __future__ import annotations

from satchel.evaluation.context import Baseline, LearningPoint, ReportContext, TrialResult
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.metrics import Confusion, Leaks, find_leaked
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
    "find_leaked",
]
