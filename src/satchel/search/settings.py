"""The settings of a training run, validated once and read by all stages of the search."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from satchel.errors import SettingError
from satchel.training.backends import Backend as Backend

Effort = Literal["fast", "balanced", "best"]
Preset = Literal["tutorial"]
ClassWeight = Literal["balanced"] | Mapping[Any, float]
Optimizer = Literal["adagrad", "adam"]

_CHOICES = {
    "effort": get_args(Effort),
    "preset": (None, *get_args(Preset)),
    "backend": (None, *get_args(Backend)),
}
NETWORK_SETTINGS = (
    "hidden",
    "epochs",
    "learning_rate",
    "batch_size",
    "optimizer",
    "loss",
    "validation_split",
    "callbacks",
)
"""Settings that apply to networks alone."""


@dataclass(frozen=True)
class Settings:
    """The constructor arguments of `satchel.TextClassifier`, which documents each of them.

    Raises:
        SettingError: If one has a value that is not allowed.
    """

    effort: Effort = "balanced"
    preset: Preset | None = None
    budget: float | None = None
    max_size: float | None = None
    words: int | None = None
    characters: tuple[int, int] | None = None
    strip: tuple[str, ...] = ()
    class_weight: ClassWeight | None = None
    head: Callable[[Any, int], Any] | Any | None = None
    hidden: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    optimizer: Optimizer | Any | None = None
    loss: str | Callable[..., Any] | None = None
    validation_split: float | None = None
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
        for name in ("hidden", "epochs", "batch_size", "words", "threads"):
            if getattr(self, name) is not None:
                self._require_whole(name, 1, 2**31 - 1)
        self._require_whole("seed", 0, 2**32 - 1)
        for name in ("budget", "max_size", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise SettingError(f"expected {name} to be a number above 0, found {value!r}")
        share = self.validation_split
        if share is not None and not (_is_number(share) and 0 <= share < 1):
            raise SettingError(
                f"expected validation_split to be a number from 0 to below 1, found {share!r}"
            )
        self._check_class_weight()
        if self.head is not None and not callable(self.head):
            raise SettingError(f"expected head to be callable or None, found {self.head!r}")
        own = self.optimizer
        if own not in (None, *get_args(Optimizer)) and not hasattr(own, "learning_rate"):
            raise SettingError(
                "expected optimizer to be 'adagrad', 'adam', a Keras optimizer or None, "
                f"found {own!r}"
            )
        if self.loss is not None and not (isinstance(self.loss, str) or callable(self.loss)):
            raise SettingError(
                "expected loss to be the name of a Keras loss, a callable or None, "
                f"found {self.loss!r}"
            )
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
            self._require_unset("head", "words", "characters", "strip", *NETWORK_SETTINGS[:-1])

    @property
    def of_networks(self) -> tuple[str, ...]:
        """The names of the given settings that apply to networks alone."""
        return tuple(name for name in NETWORK_SETTINGS if self._given(name))

    def _given(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and not (isinstance(value, (tuple, list)) and not value)

    def _check_class_weight(self) -> None:
        requested = self.class_weight
        if isinstance(requested, Mapping):
            for label, weight in requested.items():
                if not (_is_number(weight) and 0 <= weight < math.inf):
                    raise SettingError(
                        f"expected class_weight to hold numbers of at least 0, "
                        f"found {weight!r} for {label!r}"
                    )
        elif requested not in (None, "balanced"):
            raise SettingError(
                "expected class_weight to be 'balanced', a mapping of labels to numbers or None, "
                f"found {requested!r}"
            )

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
            if self._given(name):
                raise SettingError(
                    f"expected no {name} with preset={self.preset!r}, which sets it, "
                    f"found {value!r}: remove one of the two"
                )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
