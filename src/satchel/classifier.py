"""The scikit-learn estimator: texts and labels in, a trained model out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel import errors
from satchel.containers import (
    is_indicator,
    joined_batches,
    targets_like,
    targets_of,
    texts_of,
    weights_of,
)
from satchel.errors import LabelError, MissingDependencyError, SettingError
from satchel.features.csr import CSRMatrix
from satchel.model import Model, evaluate_predictions
from satchel.progress import Progress, silent
from satchel.search.fitting import fit
from satchel.search.settings import ClassWeight, Effort, Optimizer, Preset, Settings
from satchel.sources.splitting import group_numbers
from satchel.training.backends import Backend

try:
    import sklearn.exceptions
    from sklearn.base import BaseEstimator, ClassifierMixin
except ImportError as error:
    raise MissingDependencyError("scikit-learn", "train", "TextClassifier") from error

if TYPE_CHECKING:
    from satchel.evaluation.result import Evaluation
    from satchel.inference.explain import Explanation

Texts = Sequence[str] | Any
"""A list, an array, a column or a table of one column; the Any is for untyped packages."""
Labels = Sequence[Any] | Any


class NotFittedError(errors.NotFittedError, sklearn.exceptions.NotFittedError):  # type: ignore[misc]
    """Raised if a prediction is requested before ``fit``; also scikit-learn's error."""


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A text classifier with the scikit-learn API, trained by linear solvers and Keras.

    The arguments form four groups: extent of the search (``effort`` to ``max_size``), features and
    class weights (``words`` to ``class_weight``), networks (``head`` to ``callbacks``), and
    execution (``backend`` to ``progress``). Where no network is trained (``effort="fast"``, or
    several labels per document, both without a ``head``), settings of networks are refused.

    Args:
        effort: ``fast`` (one linear member, no search, no Keras), ``balanced`` or ``best``
            (minutes).
        preset: ``tutorial`` repeats the 2018 Keras tutorial with its settings; None for no preset.
        budget: Seconds after which the search stops with the best recipe so far; None for no limit.
        max_size: The largest size of the saved file in bytes; None for no limit.
        words: Longest word n-gram; None lets validation decide between 1 and 2.
        characters: ``(n, m)`` adds character n-grams; None lets the effort decide.
        strip: Parts removed from every document first: ``headers``, ``quotes``, ``signatures``.
        class_weight: ``balanced`` gives every class the same total weight; a mapping gives the
            weight of each label, 1 for labels that it lacks; None weights all documents equally.
        head: A Keras head of your own, ``head(h, n_classes) -> tensor`` or a ``keras.Model``; the
            classifier is then a single network with it. A model file can hold Dense, activation,
            normalisation and Dropout layers.
        hidden: Width of the bag layer; None for 64.
        epochs: Passes over the documents; None chooses by the number of documents.
        learning_rate: The initial learning rate; it falls linearly to 0. None: 0.1 for ``adagrad``,
            0.001 for ``adam``, else that of the given optimizer.
        batch_size: Documents per step; None for 64.
        optimizer: ``adagrad`` (None), ``adam``, or a Keras optimizer for the head; the bag layer
            is then trained with Adam for optimizers of that family, with Adagrad for others.
        loss: The name of a Keras loss, a Keras loss, or a function of targets (one number per
            class) and predictions; None for cross-entropy. ``from_logits`` is set to suit the head.
        validation_split: Share of the documents on which networks are not trained in the final fit
            but evaluated after each epoch (``val_loss``, ``val_accuracy``). None: a tenth where a
            callback monitors such a metric and ``fit`` got no ``validation_data``, else 0.
        callbacks: Keras callbacks for the networks' final fit.
        backend: ``jax``, ``torch`` or ``tensorflow``; None for the one that Keras runs on, else
            ``$KERAS_BACKEND``, else the first that is installed.
        seed: Same data, seed, versions and machine: the same file, byte for byte.
        threads: Threads to use; None takes all cores. Results do not depend on it.
        progress: Called with the progress of each stage; None for no reports.

    Attributes:
        classes_: The labels, sorted, array of shape ``(n_classes,)``; for an indicator table the
            names of its columns, else their indices.
        model_: The trained model, a :class:`satchel.Model`.
        history_: One dictionary per network of the final fit: ``loss``, ``accuracy`` and,
            with validation documents, ``val_loss`` and ``val_accuracy``: lists of one value per
            epoch. Empty where no network was trained.
        n_documents_: Number of training documents.
        n_dropped_: Number of documents dropped from training because they have no word, or none
            that occurs in enough documents to be a feature.

    Example:
        >>> import satchel
        >>> texts = ["a fine film", "a dull film", "fine acting", "dull plot"] * 3
        >>> clf = satchel.TextClassifier(effort="fast").fit(texts, ["+", "-", "+", "-"] * 3)
        >>> clf.predict(["a fine plot"]).tolist()
        ['+']
    """

    def __init__(
        self,
        effort: Effort = "balanced",
        *,
        preset: Preset | None = None,
        budget: float | None = None,
        max_size: int | None = None,
        words: int | None = None,
        characters: tuple[int, int] | None = None,
        strip: Sequence[str] = (),
        class_weight: ClassWeight | None = None,
        head: Callable[[Any, int], Any] | Any | None = None,
        hidden: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        optimizer: Optimizer | Any | None = None,
        loss: str | Callable[..., Any] | None = None,
        validation_split: float | None = None,
        callbacks: Sequence[Any] = (),
        backend: Backend | None = None,
        seed: int = 0,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.effort = effort
        self.preset = preset
        self.budget = budget
        self.max_size = max_size
        self.words = words
        self.characters = characters
        self.strip = strip
        self.class_weight = class_weight
        self.head = head
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.loss = loss
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.backend = backend
        self.seed = seed
        self.threads = threads
        self.progress = progress

    def fit(
        self,
        X: Texts,
        y: Labels,
        *,
        sample_weight: Sequence[float] | np.ndarray | None = None,
        validation_data: tuple[Texts, Labels] | None = None,
        groups: Sequence[object] | np.ndarray | None = None,
    ) -> TextClassifier:
        """Train on labelled documents; a second call starts from scratch.

        Args:
            X: Documents, a sequence of ``str`` of length ``n`` (a list, a NumPy array, a pandas or
                polars column), or a table of that one column.
            y: One label per document; one list, tuple or set of labels per document; or an
                indicator table of zeros and ones, dense or sparse, of shape ``(n, n_classes)``.
            sample_weight: The weight of each document, numbers of at least 0 of length ``n``, used
                in training and in validation. Documents of weight 0 are ignored. None weights all
                equally.
            validation_data: Texts and labels on which networks are evaluated after each epoch, for
                ``history_`` and callbacks; they are never trained on.
            groups: One value per document, such as its author or conversation: documents with the
                same one are never on both sides of a split for validation, so that recipes are
                selected by how they do on new groups. None and empty values are no group.

        Returns:
            The classifier itself.

        Raises:
            TextError: If a document is not text.
            LabelError: If the labels define no task, such as a single class.
            SettingError: If a setting has a value that is not allowed.
            UnsupportedHeadError: If a model file could not hold the head.
        """
        settings = dict(self.get_params(deep=False))
        progress = settings.pop("progress")
        if progress is not None and not callable(progress):
            raise SettingError(f"expected progress to be callable or None, found {progress!r}")
        checked = Settings(**settings)
        documents = list(texts_of(X))
        labels = _column(y)
        weights = weights_of(sample_weight, len(documents))
        numbers = None if groups is None else group_numbers(groups, len(documents))
        if weights is not None and not weights.all():
            numbers = None if numbers is None else numbers[weights > 0]
            documents, labels, weights = _with_weight(documents, labels, weights)
        targets = targets_of(labels).with_weights(weights)
        validation = None
        if validation_data is not None:
            validation = (
                list(texts_of(validation_data[0])),
                targets_like(_column(validation_data[1]), targets),
            )
        fitted = fit(documents, targets, checked, progress or silent, validation, numbers)
        self.model_ = Model(fitted.model)
        self.classes_ = targets.labels
        self.history_ = [dict(history) for history in fitted.history]
        self.n_documents_ = self.model_.ensemble.training.documents
        self.n_dropped_ = len(fitted.dropped)
        self._output_form = "sparse" if hasattr(labels, "tocsr") else "labels"
        if self._output_form == "labels" and is_indicator(labels):
            self._output_form = "dense"
        return self

    def fit_stream(self, batches: Iterable[Any]) -> TextClassifier:
        """Train on batches of documents, as a generator yields them.

        Texts and labels of all batches are held in memory before training begins; what a batch
        holds besides is not. Then it is as if :meth:`fit` had got them at once.

        Args:
            batches: Each a tuple ``(texts, labels)`` or ``(texts, labels, sample_weight)``, or a
                table (polars, pandas, pyarrow) or mapping with columns of text and label,
                recognised by their names, as :func:`satchel.stream` and Hugging Face's
                ``Dataset.iter`` yield it.

        Returns:
            The classifier itself.

        Raises:
            TextError: If there is no batch, or one is neither a tuple nor a table.
            LabelError: If a batch has another number of labels than of texts.
            SourceError: If a table's columns are not recognised.
            Others as :meth:`fit`.
        """
        texts, labels, weights = joined_batches(batches)
        return self.fit(texts, labels, sample_weight=weights)

    def predict(self, X: Texts) -> np.ndarray | Any:
        """Predict the label of each document, in the form and type of the training labels.

        Returns:
            Array of shape ``(n,)``: labels, or, for several labels per document, tuples of them;
            after training on an indicator table, such a table of shape ``(n, n_classes)``, dense
            or sparse (CSR) likewise.
        """
        fitted = self._fitted()
        probabilities = self.predict_proba(X)
        if fitted.task == "single":
            return self.classes_[probabilities.argmax(axis=1)]
        holds = probabilities >= np.asarray(fitted.ensemble.thresholds, np.float32)
        if self._output_form == "labels":
            labels = np.empty(len(holds), dtype=object)
            labels[:] = [tuple(self.classes_[row].tolist()) for row in holds]
            return labels
        if self._output_form == "dense":
            return holds.astype(np.int64)
        documents, columns = np.nonzero(holds)
        offsets = np.searchsorted(documents, np.arange(len(holds) + 1))
        ones = np.ones(len(columns), np.float32)
        rows = CSRMatrix(offsets, columns.astype(np.int32), ones, holds.shape[1])
        return rows.to_scipy().astype(np.int64)

    def predict_proba(self, X: Texts) -> np.ndarray:
        """The probability of each class, float32 array of shape ``(n, n_classes)``."""
        fitted = self._fitted()
        return fitted.predict_proba(texts_of(X), threads=self.threads)

    def decision_function(self, X: Texts) -> np.ndarray:
        """The logits of each class, before softmax or sigmoid.

        Returns:
            float32 array of shape ``(n, n_classes)``; for two classes of one label per document
            of shape ``(n,)``, above 0 for ``classes_[1]``; for several labels per document above 0
            for those that are predicted.
        """
        fitted = self._fitted()
        logits = fitted.predictor.logits(texts_of(X), threads=self.threads)
        if fitted.task == "multiple":
            thresholds = np.clip(np.array(fitted.ensemble.thresholds), 1e-7, 1 - 1e-7)
            shifted: np.ndarray = logits - np.log(thresholds / (1 - thresholds)).astype(np.float32)
            return shifted
        if len(self.classes_) == 2:
            margin: np.ndarray = logits[:, 1] - logits[:, 0]
            return margin
        return logits

    def score(
        self,
        X: Texts,
        y: Labels,
        sample_weight: Sequence[float] | np.ndarray | None = None,
    ) -> float:
        """Accuracy on labelled documents: the share with exactly the right labels.

        Args:
            X: Documents, of length ``n``.
            y: As for :meth:`fit`.
            sample_weight: The weight of each document; None weights all equally.
        """
        evaluation = self.evaluate(X, y)
        if sample_weight is None:
            return evaluation.accuracy
        outcomes = evaluation.outcomes
        right = outcomes.right
        return float(np.average(right, weights=weights_of(sample_weight, len(right))))

    def evaluate(self, texts: Texts, labels: Labels) -> Evaluation:
        """Evaluate on unseen documents; see `satchel.Model.evaluate`."""
        fitted = self._fitted()
        documents, labels = list(texts_of(texts)), _column(labels)
        if is_indicator(labels):
            known = fitted.ensemble.labels
            if labels.shape[1] != len(known):
                raise LabelError(
                    f"expected an indicator table of {len(known)} columns, as in training, found "
                    f"shape {tuple(labels.shape)}"
                )
            labels = targets_of(labels)
            rows = np.split(labels.classes, labels.offsets[1:-1])
            labels = [tuple(known[column] for column in row) for row in rows]
        return evaluate_predictions(
            fitted,
            documents,
            list(labels),
            fitted.predict_proba(documents, threads=self.threads),
            classes=self.classes_.tolist(),
        )

    def explain(
        self,
        text: str,
        label: Any | None = None,
        against: Any | None = None,
        top: int | None = None,
    ) -> Explanation:
        """Return each token's contribution to a label; see `satchel.Model.explain`."""
        return self._fitted().explain(text, label, against, top)

    def save(self, path: str | Path) -> None:
        """Save the model in one file that :func:`satchel.load` opens without Keras."""
        self._fitted().save(path)

    def _fitted(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFittedError(
                "expected a fitted TextClassifier, found one that is not: call fit first"
            )
        model: Model = self.model_
        return model

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags


def _column(labels: Any) -> Any:
    """Labels, with a table of one column flattened."""
    if isinstance(labels, Mapping):
        raise LabelError(f"expected a sequence of labels, found {type(labels).__name__}")
    if len(getattr(labels, "shape", ())) != 2 or labels.shape[1] != 1:
        return labels
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Its one column is taken.",
        sklearn.exceptions.DataConversionWarning,
        stacklevel=3,
    )
    return labels.iloc[:, 0] if hasattr(labels, "iloc") else labels[:, 0]


def _with_weight(
    documents: list[str], labels: Any, weights: np.ndarray
) -> tuple[list[str], Any, np.ndarray]:
    """The documents whose weight is above 0, with their labels and weights."""
    kept = np.flatnonzero(weights)
    if is_indicator(labels):
        some = labels.iloc[kept] if hasattr(labels, "iloc") else labels[kept]
    else:
        every = list(labels)
        if len(every) != len(documents):
            raise LabelError(
                f"expected one label per document, found {len(documents)} documents and "
                f"{len(every)} labels"
            )
        some = [every[place] for place in kept.tolist()]
    return [documents[place] for place in kept.tolist()], some, weights[kept]
