"""The list that hostile files enter themselves in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Attempt:
    """A hostile file: how it is made, and how it must be refused.

    Attributes:
        build: Makes its bytes; the docstring says what it attempts.
        member: The member that the refusal must name; empty for the container as a whole.
        reason: A pattern that the refusal's reason must hold.
    """

    build: Callable[[], bytes]
    member: str
    reason: str


ATTEMPTS: list[Attempt] = []


def attempt(member: str, reason: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Enter a function that makes a hostile file in the list."""

    def enter(build: Callable[[], bytes]) -> Callable[[], bytes]:
        ATTEMPTS.append(Attempt(cache(build), member, reason))
        return build

    return enter
