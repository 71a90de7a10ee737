"""Cutting headers, signatures and quoted lines off posts, as scikit-learn's 20 Newsgroups does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from satchel.bags.features import Part

_QUOTE = re.compile(r"(writes in|writes:|wrote:|says:|said:|^In article|^Quoted from|^\||^>)")


def strip(text: str, parts: Sequence[Part]) -> str:
    """Cut parts off a post: headers first, then the signature, then quotes.

    Args:
        text: The post.
        parts: Which of ``headers``, ``signatures`` and ``quotes`` go.

    Returns:
        What is left.
    """
    return "\n".join(text[start:end] for start, end in kept(text, parts))


def kept(text: str, parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """Find what ``strip`` leaves.

    Args:
        text: The post.
        parts: Which of ``headers``, ``signatures`` and ``quotes`` go.

    Yields:
        Start and end of each stretch that is left, in order; a line feed joins two of them.
    """
    start, end = 0, len(text)
    if "headers" in parts:
        blank = text.find("\n\n")
        start = blank + 2 if blank >= 0 else end
    if "signatures" in parts:
        start, end = _without_signature(text, start, end)
    if "quotes" not in parts:
        yield start, end
        return
    while start <= end:
        line_end = text.find("\n", start, end)
        line_end = end if line_end < 0 else line_end
        if not _QUOTE.search(text[start:line_end]):
            yield start, line_end
        start = line_end + 1


def _without_signature(text: str, start: int, end: int) -> tuple[int, int]:
    """What is left of a stretch of a text: without white space round it, where there is one."""
    body = text[start:end]
    first = start + len(body) - len(body.lstrip())
    line_end = start + len(body.rstrip())
    while (line := text.rfind("\n", first, line_end) + 1) > 0:
        if not text[line:line_end].strip().strip("-"):
            return first, line - 1
        line_end = line - 1
    return start, end
