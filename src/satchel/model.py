"""A sealed model in memory: what :func:`satchel.load` returns and what ``fit`` leaves behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from satchel import sealed
from satchel.errors import LabelError, ModelFileError, SourceNotFoundError
from satchel.inference.predictor import Model
from satchel.sealed.labels import LabelValue, array_of, text_of, values_of
from satchel.sealed.store import card

if TYPE_CHECKING:
    from satchel.evaluation.result import Evaluation
    from satchel.inference.explain import Explanation
    from satchel.sealed.schema import Manifest, Parts


Label = LabelValue | Sequence[LabelValue]

_PROBABILITIES = 2**24  # held at once while a model is judged


class Satchel:
    """A classifier that is ready to answer; it needs NumPy and nothing heavier.

    Args:
        parts: The plain parts of a model, as :func:`satchel.sealed.read` returns them.

    Attributes:
        classes_: The labels in the order of the columns of ``predict_proba``, an array of
            shape ``(n_classes,)`` in the type in which they were given: text (objects where a
            label is very long), int64, float64 or bool.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.model = Model(parts)
        label_type = parts.manifest.label_type
        self._values = values_of(self.model.labels, label_type)
        self.classes_ = array_of(self._values, label_type)

    @property
    def manifest(self) -> Manifest:
        """What the file says of itself: labels, settings, training facts and scores."""
        return self.parts.manifest

    def predict(self, texts: Sequence[str], *, threads: int | None = None) -> np.ndarray:
        """The label of each document.

        Args:
            texts: Documents, a sequence of ``str`` of length ``n``.
            threads: Threads to use; None takes all cores.

        Returns:
            Array of shape ``(n,)``: labels in the type of ``classes_``, or for several labels a
            document an object array of tuples.

        Raises:
            TextError: If a document is not text.
            PredictionError: If the numbers of the model overflow.
        """
        columns = self.model.predict_columns(texts, threads=threads)
        if self.manifest.task == "single":
            labels: np.ndarray = self.classes_[np.array(columns, np.intp)]
            return labels
        rows = np.empty(len(columns), dtype=object)
        several: Any = columns
        rows[:] = [tuple(self._values[column] for column in each) for each in several]
        return rows

    def predict_proba(self, texts: Sequence[str], *, threads: int | None = None) -> np.ndarray:
        """The probability of each label for each document.

        Returns:
            float32 array of shape ``(n, n_classes)``; rows sum to 1, except with several labels
            a document, where each label has a probability of its own.
        """
        return self.model.predict_proba(texts, threads=threads)

    def score(self, texts: Sequence[str], labels: Sequence[Label]) -> float:
        """Accuracy on labelled documents: the share whose labels are all right."""
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
        """Judge the model on labelled documents that it has not seen.

        Args:
            texts: Documents, a sequence of length ``n``.
            labels: True labels, or one sequence of labels a document, of length ``n``.
            names: The documents' names, for the report's list of mistakes; None numbers them.
            leaked: bool array of shape ``(n,)``: documents known to be among the training
                documents; None where nobody looked.
            threads: Threads to use; None takes all cores.

        Returns:
            The evaluation: ``.accuracy``, ``.macro_f1``, ``.confusion_matrix``, ``.plot()`` …

        Raises:
            LabelError: If a label is missing.
            TextError: If a document is not text.
        """
        documents = list(texts)
        probabilities = self._probability_blocks(documents, threads)
        return evaluate_answers(
            self.model, documents, labels, probabilities, names=names, leaked=leaked
        )

    def _probability_blocks(
        self, documents: list[str], threads: int | None
    ) -> Iterator[np.ndarray]:
        """Yield what `predict_proba` returns, in blocks of bounded size whatever the labels."""
        step = max(256, _PROBABILITIES // len(self.model.labels))
        for start in range(0, len(documents), step):
            yield self.predict_proba(documents[start : start + step], threads=threads)

    def with_scores(self, part: str, evaluation: Evaluation) -> Satchel:
        """The same model with an evaluation's figures in its manifest and card.

        Args:
            part: On which documents it was judged, such as ``test``.
            evaluation: The figures.
        """
        names = ["accuracy", "macro_f1"]
        names += ["micro_f1"] if self.manifest.task == "multiple" else []
        scores = [score for score in self.manifest.scores if score.part != part]
        scores += [
            sealed.Score(name=name, part=part, value=float(getattr(evaluation, name)))
            for name in names
        ]
        manifest = msgspec.structs.replace(self.manifest, scores=tuple(scores))
        return Satchel(dataclasses.replace(self.parts, manifest=manifest, card=card(manifest)))

    def explain(self, text: str, *, label: LabelValue | None = None) -> Explanation:
        """Say how much each token moved the winning label against the runner-up.

        Args:
            text: One document.
            label: Explain this label in place of the winning one.
        """
        return self.model.explain(text, None if label is None else text_of(label))

    def save(self, path: str | Path) -> None:
        """Seal the model in one file; a failure leaves whatever stood there whole.

        Raises:
            SaveError: If the file could not be written.
        """
        sealed.write(path, self.parts)

    def __repr__(self) -> str:
        return f"Satchel({len(self.classes_)} labels, {self.manifest.task})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies travel as the sealed file's own bytes, which hold no code.
        return load_bytes, (sealed.dumps(self.parts),)


def evaluate_answers(
    model: Model,
    texts: Sequence[str],
    labels: Sequence[Any],
    probabilities: np.ndarray | Iterator[np.ndarray],
    *,
    classes: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    leaked: np.ndarray | None = None,
) -> Evaluation:
    """Judge probabilities against the truth, for one or several labels a document.

    Args:
        model: Whose probabilities they are.
        texts: The documents, of length ``n``.
        labels: The truth, of length ``n``.
        probabilities: float array of shape ``(n, n_classes)``, or its rows in blocks, in order.
        classes: The labels in their original type; None for that of the model's file.
        names: The documents' names, or None.
        leaked: bool array of shape ``(n,)``, or None where nobody looked.

    Raises:
        LabelError: If documents have one label where the model may give several, or several where
            it gives one.
    """
    from satchel.evaluation.context import report_context
    from satchel.evaluation.evaluate import evaluate, evaluate_multiple

    pass

    _check_labels_fit(model, labels)
    context = report_context(model)
    manifest = model.parts.manifest
    known = values_of(model.labels, manifest.label_type) if classes is None else list(classes)
    by_text = {text_of(label): label for label in known}

    def truth(label: Any) -> Any:
        """The model's own label where it has this one, whether it was given as text or not."""
        if label is None or label != label:
            return label  # missing, which the evaluation says
        text = text_of(label)
        return by_text.get(text, text if manifest.label_type == "str" else label)

    if model.task == "multiple":
        return evaluate_multiple(
            [[truth(label) for label in row] for row in labels],
            None,
            known,
            probabilities=probabilities,
            thresholds=model.thresholds,
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
    """Refuse labels of another kind than the model's: their text could be mistaken for one."""
    several = model.task == "multiple"
    for number, label in enumerate(labels, start=1):
        is_one = isinstance(label, str) or not isinstance(label, Iterable)
        if is_one and several:
            raise LabelError(
                "expected a list of labels for each document, as the model gives any number of "
                f"them; found the one label {label!r} (document {number:,}). Give lists (in a "
                "table, a column called labels), or judge a model of one label a document"
            )
        if not is_one and not several:
            shown = ", ".join(map(str, label)) or "none"
            raise LabelError(
                "expected one label for each document, as the model gives; found a list of "
                f"labels: {shown} (document {number:,}). Name a column with one label (--label), "
                "or judge a model of several labels a document"
            )


def load(path: str | Path) -> Satchel:
    """Open a model file; nothing in it can run code, and nothing but NumPy is needed.

    Args:
        path: The ``.satchel`` file.

    Returns:
        A classifier that is ready to answer.

    Raises:
        ModelFileError: If the file is damaged, foreign or hostile.
        SourceNotFoundError: If there is no such file.
    """
    try:
        return Satchel(sealed.read(path))
    except FileNotFoundError:
        raise SourceNotFoundError(f"expected a model file at {path}, found nothing") from None
    except ModelFileError as error:
        raise ModelFileError(f"{error.reason} (in {path})", error.member) from error


def load_bytes(data: bytes) -> Satchel:
    """As :func:`load`, from the file's bytes."""
    return Satchel(sealed.loads(data))
