"""Keras's old ``Tokenizer``, restated from its definition, as far as the tutorial used it.

Words are lower-cased runs between the default filter characters and blanks; they are numbered from
1 by falling count, equal counts by first appearance; ``num_words`` keeps the numbers below it, so
column 0 stays empty and 15,000 means 14,999 words.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_TO_BLANKS = str.maketrans(FILTERS, " " * len(FILTERS))


def words(text: str) -> list[str]:
    """Split a text."""
    return [word for word in text.lower().translate(_TO_BLANKS).split(" ") if word]


class OldTokenizer:
    """Numbers words and makes the dense tf-idf matrix."""

    def __init__(self, num_words: int) -> None:
        self.num_words = num_words
        self.documents = 0
        self.index: dict[str, int] = {}
        self.documents_with: dict[int, int] = {}

    def fit_on_texts(self, texts: list[str]) -> None:
        """Number the words of the texts."""
        counts: Counter[str] = Counter()
        documents_with: Counter[str] = Counter()
        for text in texts:
            found = words(text)
            counts.update(found)
            documents_with.update(set(found))
        # most_common sorts stably, so equal counts keep the order of first appearance.
        ordered = [word for word, _ in counts.most_common()]
        self.index = {word: number for number, word in enumerate(ordered, start=1)}
        self.documents = len(texts)
        self.documents_with = {self.index[word]: n for word, n in documents_with.items()}

    def tfidf_matrix(self, texts: list[str]) -> np.ndarray:
        """Return the dense float64 matrix ``[documents, num_words]`` of the ``tfidf`` mode.

        The entry of a word that a document has ``c`` times is
        ``(1 + ln c) · ln(1 + documents / (1 + documents with the word))``.
        """
        matrix = np.zeros((len(texts), self.num_words))
        for row, text in enumerate(texts):
            numbers = (self.index.get(word) for word in words(text))
            counts = Counter(n for n in numbers if n is not None and n < self.num_words)
            for number, count in counts.items():
                frequency = self.documents_with.get(number, 0)
                weight = np.log(1 + self.documents / (1 + frequency))
                matrix[row, number] = (1 + np.log(count)) * weight
        return matrix
