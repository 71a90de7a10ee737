"""Evaluations to test with: labels that are out to do harm, and answers of any skill."""

from __future__ import annotations

import numpy as np

from satchel.evaluation.evaluate import evaluate
from satchel.evaluation.result import Evaluation

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "$\\frac{1}{0$ and $",
    "new\nline\x1b[31m",
    "日本語のニュース",
    "हिन्दी",
    "🎒",
    "عربى",
    "\u202egnp.exe",
    "lone \udc80 surrogate",
    "long " * 60,
]


def judged(
    labels: list, n: int = 400, *, sure: bool = True, skill: float = 3.0, **more: object
) -> Evaluation:
    """Answers of a made-up model to documents of made-up labels."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, len(labels), n)
    scores = generator.normal(size=(n, len(labels)))
    scores[np.arange(n), truth] += skill
    powers = np.exp(scores)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return evaluate(
        [labels[place] for place in truth],
        [labels[place] for place in scores.argmax(axis=1)],
        labels,
        probabilities=probabilities if sure else None,
        **more,
    )
