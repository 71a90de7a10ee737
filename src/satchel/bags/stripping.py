"""Cutting headers, signatures and quoted lines off posts, as scikit-learn's 20 Newsgroups does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from satchel.bags.features import Part

_QUOTE = re.compile(r"(writes in|writes:|wrote:|says:|said:|^In article|^Quoted from|^\||^>)")


def strip_headers(text: str) -> str:
    """Keep what follows the first blank line; a text without one is all header."""
    return text.partition("\n\n")[2]


def strip_signature(text: str) -> str:
    """Cut the last block off that a blank line, or a line of hyphens, sets apart."""
    lines = text.strip().split("\n")
    for number in range(len(lines) - 1, 0, -1):
        if not lines[number].strip().strip("-"):
            return "\n".join(lines[:number])
    return text


def strip_quotes(text: str) -> str:
    """Drop quoted lines and the lines that introduce them."""
    return "\n".join(line for line in text.split("\n") if not _QUOTE.search(line))


def strip(text: str, parts: Sequence[Part]) -> str:
    """Cut parts off a post: headers first, then the signature, then quotes.

    Args:
        text: The post.
        parts: Which of ``headers``, ``signatures`` and ``quotes`` go.

    Returns:
        What is left.
    """
    if "headers" in parts:
        text = strip_headers(text)
    if "signatures" in parts:
        text = strip_signature(text)
    if "quotes" in parts:
        text = strip_quotes(text)
    return text
