"""What a smaller file costs: shared by ``compress`` and ``train --max-size``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.cli import terminal

if TYPE_CHECKING:
    from satchel.sealed import Manifest

_LARGE_LOSS = 0.01  # of the accuracy
_FEW_LEFT = 0.1  # of the features: below it compression drops members too


def features(manifest: Manifest) -> int:
    """Return how many features a model has in all its views."""
    return sum(view.size for view in manifest.views)


def warn_of_loss(
    whole: Manifest, small: Manifest, accuracy_before: float | None, accuracy_after: float | None
) -> None:
    """Warn where a size was bought dearly.

    Args:
        whole: The manifest of the model as it was.
        small: The manifest of the smaller one.
        accuracy_before: Of the one, where it was measured.
        accuracy_after: Of the other.
    """
    before, after = features(whole), features(small)
    left = f"{after:,} of {before:,} features ({after / before:.1%})"
    if len(small.members) < len(whole.members):
        left += f" and {len(small.members)} of {len(whole.members)} members"
    if accuracy_before is not None and accuracy_after is not None:
        lost = accuracy_before - accuracy_after
        if lost > _LARGE_LOSS:
            terminal.remark(
                f"warning: the smaller model has lost {100 * lost:.1f} points of accuracy: "
                f"{left} are left; allow more bytes"
            )
    elif after < _FEW_LEFT * before:
        terminal.remark(
            f"warning: {left} are left: measure with --test what that costs, or allow more bytes"
        )
