"""Why documents got their labels, and the words that speak for each class.

Only the model can explain an answer, and it takes longer to explain one than to give hundreds. So a
bounded number of documents is explained, and a report says how many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from satchel.evaluation.answers import answer_order
from satchel.evaluation.context import Explain, Question, Span
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.excerpts import aligned_words

MOST_DOCUMENTS = 2_000
MOST_CHARACTERS = 1_000_000
LONGEST = 20_000  # characters; a longer document would use up what many others could have
_MOST_SCORES = 10_000_000  # a score for each label is computed for every document explained
_LEAST_DOCUMENTS = 50
_RIGHT_OF_A_CLASS = 12  # right answers explained of each class, for its words

WORDS = 15
"""Words kept for each class."""


@dataclass(frozen=True)
class ClassWord:
    """A word that speaks for a class.

    Attributes:
        word: The word, or several, in lower case.
        value: What it added on average, over the explained documents of the class.
        documents: In how many of them it stood.
    """

    word: str
    value: float
    documents: int


@dataclass(frozen=True)
class Reasons:
    """What the model says of its answers.

    Attributes:
        spans: Document → what spoke for and against its label.
        words: Class → the words that speak for it, strongest first.
        explained: How many documents were explained, by class that they were given.
        too_long: How many were left out for their length.
    """

    spans: dict[int, list[Span]]
    words: dict[int, list[ClassWord]]
    explained: dict[int, int]
    too_long: int = 0


def find_reasons(evaluation: Evaluation, explain: Explain | None) -> Reasons:
    """Explain the surest mistakes, and right answers of every class.

    A mistake is explained against the true label, a right answer against the runner-up.
    """
    if explain is None or evaluation.texts is None:
        return Reasons({}, {}, {})
    documents: list[int] = []
    questions: list[Question] = []
    given: dict[int, list[int]] = defaultdict(list)
    left, too_long = MOST_CHARACTERS, 0
    most = min(MOST_DOCUMENTS, max(_LEAST_DOCUMENTS, _MOST_SCORES // len(evaluation.labels)))
    for document in _worth_explaining(evaluation):
        text = evaluation.texts[document]
        label, against = _question(evaluation, document)
        if label is None:
            continue
        if len(text) > LONGEST:
            too_long += 1
            continue
        left -= len(text)
        if left < 0 or len(documents) == most:
            break
        names = evaluation.labels
        other = None if against is None else names[against]
        questions.append(Question(text, names[label], other))
        documents.append(document)
        given[label].append(document)
    spans = {
        document: [(int(start), int(end), float(value)) for start, end, value in found]
        for document, found in zip(documents, explain(questions), strict=True)
    }
    words = {label: _words(evaluation, spans, each) for label, each in given.items()}
    return Reasons(spans, words, {label: len(each) for label, each in given.items()}, too_long)


def _worth_explaining(evaluation: Evaluation) -> Iterator[int]:
    """Yield documents, mistakes and right answers in turns, so that a bound cuts both."""
    order = answer_order(evaluation)
    right = evaluation.outcomes.right[order]
    mistakes = iter(order[~right].tolist())
    examples = iter(_examples(evaluation, order[right]))
    while True:
        pair = [next(each, None) for each in (mistakes, examples)]
        if pair == [None, None]:
            return
        yield from (document for document in pair if document is not None)


def _examples(evaluation: Evaluation, right: np.ndarray) -> list[int]:
    """Return some right answers of every class: one of each, then a second one, and so on."""
    taken: dict[int, int] = defaultdict(int)
    rounds: list[list[int]] = [[] for _ in range(_RIGHT_OF_A_CLASS)]
    for document in right.tolist():
        label, _ = _question(evaluation, document)
        if label is not None and taken[label] < _RIGHT_OF_A_CLASS:
            rounds[taken[label]].append(document)
            taken[label] += 1
    return [document for each in rounds for document in each]


def _question(evaluation: Evaluation, document: int) -> tuple[int | None, int | None]:
    """Return which label to explain, and against which.

    With several labels a document: a label wrongly given, else one that was missed, else one of
    the right ones; against nothing, since each is decided by itself.
    """
    outcomes = evaluation.outcomes
    true, predicted = (side.of(document).tolist() for side in (outcomes.true, outcomes.predicted))
    if not outcomes.multiple:
        label, truth = predicted[0], true[0]
        return label, (truth if truth != label and truth < outcomes.model_labels else None)
    wrong = [label for label in predicted if label not in true]
    missed = [label for label in true if label not in predicted and label < outcomes.model_labels]
    return next(iter(wrong + missed + predicted), None), None


def _words(
    evaluation: Evaluation, spans: dict[int, list[Span]], documents: list[int]
) -> list[ClassWord]:
    """Return the words that added most to a class in the documents that were given it."""
    assert evaluation.texts is not None
    total: dict[str, float] = defaultdict(float)
    stands_in: dict[str, int] = defaultdict(int)
    for document in documents:
        here: dict[str, float] = defaultdict(float)
        for word, value in aligned_words(evaluation.texts[document], spans[document]):
            here[word] += value
        for word, value in here.items():
            total[word] += value
            stands_in[word] += 1
    # A word of one document tells of that document, unless there are hardly any others.
    least = 2 if len(documents) >= 4 else 1
    best = sorted(
        (word for word, value in total.items() if value > 0 and stands_in[word] >= least),
        key=lambda word: (-total[word], word),
    )[:WORDS]
    return [ClassWord(word, total[word] / len(documents), stands_in[word]) for word in best]
