"""What training did, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from satchel.cli import terminal

if TYPE_CHECKING:
    from satchel.satchel import Satchel


def training_facts(satchel: Satchel) -> dict[str, Any]:
    """What training did, ready for JSON: effort, seed, backend, features, trials."""
    training = satchel.manifest.training
    return {
        "task": satchel.manifest.task,
        "effort": training.effort,
        "seed": training.seed,
        "backend": training.backend,
        "features": sum(view.size for view in satchel.manifest.views),
        "settings": training.settings,
        "trials": [
            {"name": trial.name, "metric": trial.metric, "value": round(trial.value, 6)}
            for trial in training.trials
        ],
    }


def print_training(satchel: Satchel) -> None:
    """Print what was learnt and what was chosen, a few lines on standard output."""
    manifest = satchel.manifest
    training = manifest.training
    effort = f"effort {training.effort}, seed {training.seed}"
    # The manifest's word for a model that needed no network.
    backend = "no network" if training.backend in ("", "none") else f"backend {training.backend}"
    terminal.say(
        f"learnt from {training.documents:,} documents of {len(manifest.labels):,} labels "
        f"({effort}, {backend})"
    )
    for name, value in training.settings.items():
        terminal.say(f"  {name}: {value}")
    for trial in training.trials:
        if trial.chosen:
            terminal.say(f"  {trial.name}: {trial.metric} {trial.value:.4f} on documents held out")
