"""A sealed model in memory: what :func:`satchel.load` returns and what ``fit`` leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel import sealed
from satchel.inference.model import Model

if TYPE_CHECKING:
    from satchel.evaluation.evaluation import Evaluation
    from satchel.inference.explain import Explanation
    from satchel.sealed import Manifest, Parts

Label = str | tuple[str, ...]


class Satchel:
    """A classifier that is ready to answer; it needs NumPy and nothing heavier.

    Args:
        parts: The plain parts of a model, as :func:`satchel.sealed.read` returns them.

    Attributes:
        classes_: The labels in the order of the columns of ``predict_proba``, an array of
            shape ``(n_classes,)``.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.model = Model(parts)
        self.classes_ = np.array(self.model.labels)

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
            Array of shape ``(n,)``: labels, or for several labels a document an object array
            of tuples.

        Raises:
            TextError: If a document is not text.
        """
        return self.model.predict(texts, threads=threads)

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
        threads: int | None = None,
    ) -> Evaluation:
        """Judge the model on labelled documents that it has not seen.

        Args:
            texts: Documents, a sequence of length ``n``.
            labels: True labels (or tuples of labels), of length ``n``.
            names: File names for the report's list of mistakes.
            threads: Threads to use; None takes all cores.

        Returns:
            The evaluation: ``.accuracy``, ``.macro_f1``, ``.confusion_matrix``, ``.plot()`` …
        """
        from satchel.evaluation.evaluation import evaluate

        return evaluate(
            labels,
            self.predict_proba(texts, threads=threads),
            list(self.model.labels),
            task=self.manifest.task,
            thresholds=self.manifest.thresholds,
            names=names,
            texts=texts,
        )

    def explain(self, text: str, *, label: str | None = None) -> Explanation:
        """Say how much each token moved the winning label against the runner-up.

        Args:
            text: One document.
            label: Explain this label in place of the winning one.
        """
        from satchel.inference.explain import explain

        return explain(self.model, text, label=label)

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
    return Satchel(sealed.read(path))


def load_bytes(data: bytes) -> Satchel:
    """As :func:`load`, from the file's bytes."""
    return Satchel(sealed.loads(data))
