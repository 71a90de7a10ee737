"""The estimator: texts and labels in, a sealed model out; here the stages meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel.bags.preparing import check_text
from satchel.errors import MissingDependencyError, NotFittedError, SettingError, TextError
from satchel.learning import learn_targets
from satchel.progress import Progress, silent
from satchel.satchel import Satchel, evaluate_answers
from satchel.search.settings import Backend, ClassWeight, Effort, Preset, Settings
from satchel.search.targets import encode

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
except ImportError as error:
    raise MissingDependencyError("scikit-learn", "train", "TextClassifier") from error

if TYPE_CHECKING:
    from satchel.evaluation.evaluation import Evaluation
    from satchel.inference.explain import Explanation


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A text classifier with scikit-learn's contract, trained by linear solvers and Keras.

    Args:
        effort: ``fast`` (one small net, seconds), ``balanced`` or ``best`` (minutes): the one dial.
        preset: ``tutorial`` repeats the 2018 Keras tutorial, settings and all; None does not.
        head: A Keras head of your own, ``head(h, n_classes) -> tensor`` or a ``keras.Model``; the
            classifier is then one network with it. A satchel carries Dense, activations,
            normalisation and Dropout.
        hidden: Width of the bag layer of networks; None lets the effort decide.
        epochs: Passes of networks over the documents; None lets the size of the data decide.
        words: Longest word n-gram; None lets validation decide between 1 and 2.
        characters: ``(n, m)`` adds character n-grams; None lets the effort decide.
        strip: Parts removed from every document first: ``headers``, ``quotes``, ``signatures``.
        class_weight: ``balanced`` makes every class weigh the same; None goes by documents.
        budget: Seconds after which the search stops and takes its best so far; None: the effort's.
        max_size: The largest size of the saved file in bytes; None for no limit.
        callbacks: Keras callbacks for the networks' final fit.
        backend: ``jax``, ``torch`` or ``tensorflow``; None takes ``$KERAS_BACKEND`` or JAX.
        seed: Same data, seed, versions and machine: the same file, byte for byte.
        threads: Threads to use; None takes all cores. Results do not depend on it.
        progress: Told how far each stage is; None is silent.

    Attributes:
        classes_: The labels, sorted, array of shape ``(n_classes,)``.
        satchel_: The sealed model that answers.
        n_documents_: How many documents were learnt from.

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
        head: Callable[[Any, int], Any] | Any | None = None,
        hidden: int | None = None,
        epochs: int | None = None,
        words: int | None = None,
        characters: tuple[int, int] | None = None,
        strip: Sequence[str] = (),
        class_weight: ClassWeight | None = None,
        budget: float | None = None,
        max_size: int | None = None,
        callbacks: Sequence[Any] = (),
        backend: Backend | None = None,
        seed: int = 0,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.effort = effort
        self.preset = preset
        self.head = head
        self.hidden = hidden
        self.epochs = epochs
        self.words = words
        self.characters = characters
        self.strip = strip
        self.class_weight = class_weight
        self.budget = budget
        self.max_size = max_size
        self.callbacks = callbacks
        self.backend = backend
        self.seed = seed
        self.threads = threads
        self.progress = progress

    def fit(self, texts: Sequence[str], labels: Sequence[Any]) -> TextClassifier:
        """Learn from labelled documents; a second call starts afresh.

        Args:
            texts: Documents, a sequence of ``str`` of length ``n`` (a list, a NumPy array, a
                pandas or polars column).
            labels: One label a document, or one list of labels a document.

        Returns:
            The classifier itself.

        Raises:
            TextError: If a document is not text.
            LabelError: If the labels make no task, such as one class only.
            SettingError: If a setting has a value that it cannot have.
            UnsupportedHeadError: If a satchel could not carry your head.
        """
        settings = dict(self.get_params(deep=False))
        progress = settings.pop("progress")
        if progress is not None and not callable(progress):
            raise SettingError(f"expected progress to be callable or None, found {progress!r}")
        checked = Settings(**settings)
        if isinstance(texts, (str, bytes)):
            raise TextError("expected several texts but found one: put it into a list")
        documents = [check_text(text, number) for number, text in enumerate(texts)]
        targets = encode(list(labels))
        self.satchel_ = learn_targets(documents, targets, checked, progress or silent)
        self.classes_ = targets.labels
        self.n_documents_ = self.satchel_.manifest.training.documents
        return self

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """The label of each document, array of shape ``(n,)`` in the type of the labels given."""
        fitted = self._fitted()
        if fitted.manifest.task == "multiple":
            return fitted.predict(texts, threads=self.threads)
        best = fitted.predict_proba(texts, threads=self.threads).argmax(axis=1)
        answers: np.ndarray = self.classes_[best]
        return answers

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each class, float32 array of shape ``(n, n_classes)``."""
        return self._fitted().predict_proba(texts, threads=self.threads)

    def score(self, texts: Sequence[str], labels: Sequence[Any]) -> float:
        """Accuracy on labelled documents: the share whose labels are all right."""
        return self.evaluate(texts, labels).accuracy

    def evaluate(self, texts: Sequence[str], labels: Sequence[Any]) -> Evaluation:
        """Judge the classifier on documents that it has not seen; see :meth:`Satchel.evaluate`."""
        fitted = self._fitted()
        probabilities = fitted.predict_proba(texts, threads=self.threads)
        return evaluate_answers(
            fitted.model, texts, labels, probabilities, classes=self.classes_.tolist()
        )

    def explain(self, text: str, *, label: str | None = None) -> Explanation:
        """Say how much each token moved the winning label against the runner-up."""
        return self._fitted().explain(text, label=label)

    def save(self, path: str | Path) -> None:
        """Seal the model in one file that :func:`satchel.load` opens without Keras."""
        self._fitted().save(path)

    def _fitted(self) -> Satchel:
        if not hasattr(self, "satchel_"):
            raise NotFittedError("this TextClassifier has not learnt anything yet: call fit first")
        satchel: Satchel = self.satchel_
        return satchel

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "satchel_")
