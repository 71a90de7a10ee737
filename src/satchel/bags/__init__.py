"""Texts to bags: tokens, vocabulary, weights and sparse rows (``docs/tokens.md``)."""

from __future__ import annotations

from satchel.bags.bag_table import BagTable
from satchel.bags.counting import count, count_only
from satchel.bags.counts import Counts, merge
from satchel.bags.features import Features, Weighting
from satchel.bags.lookup import Lookup, lookup
from satchel.bags.preparing import prepare
from satchel.bags.rows import Rows, stack
from satchel.bags.sums import BagReader
from satchel.bags.terms import terms
from satchel.bags.tokens import Token, tokenize
from satchel.bags.vectorizer import Vectorizer
from satchel.bags.weighing import weigh

__all__ = [
    "BagReader",
    "BagTable",
    "Counts",
    "Features",
    "Lookup",
    "Rows",
    "Token",
    "Vectorizer",
    "Weighting",
    "count",
    "count_only",
    "lookup",
    "merge",
    "prepare",
    "stack",
    "terms",
    "tokenize",
    "weigh",
]
