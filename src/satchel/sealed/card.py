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
    lines += ["", *_answers(manifest), ""]
    return "\n".join(lines)


def _answers(manifest: Manifest) -> list[str]:
    """Say how it answers, to a text that it knows nothing of as well."""
    counts = manifest.training.class_counts
    single = manifest.task == "single"
    lines = [
        "It answers with one of these labels, whatever the text."
        if single
        else "It answers with every label whose probability reaches its threshold, or with none."
    ]
    if manifest.format == 1 or not any(counts):
        lines.append("A text without any known word is answered by the biases alone.")
    else:
        likeliest = counts.index(max(counts))
        share = counts[likeliest] / (sum(counts) if single else manifest.training.documents)
        label = _cell(manifest.labels[likeliest])
        lines += [
            "A text without any known word gets the prior: every label is as probable as it is",
            f"frequent among the training documents ({label}: {share:.4f}).",
        ]
    lines.append("It has learnt what its documents showed, their biases and accidents included.")
    return lines


def _cell(label: str) -> str:
    return " ".join(label.split()).replace("|", "\\|")
