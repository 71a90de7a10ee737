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
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, np.integer)) and value > 0):
                raise SettingError(
                    f"expected {name} to be a whole number above 0 or None, found {value!r}"
                )
        for name in ("budget", "max_size"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SettingError(f"expected {name} above 0 or None, found {value!r}")
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed < 2**32:
            raise SettingError(
                f"expected seed to be a whole number from 0 to 2**32 - 1, found {self.seed!r}"
            )
