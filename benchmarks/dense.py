"""The 2018 tutorial's program, rewritten from its description on Keras 3: everything dense.

The start-up benchmark times how long its files take to load, the class of its tokenizer included,
so this module imports NumPy alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

WORDS = 15_000
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_TO_BLANKS = str.maketrans(FILTERS, " " * len(FILTERS))


def train_dense(
    matrix: np.ndarray,
    labels: Sequence[str],
    classes: Sequence[str],
    seed: int,
    *,
    epochs: int = 30,
    validation_split: float = 0.0,
) -> tuple[Any, Any]:
    """Train 512-512 with dropout 0.3 by Adam in batches of 100; return model and history."""
    import keras

    keras.utils.set_random_seed(seed)
    place = {label: index for index, label in enumerate(classes)}
    targets = np.eye(len(classes))[[place[label] for label in labels]]
    model = keras.Sequential(
        [
            keras.Input((matrix.shape[1],)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(len(classes), activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(
        matrix,
        targets,
        batch_size=100,
        epochs=epochs,
        validation_split=validation_split,
        verbose=0,
    )
    return model, history


class OldTokenizer:
    """Keras's old ``Tokenizer``, restated from its definition, as far as the tutorial used it.

    Words are lower-cased runs between the default filter characters and blanks; they are numbered
    from 1 by falling count, equal counts by first appearance; ``num_words`` keeps the numbers below
    it, so column 0 stays empty and 15,000 means 14,999 words.
    """

    def __init__(self, num_words: int) -> None:
        self.num_words = num_words
        self.documents = 0
        self.index: dict[str, int] = {}
        self.documents_with: dict[int, int] = {}

    def fit_on_texts(self, texts: Sequence[str]) -> None:
        """Number the words of the texts."""
        counts: Counter[str] = Counter()
        documents_with: Counter[str] = Counter()
        for text in texts:
            found = _old_words(text)
            counts.update(found)
            documents_with.update(set(found))
        # most_common sorts stably, so equal counts keep the order of first appearance.
        ordered = [word for word, _ in counts.most_common()]
        self.index = {word: number for number, word in enumerate(ordered, start=1)}
        self.documents = len(texts)
        self.documents_with = {self.index[word]: n for word, n in documents_with.items()}

    def tfidf_matrix(self, texts: Sequence[str]) -> np.ndarray:
        """Return the dense float64 matrix ``[documents, num_words]`` of the ``tfidf`` mode.

        The entry of a word that a document has ``c`` times is
        ``(1 + ln c) · ln(1 + documents / (1 + documents with the word))``.
        """
        matrix = np.zeros((len(texts), self.num_words))
        for row, text in enumerate(texts):
            numbers = (self.index.get(word) for word in _old_words(text))
            counts = Counter(n for n in numbers if n is not None and n < self.num_words)
            for number, count in counts.items():
                frequency = self.documents_with.get(number, 0)
                weight = np.log(1 + self.documents / (1 + frequency))
                matrix[row, number] = (1 + np.log(count)) * weight
        return matrix


def _old_words(text: str) -> list[str]:
    return [word for word in text.lower().translate(_TO_BLANKS).split(" ") if word]
