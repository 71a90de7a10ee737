"""What the user asked for, checked once, as one value that the stages of the search read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from satchel.errors import SettingError

Effort = Literal["fast", "balanced", "best"]
Preset = Literal["tutorial"]
Backend = Literal["jax", "torch", "tensorflow"]
ClassWeight = Literal["balanced"]

_CHOICES = {
    "effort": get_args(Effort),
    "preset": (None, *get_args(Preset)),
    "backend": (None, *get_args(Backend)),
    "class_weight": (None, *get_args(ClassWeight)),
}


@dataclass(frozen=True)
class Settings:
    """The constructor's arguments of the estimator, which documents each of them.

    Raises:
        SettingError: If one has a value that it cannot have.
    """

    effort: Effort = "balanced"
    preset: Preset | None = None
    head: Callable[[Any, int], Any] | Any | None = None
    hidden: int | None = None
    epochs: int | None = None
    words: int | None = None
    characters: tuple[int, int] | None = None
    strip: tuple[str, ...] = ()
    class_weight: ClassWeight | None = None
    budget: float | None = None
    max_size: float | None = None
    callbacks: tuple[Any, ...] = ()
    backend: Backend | None = None
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise SettingError(
                    f"expected {name} to be one of {', '.join(map(str, allowed))}, found {value!r}"
                )
        for name in ("hidden", "epochs", "words", "threads"):
            if getattr(self, name) is not None:
                self._require_whole(name, 1, 2**31 - 1)
        self._require_whole("seed", 0, 2**32 - 1)
        for name in ("budget", "max_size"):
            value = getattr(self, name)
            if value is not None and not (
                isinstance(value, (int, float, np.integer)) and value > 0
            ):
                raise SettingError(f"expected {name} to be a number above 0, found {value!r}")
        if self.head is not None and not callable(self.head):
            raise SettingError(f"expected head to be callable or None, found {self.head!r}")
        for name in ("strip", "callbacks"):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise SettingError(f"expected {name} to be a list, found {getattr(self, name)!r}")
        for callback in self.callbacks:
            if not hasattr(callback, "on_epoch_end"):
                raise SettingError(f"expected callbacks to be Keras callbacks, found {callback!r}")
        pair = self.characters
        if pair is not None and not (isinstance(pair, (tuple, list)) and len(pair) == 2):
            raise SettingError(f"expected characters to be (n, m) or None, found {pair!r}")
        if self.preset is not None:
            self._require_unset("head", "hidden", "epochs", "words", "characters", "strip")

    def _require_whole(self, name: str, least: int, most: int) -> None:
        value = getattr(self, name)
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not (whole and least <= value <= most):
            raise SettingError(
                f"expected {name} to be a whole number from {least} to {most}, found {value!r}"
            )

    def _require_unset(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value not in (None, (), []):
                raise SettingError(
                    f"expected no {name} beside preset={self.preset!r}, which sets it, "
                    f"found {value!r}"
                )
