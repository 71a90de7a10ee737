"""How good the answers are. Takes labels and arrays, and knows no model.

Importing this needs NumPy only; pictures and reports load matplotlib when they are asked for.
"""

from __future__ import annotations

from satchel.evaluation.confusion import Confusion
from satchel.evaluation.context import (
    Baseline,
    LearningPoint,
    ReportContext,
    TrialResult,
)
from satchel.evaluation.evaluation import ClassScore, Confused, Evaluation
from satchel.evaluation.judging import evaluate, evaluate_multiple
from satchel.evaluation.leaks import Leaks, find_leaked

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
