"""Labels as a file holds them, as text, and as users gave them: text, numbers or booleans."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from satchel.inference.structure import LabelType

LabelValue = str | int | float | bool

LONGEST_IN_ARRAY = 100
"""Labels of more code points are held as objects: every element of a NumPy array of text takes the
memory of the longest, four bytes per code point."""

_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


def type_of(labels: np.ndarray) -> LabelType:
    """Return the type of labels by the dtype of their array.

    Args:
        labels: An array of text, objects that are text, integers, floats or booleans.
    """
    kinds: dict[str, LabelType] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    return kinds.get(labels.dtype.kind, "str")


def text_of(label: object) -> str:
    """Return a label as the file holds it; text is unchanged.

    Args:
        label: A label, of Python's type or NumPy's.

    Returns:
        ``True`` or ``False`` for a boolean, ``repr`` for a float, else ``str``.
    """
    if isinstance(label, (float, np.floating)):
        return repr(float(label))
    return str(label)


def values_of(texts: Iterable[str], label_type: LabelType) -> list[LabelValue]:
    """Return the labels of a file in their own type, as Python objects.

    Args:
        texts: The labels as the file holds them, checked by `fault_of`.
        label_type: Their type.
    """
    if label_type == "bool":
        return [text == "True" for text in texts]
    kinds: dict[str, type[LabelValue]] = {"str": str, "int": int, "float": float}
    return [kinds[label_type](text) for text in texts]


def array_of(labels: Sequence[LabelValue], label_type: LabelType) -> np.ndarray:
    """Return labels as an array.

    Args:
        labels: Labels of one type.
        label_type: That type.

    Returns:
        Text: fixed-width where no label has more than `LONGEST_IN_ARRAY` code points or ends with
        NUL, which NumPy drops there; else objects. Integers: int64, or uint64 where they need it;
        float64; bool.
    """
    if label_type == "str":
        fits = all(
            len(label) <= LONGEST_IN_ARRAY and not label.endswith("\0")
            for label in labels
            if isinstance(label, str)
        )
        return np.array(labels, dtype=np.str_ if fits else object)
    if label_type == "int":
        fits = all(label in _INT64 for label in labels)
        return np.array(labels, dtype=np.int64 if fits else np.uint64)
    return np.array(labels, dtype=np.bool_ if label_type == "bool" else np.float64)


def fault_of(texts: Sequence[str], label_type: LabelType) -> str:
    """Return what is wrong with the labels of a file, or "".

    Each label must be exactly what `text_of` writes, so that equal values have equal texts.
    """
    if label_type == "str":
        return ""
    for text in texts:
        if not _is_canonical(text, label_type):
            return f"{text!r:.60} is not a canonical {label_type!r}"
    if label_type == "int":
        numbers = [int(text) for text in texts]
        if not all(n in _INT64 for n in numbers) and not all(n in _UINT64 for n in numbers):
            return "the integers fit neither int64 nor uint64"
    if label_type == "float" and {"0.0", "-0.0"}.issubset(texts):
        return "'0.0' and '-0.0' are the same number"
    return ""


def _is_canonical(text: str, label_type: LabelType) -> bool:
    if label_type == "bool":
        return text in ("True", "False")
    if len(text) > 40 or not text.isascii():  # longer than any number; int() takes quadratic time
        return False
    try:
        number = int(text) if label_type == "int" else float(text)
    except ValueError:
        return False
    return text_of(number) == text and not math.isnan(number)
