"""Every error that Satchel raises on purpose.

    SatchelError                      catch this for all of them
    ├── InputError (ValueError)               the input cannot be used
    │   ├── SourceError                         a folder, archive or table yields no documents
    │   │   └── SourceNotFoundError (FileNotFoundError)
    │   ├── TextError                           a document is not text
    │   ├── LabelError                          the labels do not define a task
    │   └── SettingError                        a setting has an invalid value
    ├── ModelFileError (ValueError)           a model file is damaged, foreign or hostile
    ├── SaveError (OSError)                   a file could not be written; the old one is intact
    ├── UnsupportedHeadError (TypeError)      a Keras head that a model file cannot hold
    ├── NotFittedError (ValueError, AttributeError)   predict before fit
    ├── PredictionError (FloatingPointError)  a model's numbers overflow for a document
    ├── TrainingError (RuntimeError)          training went wrong, such as a loss that is not finite
    └── MissingDependencyError (ImportError)  an extra is not installed

    SatchelWarning (UserWarning)      a warning: the work continues

A message says what was expected, what was found (file, line, value) and what to do next.
"""

from __future__ import annotations

import sys
import warnings


class SatchelError(Exception):
    """The root of the tree: everything that Satchel raises on purpose."""


class InputError(SatchelError, ValueError):
    """The input cannot be used."""


class SourceError(InputError):
    """A source (folder, archive, table) yields no usable documents."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """The path of a source does not exist."""


class TextError(InputError):
    """A document is not text: not a string, or a string that UTF-8 cannot hold."""


class LabelError(InputError):
    """The labels do not define a classification task."""


class SettingError(InputError):
    """A setting has an invalid value."""


class ModelFileError(SatchelError, ValueError):
    """A model file is damaged, foreign or hostile, and was refused.

    Attributes:
        member: The part of the file at fault, such as ``manifest.json``; empty for the whole file.
        reason: Why it was refused.
    """

    def __init__(self, reason: str, member: str = "") -> None:
        self.member = member
        self.reason = reason
        super().__init__(f"{member}: {reason}" if member else reason)


class SaveError(SatchelError, OSError):
    """A file could not be written; the previous file is untouched."""


class UnsupportedHeadError(SatchelError, TypeError):
    """A Keras head has a layer that a model file cannot hold."""


class NotFittedError(SatchelError, ValueError, AttributeError):
    """An estimator was used to predict before ``fit``."""


class PredictionError(SatchelError, FloatingPointError):
    """A model's numbers are so large that its logits for a document are not finite.

    Attributes:
        document: The position of the document in the batch that was passed, from 0.
    """

    def __init__(self, message: str, document: int = 0) -> None:
        super().__init__(message)
        self.document = document


class TrainingError(SatchelError, RuntimeError):
    """Training went wrong, such as a loss that is not finite."""


class MissingDependencyError(SatchelError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        package: The package that is missing.
        extra: The extra of Satchel that includes it; empty if none does.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package = package
        self.extra = extra
        how = how_to_get(extra) if extra else f"run  pip install {package}"
        super().__init__(f"{purpose} needs {package}, which is not installed: {how}")


def how_to_get(extra: str) -> str:
    """Return the command that installs an extra of Satchel, from an index or a checkout."""
    return f"run  pip install 'satchel[{extra}]'  or, in a checkout,  pip install '.[{extra}]'"


class SatchelWarning(UserWarning):
    """A warning; the work continues. The command line prints it as one line."""


def warn(message: str) -> None:
    """Issue a `SatchelWarning` that points to the line that called Satchel.

    Args:
        message: What is wrong, and what to do about it.
    """
    frame = caller = sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").split(".")[0] == "satchel":
            caller = frame.f_back  # other modules may come between two of ours
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        SatchelWarning,
        caller.f_code.co_filename,
        caller.f_lineno,
        caller.f_globals.get("__name__"),
        caller.f_globals.setdefault("__warningregistry__", {}),
    )
