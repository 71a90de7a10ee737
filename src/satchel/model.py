"""A trained model: what :func:`satchel.load` returns and what ``fit`` leaves behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel import sealed
from satchel.errors import LabelError, ModelFileError, SettingError, SourceNotFoundError
from satchel.features.packed import documents_of
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Ensemble, Score, Task
from satchel.sealed.labels import LabelValue, array_of, text_of, values_of

if TYPE_CHECKING:
    from satchel.evaluation.result import Evaluation
    from satchel.inference.columns import PredictionColumns
    from satchel.inference.explain import Explanation

Label = LabelValue | Sequence[LabelValue]

_PROBABILITIES = 2**24  # in memory at a time during evaluation


class Model:
    """A trained text classifier, ready to predict; it needs only NumPy.

    Args:
        ensemble: The arrays and metadata of the model, as training returns them.

    Attributes:
        ensemble: The same: views, members, labels, and facts about the training.
        predictor: The inference behind this class, with labels as their numbers in ``classes_``.
        classes_: The labels in the order of the columns of ``predict_proba``, an array of
            shape ``(n_classes,)`` in the type in which they were given: text (objects where a
            label is very long), int64, float64 or bool.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.predictor = Predictor(ensemble)
        self._values = values_of(ensemble.labels, ensemble.label_type)
        self.classes_ = array_of(self._values, ensemble.label_type)

    @property
    def task(self) -> Task:
        """``single``: one label per document; ``multiple``: any number of them."""
        return self.ensemble.task

    def predict(self, texts: Sequence[str], *, threads: int | None = None) -> np.ndarray:
        """Predict the label of each document.

        Args:
            texts: Documents, a sequence of ``str`` of length ``n``, or an Arrow column of text (of
                polars, pyarrow, DuckDB …), which is read without a Python string for each.
            threads: Threads to use; None takes all cores.

        Returns:
            Array of shape ``(n,)``: labels in the type of ``classes_``, or for several labels per
            document an object array of tuples.

        Raises:
            TextError: If a document is not text.
            PredictionError: If the logits of a document overflow.
        """
        found = self.predict_columns(texts, threads=threads)
        if found.assigned is None:
            labels: np.ndarray = self.classes_[found.label]
            return labels
        numbers = found.assigned.labels.tolist()
        bounds = pairwise(found.assigned.offsets.tolist())
        rows = np.empty(len(found), dtype=object)
        rows[:] = [
            tuple(self._values[number] for number in sorted(numbers[start:stop]))
            for start, stop in bounds
        ]
        return rows

    def predict_proba(self, texts: Sequence[str], *, threads: int | None = None) -> np.ndarray:
        """The probability of each label for each document.

        Returns:
            float32 array of shape ``(n, n_classes)``; rows sum to 1, except with several labels
            per document, where each label has a probability of its own.
        """
        return self.predictor.probabilities(texts, threads=threads)

    def predict_columns(
        self, texts: Sequence[str], *, top: int | None = None, threads: int | None = None
    ) -> PredictionColumns:
        """Predict many documents as arrays, without a Python object per document.

        Args:
            texts: As for :meth:`predict`.
            top: How many of the most probable labels to include; None for none.
            threads: Threads to use; None takes all cores.

        Returns:
            Labels, as positions in ``classes_``, with their probabilities; how many features of
            each document are known; with several labels per document all that are assigned.

        Raises:
            SettingError: If ``top`` is less than 1.
            TextError: If a document is not text.
            PredictionError: If the logits of a document overflow.
        """
        return self.predictor.columns(texts, top, threads)

    def predict_top(
        self, texts: Sequence[str], k: int = 3, *, threads: int | None = None
    ) -> list[list[tuple[LabelValue, float]]]:
        """The k most probable labels of each document with their probabilities, best first.

        Args:
            texts: Documents, a sequence of ``str`` of length ``n``.
            k: How many labels; all where the model has fewer.
            threads: Threads to use; None takes all cores.

        Raises:
            SettingError: If ``k`` is less than 1.
            TextError: If a document is not text.
            PredictionError: If the logits of a document overflow.
        """
        if k < 1:
            raise SettingError(f"expected k to be 1 or more, found {k}")
        found = self.predict_columns(texts, top=k, threads=threads)
        return [
            [(self._values[number], probability) for number, probability in zip(*row, strict=True)]
            for row in zip(found.top_labels.tolist(), found.top_probabilities.tolist(), strict=True)
        ]

    def warm_up(self) -> None:
        """Make single predictions faster at the cost of start-up time and memory: for a server.

        Loads Numba where it is installed. Predictions stay the same up to rounding.
        """
        self.predictor.warm_up()

    def score(self, texts: Sequence[str], labels: Sequence[Label]) -> float:
        """Accuracy on labelled documents: the share with exactly the right labels."""
        return self.evaluate(texts, labels).accuracy

    def evaluate(
        self,
        texts: Sequence[str],
        labels: Sequence[Label],
        *,
        names: Sequence[str] | None = None,
        leaked: np.ndarray | None = None,
        threads: int | None = None,
    ) -> Evaluation:
        """Evaluate the model on labelled documents that it has not seen.

        Args:
            texts: Documents, a sequence of length ``n``.
            labels: True labels, or one sequence of labels per document, of length ``n``.
            names: Names of the documents, for the report's list of errors; None numbers them.
            leaked: bool array of shape ``(n,)``: documents known to be among the training
                documents; None where that is unknown.
            threads: Threads to use; None takes all cores.

        Returns:
            The evaluation: ``.accuracy``, ``.macro_f1``, ``.confusion_matrix``, ``.plot()`` …

        Raises:
            InputError: If there is no document, or another number of labels, names or ``leaked``
                than of documents.
            LabelError: If a label is missing, or documents have one label where the model may
                predict several, or several where it predicts one.
            TextError: If a document is not text.
            PredictionError: If the logits of a document overflow.
        """
        documents = list(documents_of(texts))
        return evaluate_predictions(
            self,
            documents,
            labels,
            self._probability_blocks(documents, threads),
            classes=self._values,
            names=names,
            leaked=leaked,
        )

    def _probability_blocks(
        self, documents: list[str], threads: int | None
    ) -> Iterator[np.ndarray]:
        """Yield the rows of `predict_proba` in blocks of bounded size."""
        step = max(256, _PROBABILITIES // len(self._values))
        for start in range(0, len(documents), step):
            yield self.predict_proba(documents[start : start + step], threads=threads)

    def with_scores(self, part: str, evaluation: Evaluation) -> Model:
        """The same model with the scores of an evaluation in its file and card.

        Args:
            part: Which documents it was evaluated on, such as ``test``.
            evaluation: The evaluation.
        """
        names = ["accuracy", "macro_f1"]
        names += ["micro_f1"] if self.task == "multiple" else []
        scores = [score for score in self.ensemble.scores if score.part != part]
        scores += [
            Score(name=name, part=part, value=float(getattr(evaluation, name))) for name in names
        ]
        return Model(dataclasses.replace(self.ensemble, scores=tuple(scores), card=None))

    def explain(
        self,
        text: str,
        label: LabelValue | None = None,
        against: LabelValue | None = None,
        top: int | None = None,
    ) -> Explanation:
        """Return each token's contribution to one label relative to another.

        Args:
            text: One document.
            label: The label to explain; None for the most probable.
            against: The label to compare it with; None for the most probable of the others, or,
                where a document may have several labels, for no other.
            top: Keep this many token occurrences, the strongest; None for 10,000.

        Raises:
            LabelError: If the model has no such label, or the two are the same.
            SettingError: If ``top`` is negative.
            TextError: If the document is not text.
            PredictionError: If the logits of the document overflow.
        """
        label, against = (None if each is None else text_of(each) for each in (label, against))
        return self.predictor.explain(text, label, against, top)

    def save(self, path: str | Path) -> None:
        """Save the model in one file; a failure leaves an existing file intact.

        Raises:
            SaveError: If the file could not be written.
        """
        sealed.write(path, self.ensemble)

    def __repr__(self) -> str:
        return f"Model({len(self.classes_)} labels, {self.task})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies are made from the bytes of the model file, which hold no code.
        return load_bytes, (sealed.dumps(self.ensemble),)


def evaluate_predictions(
    model: Model,
    texts: Sequence[str],
    labels: Sequence[Any],
    probabilities: np.ndarray | Iterator[np.ndarray],
    *,
    classes: Sequence[Any],
    names: Sequence[str] | None = None,
    leaked: np.ndarray | None = None,
) -> Evaluation:
    """Evaluate probabilities against the true labels, for one or several labels per document.

    Args:
        model: The model that predicted them.
        texts: The documents, of length ``n``.
        labels: The true labels, of length ``n``.
        probabilities: float array of shape ``(n, n_classes)``, or its rows in blocks, in order.
        classes: The labels of the model, in the type in which they are compared.
        names: The documents' names, or None.
        leaked: bool array of shape ``(n,)``, or None where that is unknown.

    Raises:
        LabelError: If documents have one label where the model may predict several, or several
            where it predicts one.
    """
    from satchel.evaluation.context import report_context
    from satchel.evaluation.evaluate import evaluate, evaluate_multiple

    _check_labels_fit(model, labels)
    context = report_context(model.predictor)
    known = list(classes)
    by_text = {text_of(label): label for label in known}

    def truth(label: Any) -> Any:
        """The model's own label equal to this one, whether given as text or not."""
        if label is None or label != label:
            return label  # missing: the evaluation raises the error
        text = text_of(label)
        return by_text.get(text, text if model.ensemble.label_type == "str" else label)

    if model.task == "multiple":
        return evaluate_multiple(
            [[truth(label) for label in row] for row in labels],
            None,
            known,
            probabilities=probabilities,
            thresholds=model.predictor.thresholds,
            leaked=leaked,
            names=names,
            texts=texts,
            context=context,
        )
    return evaluate(
        [truth(label) for label in labels],
        None,
        known,
        probabilities=probabilities,
        leaked=leaked,
        names=names,
        texts=texts,
        context=context,
    )


def _check_labels_fit(model: Model, labels: Sequence[Any]) -> None:
    """Refuse labels of another kind than the model's, whose text could be mistaken for a label."""
    multiple = model.task == "multiple"
    for number, label in enumerate(labels, start=1):
        is_one = isinstance(label, str) or not isinstance(label, Iterable)
        if is_one and multiple:
            raise LabelError(
                "expected a list of labels for each document, as the model predicts any number of "
                f"them, found the single label {label!r} (document {number:,}): give lists (in a "
                "table, a column called labels), or evaluate a model with one label per document"
            )
        if not is_one and not multiple:
            shown = ", ".join(map(str, label)) or "none"
            raise LabelError(
                "expected one label for each document, as the model predicts, found a list of "
                f"labels, {shown} (document {number:,}): name a column with one label (--label), "
                "or evaluate a model with several labels per document"
            )


def load(path: str | Path, *, mapped: bool = False) -> Model:
    """Open a model file; nothing in it can run code, and nothing but NumPy is needed.

    Args:
        path: The ``.satchel`` file.
        mapped: Whether to map the file into memory instead of reading it, so that all processes
            that do so share one copy of the arrays. It is checked as usual, but must not be written
            into while it is mapped: predictions would change, and if it became shorter, the system
            would kill the process. Replacing it under its name, as ``Model.save`` does, is safe on
            POSIX systems: the model keeps the old content. Windows refuses to replace it. A pickled
            copy of the model is not mapped.

    Returns:
        The model, ready to predict.

    Raises:
        ModelFileError: If the file is damaged, not a model file, or malicious.
        SourceNotFoundError: If there is no such file.
    """
    try:
        return Model(sealed.read(path, mapped=mapped))
    except FileNotFoundError:
        raise SourceNotFoundError(
            f"expected a model file at {path}, found nothing: check the path"
        ) from None
    except ModelFileError as error:
        raise ModelFileError(f"{error.reason} (in {path})", error.member) from error


def load_bytes(data: bytes) -> Model:
    """As :func:`load`, from the file's bytes."""
    return Model(sealed.loads(data))
