"""Who is measured at which task: each contender is a function of training and test texts.

A contender returns two functions: one learns from the training texts, and one applies what was
learned to the test texts. Every contender lower-cases. What each gives is said in ``GIVES``, since
not all give counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.bags.corpora import KEY

from satchel.bags import Features, Lookup, Weighting, count, lookup, weigh
from satchel.bags.weights import inverse_document_frequency

THREADS = 2
Step = Callable[[], Any]
Contender = Callable[[list[str], list[str]], tuple[Step, Step]]

GIVES = {
    "CountVectorizer": "counts, one thread (it has no more)",
    "TfidfVectorizer": "weighted rows, one thread (it has no more)",
    "polars": "a long table of (document, word, count) from the streaming engine",
    "tokenizers": "the ids of the words in order (WordLevel over `\\w+|[^\\w\\s]+`), no counts",
    "satchel": "counts by the same pattern as CountVectorizer, or weighted rows as TfidfVectorizer",
    "satchel, own rules": "counts by docs/tokens.md: numbers, addresses, scripts, emoji",
}


def _sklearn(orders: int) -> Contender:
    def contender(train: list[str], test: list[str]) -> tuple[Step, Step]:
        from sklearn.feature_extraction.text import CountVectorizer

        theirs = CountVectorizer(ngram_range=(1, orders))
        return lambda: theirs.fit_transform(train), lambda: theirs.transform(test)

    return contender


def _satchel(features: Features) -> Contender:
    def contender(train: list[str], test: list[str]) -> tuple[Step, Step]:
        known: list[Lookup] = []

        def learn() -> Any:
            counts, rows = count(train, features, threads=THREADS)
            known[:] = [Lookup(counts.hashes)]
            return rows

        return learn, lambda: lookup(test, features, known[0], threads=THREADS)

    return contender


def _polars(train: list[str], test: list[str]) -> tuple[Step, Step]:
    import polars

    def table(texts: list[str]) -> Any:
        frame = polars.LazyFrame({"text": texts}).with_row_index("document")
        words = polars.col("text").str.to_lowercase().str.extract_all(r"\b\w\w+\b")
        return (
            frame.select("document", words.alias("word"))
            .explode("word")
            .group_by("document", "word")
            .len()
            .collect(engine="streaming")
        )

    return lambda: table(train), lambda: table(test)


def _tokenizers(train: list[str], test: list[str]) -> tuple[Step, Step]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made: list[Any] = []

    def learn() -> Any:
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(
            vocab_size=10_000_000, special_tokens=["[UNK]"], show_progress=False
        )
        tokenizer.train_from_iterator(train, trainer)
        made[:] = [tokenizer]
        return tokenizer.encode_batch_fast(train)

    return learn, lambda: made[0].encode_batch_fast(test)


def _sklearn_characters(train: list[str], test: list[str]) -> tuple[Step, Step]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    theirs = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
    return lambda: theirs.fit_transform(train), lambda: theirs.transform(test)


def _satchel_characters(train: list[str], test: list[str]) -> tuple[Step, Step]:
    features = Features(words=0, characters=(3, 5), hash_key=KEY)
    weighting = Weighting(term_frequency="count", norm="l2")
    learnt: list[Any] = []

    def learn() -> Any:
        counts, rows = count(train, features, threads=THREADS)
        weights = inverse_document_frequency(counts.document_frequency, counts.documents)
        learnt[:] = [Lookup(counts.hashes), weights]
        return weigh(rows, weights, weighting)

    def apply() -> Any:
        known, weights = learnt
        return weigh(lookup(test, features, known, threads=THREADS), weights, weighting)

    return learn, apply


TASKS: dict[str, dict[str, Contender]] = {
    "words": {
        "CountVectorizer": _sklearn(1),
        "polars": _polars,
        "tokenizers": _tokenizers,
        "satchel": _satchel(Features(rules="words", min_length=2, words=1, hash_key=KEY)),
        "satchel, own rules": _satchel(Features(words=1, hash_key=KEY)),
    },
    "words + pairs": {
        "CountVectorizer": _sklearn(2),
        "satchel": _satchel(Features(rules="words", min_length=2, words=2, hash_key=KEY)),
        "satchel, own rules": _satchel(Features(words=2, hash_key=KEY)),
    },
    "characters 3-5": {
        "TfidfVectorizer": _sklearn_characters,
        "satchel": _satchel_characters,
    },
}
