"""Conversion of texts, labels and weights from lists, arrays, tables and columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np

from satchel.errors import LabelError, SettingError, TextError
from satchel.features.packed import PackedTexts, documents_of
from satchel.features.preprocess import check_text
from satchel.search.targets import Targets, encode, encode_pairs
from satchel.sources.columns import Columns
from satchel.sources.frames import columns_of, is_frame


def texts_of(texts: Any) -> Sequence[str]:
    """Documents as a sequence: a list, or the texts of an Arrow column without a string for each.

    Args:
        texts: A sequence of ``str``: a list, a NumPy array, a column of pandas, polars or Arrow; or
            a table or array of shape ``(n, 1)``.

    Raises:
        TextError: If a document is not text, or the container is unordered or has no length.
    """
    if isinstance(texts, (str, bytes)):
        raise TextError("expected a sequence of texts, found a single text: put it into a list")
    shape = getattr(texts, "shape", None)
    if shape is not None and len(shape) > 1:
        if len(shape) > 2 or shape[1] != 1 or hasattr(texts, "tocsr"):
            raise TextError(
                f"expected texts, or a table with one column of them, found "
                f"{type(texts).__name__} of shape {tuple(shape)}: select the text column"
            )
        if hasattr(texts, "iloc"):
            return texts_of(texts.iloc[:, 0])
        return texts_of(texts.column(0) if hasattr(texts, "column") else texts[:, 0])
    if shape == ():
        raise TextError("expected a sequence of texts, found a scalar: put it into a list")
    if isinstance(texts, (Mapping, Set)) or not hasattr(texts, "__len__"):
        raise TextError(
            f"expected a sequence of texts, such as a list, found {type(texts).__name__}: "
            "convert it to a list"
        )
    documents = documents_of(texts)
    if isinstance(documents, PackedTexts):
        return documents
    return [check_text(text, number) for number, text in enumerate(documents)]


def targets_of(labels: Any) -> Targets:
    """Labels as targets.

    Args:
        labels: One label per document; one collection of labels per document; or an indicator
            table of zeros and ones of shape ``(n, n_classes)``, dense or sparse, whose classes are
            the names of its columns, else their indices.

    Raises:
        LabelError: If the labels define no task.
    """
    if is_indicator(labels):
        names = getattr(labels, "columns", None)
        columns = labels.shape[1]
        classes = np.arange(columns) if names is None else np.array([str(name) for name in names])
        offsets, held = _pairs(labels)
        return encode_pairs(offsets, held, classes)
    listed = _listed(labels)
    for position, label in enumerate(listed):
        if isinstance(label, (float, np.floating)) and label == label and not label.is_integer():
            raise LabelError(
                f"Unknown label type: continuous: expected classes, found {label} at {position}: "
                "turn such numbers into text or whole numbers first"
            )
    return encode(listed)


def targets_like(labels: Any, known: Targets) -> Targets:
    """Labels as targets of a known task.

    Args:
        labels: Labels in the same form as in training.
        known: The task.

    Raises:
        LabelError: If a label is not among those of the task, or the labels have another form.
    """
    if is_indicator(labels):
        if known.task != "multiple" or labels.shape[1] != len(known.labels):
            raise LabelError(
                f"expected labels in the same form as in training, with {len(known.labels)} "
                f"classes, found an indicator table of shape {tuple(labels.shape)}"
            )
        return encode_pairs(*_pairs(labels), known.labels)
    place = {label: column for column, label in enumerate(known.labels.tolist())}
    rows = [
        row if known.task == "multiple" else (row,) for row in (_plain(x) for x in _listed(labels))
    ]
    try:
        held = [sorted({place[_plain(label)] for label in row}) for row in rows]
    except (KeyError, TypeError) as error:
        raise LabelError(f"expected labels that occur in training, found {error}") from None
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in held])])
    classes = np.array([column for row in held for column in row], np.int64)
    return Targets(known.task, known.labels, offsets.astype(np.int64), classes)


def is_indicator(labels: Any) -> bool:
    """Whether labels are a table of shape ``(n, n_classes)`` with more than one class."""
    shape: tuple[int, ...] = getattr(labels, "shape", ())
    return len(shape) == 2 and shape[1] != 1


def weights_of(sample_weight: Any, documents: int) -> np.ndarray | None:
    """Sample weights as a float64 array of shape ``(n,)``, or None where none are given.

    Args:
        sample_weight: One number per document, or a single number for all of them, or None.
        documents: Number of documents n.

    Raises:
        SettingError: If a weight is not finite or below 0, if there is not one per document, or if
            all are 0.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape == ():
        weights = np.full(documents, float(weights))
    if weights.shape != (documents,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise SettingError(
            f"expected {documents} finite sample weights of at least 0, one per document, found "
            f"shape {weights.shape}"
        )
    if not weights.any():
        raise SettingError("expected a sample weight above 0, found only zeros")
    return weights


def _listed(labels: Any) -> list[Any]:
    if labels is None:
        raise LabelError("this estimator requires y to be passed, but the target y is None")
    if isinstance(labels, (str, bytes)):
        raise LabelError("expected one label per document, found a single text: put it into a list")
    if not hasattr(labels, "__len__"):
        raise LabelError(
            f"expected a sequence of labels, such as a list, found {type(labels).__name__}: "
            "convert it to a list"
        )
    return list(labels.to_pylist() if hasattr(labels, "to_pylist") else labels)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _pairs(table: Any) -> tuple[np.ndarray, np.ndarray]:
    """The offsets of an indicator table's rows, and the columns of its ones, both int64."""
    if hasattr(table, "tocsr"):
        rows = table.tocsr(copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        rows.sort_indices()
        ones, offsets, columns = rows.data, rows.indptr, rows.indices
    else:
        dense = np.asarray(table)
        documents, columns = np.nonzero(dense)
        offsets = np.searchsorted(documents, np.arange(len(dense) + 1))
        ones = dense[documents, columns]
    if not all(one == 1 for one in np.unique(ones).tolist()):
        wrong = next(one for one in np.unique(ones).tolist() if one != 1)
        raise LabelError(f"expected a table of zeros and ones as labels, found {wrong!r}")
    return offsets.astype(np.int64), columns.astype(np.int64)


def joined_batches(batches: Iterable[Any]) -> tuple[list[str], list[Any], np.ndarray | None]:
    """Return texts, labels and weights of all batches of a stream.

    Args:
        batches: Tuples ``(texts, labels)`` or ``(texts, labels, sample_weight)``; or tables; or
            mappings of columns, as Hugging Face's data sets yield them.

    Raises:
        TextError: There is no batch, or one is neither a tuple nor a table.
        LabelError: A batch has another number of labels than of texts.
        SettingError: Weights are wrong, or missing in some batches.
        SourceError: A table's columns are not recognised.
    """
    texts: list[str] = []
    labels: list[Any] = []
    weights: list[np.ndarray] = []
    number = 0
    for number, batch in enumerate(batches, 1):
        given = None
        if isinstance(batch, tuple) and len(batch) in (2, 3):
            own_texts, own_labels = list(texts_of(batch[0])), list(_listed(batch[1]))
            given = batch[2] if len(batch) == 3 else None
        elif isinstance(batch, Mapping) or is_frame(batch):
            names = list(batch) if isinstance(batch, Mapping) else columns_of(batch)
            by_text = {str(name): name for name in names}
            taken = Columns().choose(list(by_text), f"batch {number}", [])
            columns = [texts_of(batch[by_text[name]]) for name in taken.text]
            own_texts = ["\n".join(cells) for cells in zip(*columns, strict=True)]
            own_labels = list(_listed(batch[by_text[taken.label or ""]]))
        else:
            raise TextError(
                f"expected (texts, labels), a table or columns by name as batch {number}, found "
                f"{type(batch).__name__}"
            )
        if len(own_texts) != len(own_labels):
            raise LabelError(
                f"expected one label per text in batch {number}, found {len(own_labels):,} labels "
                f"for {len(own_texts):,} texts"
            )
        texts += own_texts
        labels += own_labels
        if given is not None:
            weights.append(cast("np.ndarray", weights_of(given, len(own_texts))))
    if not number:
        raise TextError("expected batches of documents, found none")
    if weights and len(weights) != number:
        raise SettingError("expected sample weights in every batch or in none, found some without")
    return texts, labels, np.concatenate(weights) if weights else None
