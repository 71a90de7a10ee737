"""Texts to bags: tokens, vocabulary, weights and sparse rows (``docs/tokens.md``)."""

from __future__ import annotations

from satchel.bags.bag_table import BagTable
from satchel.bags.counting import count
from satchel.bags.counts import Counts
from satchel.bags.features import Features, Weighting
from satchel.bags.lookup import Lookup, lookup
from satchel.bags.preparing import prepare
from satchel.bags.rows import Rows, stack
from satchel.bags.sums import BagReader
from satchel.bags.tokens import Token, tokenize
from satchel.bags.weighing import weigh

__all__ = [
    "BagReader",
    "BagTable",
    "Counts",
    "Features",
    "Lookup",
    "Rows",
    "Token",
    "Weighting",
    "count",
    "lookup",
    "prepare",
    "stack",
    "tokenize",
    "weigh",
]
