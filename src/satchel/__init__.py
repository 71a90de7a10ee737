"""Satchel: labelled text in, one small safe file out.

>>> import satchel
>>> posts = satchel.read("posts")                                           # doctest: +SKIP
>>> clf = satchel.TextClassifier().fit(posts["text"], posts["category"])    # doctest: +SKIP
>>> clf.save("posts.satchel")                                               # doctest: +SKIP
>>> satchel.load("posts.satchel").predict(["a text"])                       # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from satchel.training.backends import prepare_import as _prepare_import
from satchel.version import __version__ as __version__

if TYPE_CHECKING:
    from satchel.classifier import TextClassifier
    from satchel.errors import SatchelError
    from satchel.model import Model, load
    from satchel.sources.check import check
    from satchel.sources.frames import read, stream

# Each public name and its module, imported at first use: ``import satchel`` itself stays light.
_HOMES = {
    "Model": "satchel.model",
    "SatchelError": "satchel.errors",
    "TextClassifier": "satchel.classifier",
    "check": "satchel.sources.check",
    "load": "satchel.model",
    "read": "satchel.sources",
    "stream": "satchel.sources",
}
_prepare_import()  # a head of one's own imports Keras before any training does

__all__ = ["Model", "SatchelError", "TextClassifier", "check", "load", "read", "stream"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'satchel' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
