"""Feature extraction: tokens, vocabularies, counts, weights, sparse rows (``docs/tokens.md``)."""

from __future__ import annotations

from satchel.features.counting import Counts, count
from satchel.features.csr import CSRMatrix, stack
from satchel.features.embedding_bag import TextEncoder, View
from satchel.features.preprocess import prepare
from satchel.features.spec import Features, Weighting
from satchel.features.tokenizer import Token, tokenize
from satchel.features.vocabulary import HashIndex, Vocabulary, transform
from satchel.features.weighting import weigh

__all__ = [
    "CSRMatrix",
    "Counts",
    "Features",
    "HashIndex",
    "TextEncoder",
    "Token",
    "View",
    "Vocabulary",
    "Weighting",
    "count",
    "prepare",
    "stack",
    "tokenize",
    "transform",
    "weigh",
]
