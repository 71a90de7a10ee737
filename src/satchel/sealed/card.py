"""The card of a model: what people should know about it, as Markdown."""

from __future__ import annotations

from satchel.sealed.schema import Manifest

SHOWN = 50
"""Labels in the card's table; the manifest has them all."""


def card(manifest: Manifest) -> str:
    """Write the card from the manifest, so that the two cannot disagree."""
    training = manifest.training
    counts = dict(zip(manifest.labels, training.class_counts, strict=False))
    shown = sorted(counts, key=lambda label: (-counts[label], label))[:SHOWN]
    several = "one a document" if manifest.task == "single" else "any number a document"
    origin = f"effort {training.effort}, seed {training.seed}, backend {training.backend}"
    features = sum(view.size for view in manifest.views)
    lines = [
        "# A text classifier, sealed by Satchel",
        "",
        f"- {len(manifest.labels)} labels, {several}",
        f"- learnt from {training.documents:,} documents; {origin}",
        f"- {features:,} features, {len(manifest.members)} members",
    ]
    lines += [f"- {score.name} on {score.part}: {score.value:.4f}" for score in manifest.scores]
    lines += ["", "| label | documents learnt from |", "|---|---|"]
    lines += [f"| {_cell(label)} | {counts[label]:,} |" for label in shown]
    if len(counts) > len(shown):
        lines.append(f"| … and {len(counts) - len(shown)} more | |")
    lines += [
        "",
        "It answers with one of these labels whatever the text; a text without any known word gets",
        "the prior. It has learnt what its documents showed, their biases and accidents included.",
        "",
    ]
    return "\n".join(lines)


def _cell(label: str) -> str:
    return " ".join(label.split()).replace("|", "\\|")
