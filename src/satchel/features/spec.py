"""Which features a document has, and how their counts become values."""

from __future__ import annotations

from typing import Literal

import msgspec

from satchel.errors import SettingError
from satchel.features.hashing import NO_KEY, PRIME

Rules = Literal["satchel", "words", "keras"]
Part = Literal["headers", "quotes", "signatures"]


class Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    r"""Which features a document has; a part of a model's manifest.

    Attributes:
        rules: How words are found. ``satchel`` is the rule set of ``docs/tokens.md``; ``words``
            takes runs of ``\w`` (scikit-learn's default, with ``min_length=2``); ``keras`` splits
            as Keras's old ``Tokenizer`` did.
        min_length: The shortest word, in code points. Shorter ones are dropped before n-grams form.
        words: Word n-grams of the orders 1 to ``words``; 0 for no words at all.
        characters: ``(n, m)`` adds character n-grams of n to m code points inside chunks between
            white space, as scikit-learn's ``char_wb`` makes them. None for none.
        fields: Words of header fields, quoted lines, the signature and the first line are
            counted once more, each in its own name space.
        nfc: Whether texts are first converted to Unicode's composed form.
        strip: Parts that are removed before anything else, by scikit-learn's rules for
            20 Newsgroups.
        hash_key: The secret point of the feature hash, below 2⁶¹ − 1 (``hashing``); a model's is
            derived from its training texts. 0 for the hash of format 1, which has no key: the
            kernels do not implement it, so it is slow.

    Raises:
        SettingError: A setting is out of range, or there are no features to count.
    """

    rules: Rules = "satchel"
    min_length: int = 1
    words: int = 2
    characters: tuple[int, int] | None = None
    fields: bool = False
    nfc: bool = False
    strip: tuple[Part, ...] = ()
    hash_key: int = NO_KEY

    def __post_init__(self) -> None:
        if self.rules not in ("satchel", "words", "keras"):
            raise SettingError(f"rules must be 'satchel', 'words' or 'keras', not {self.rules!r}")
        if self.min_length < 1:
            raise SettingError(f"min_length must be 1 or more, not {self.min_length}")
        if not 0 <= self.words <= 8:
            raise SettingError(f"words must be between 0 and 8, not {self.words}")
        if self.characters is not None:
            shortest, longest = self.characters
            if not 1 <= shortest <= longest <= 16:
                raise SettingError(
                    f"characters must be (n, m) with 1 <= n <= m <= 16, not {self.characters!r}"
                )
        elif self.words == 0:
            raise SettingError(
                "expected words or characters to count, found neither: "
                "set words to 1 or more, or set characters"
            )
        if not 0 <= self.hash_key < PRIME:
            raise SettingError(f"hash_key must be between 0 and 2**61 - 2, not {self.hash_key}")
        unknown = set(self.strip) - {"headers", "quotes", "signatures"}
        if unknown:
            raise SettingError(
                f"strip may contain 'headers', 'quotes' and 'signatures', not {sorted(unknown)!r}"
            )


class Weighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the counts of a row become its values, before and after the weights of the features.

    Attributes:
        term_frequency: ``binary`` (1), ``count``, ``freq`` (count / sum of the row's counts) or
            ``log`` (1 + ln count).
        norm: ``l2`` divides a row by its Euclidean length at the end; ``l2_fields`` scales its
            plain features to length 1 and its field tokens to length 0.5, so that a long text
            does not outweigh its subject; ``none`` for no scaling.
    """

    term_frequency: Literal["binary", "count", "freq", "log"] = "log"
    norm: Literal["none", "l2", "l2_fields"] = "l2"

    def __post_init__(self) -> None:
        if self.term_frequency not in ("binary", "count", "freq", "log"):
            raise SettingError(
                "term_frequency must be 'binary', 'count', 'freq' or 'log', "
                f"not {self.term_frequency!r}"
            )
        if self.norm not in ("none", "l2", "l2_fields"):
            raise SettingError(f"norm must be 'none', 'l2' or 'l2_fields', not {self.norm!r}")
