"""What the user asked for, as one value that the stages of the search read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """The constructor's arguments of the estimator; it documents each of them."""

    effort: str = "balanced"
    preset: str | None = None
    head: Callable[[Any, int], Any] | Any | None = None
    hidden: int | None = None
    epochs: int | None = None
    words: int | None = None
    characters: tuple[int, int] | None = None
    strip: tuple[str, ...] = ()
    class_weight: str | None = None
    budget: float | None = None
    callbacks: tuple[Any, ...] = ()
    backend: str | None = None
    seed: int = 0
    threads: int | None = None
