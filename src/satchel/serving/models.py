"""The models of a server: files, the names by which requests ask for them, and newer files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from satchel.errors import SettingError
from satchel.escaping import abbreviate, printable
from satchel.model import Model, load
from satchel.serving.request_errors import RequestError

MAX_MODELS = 16
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells a file from one that has replaced it.

    Attributes:
        inode: Its number in the file system.
        size: Its size in bytes.
        changed: When it was last written, in nanoseconds.
    """

    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Look at a file.

        Raises:
            OSError: There is none.
        """
        found = os.stat(path)
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Served:
    """One model of a server, never changed: a newer file becomes another object.

    Attributes:
        name: What requests call it.
        path: Its file.
        state: The file that it was read from.
        version: How many files were read under this name, from 1.
        model: The model, warmed up.
    """

    name: str
    path: Path
    state: FileState
    version: int
    model: Model


class Scores(NamedTuple):
    """What a model says of some documents.

    Attributes:
        probabilities: float32 [n, classes].
        known: How many features of each document the model knows, integers [n].
    """

    probabilities: np.ndarray
    known: np.ndarray


def names_of(paths: Sequence[str]) -> dict[str, Path]:
    """Return the name of each model: its file's name without the ending.

    Raises:
        SettingError: Two files have the same name, or there are too many.
    """
    named: dict[str, Path] = {}
    for path in map(Path, paths):
        if path.stem in named:
            raise SettingError(
                f"expected model files of different names, found {named[path.stem]} and {path}: "
                "rename one of them, as requests ask for a model by its file's name"
            )
        named[path.stem] = path
    if len(named) > MAX_MODELS:
        raise SettingError(
            f"expected at most {MAX_MODELS} models, found {len(named)}: start a second server"
        )
    return named


def open_model(name: str, path: Path, version: int = 1) -> Served:
    """Read and check a whole model file, and make the model ready for single requests.

    Args:
        name: What requests call it.
        path: Its file.
        version: How many files were read under this name, with this one.

    Raises:
        ModelFileError: The file is damaged, foreign or hostile.
        SourceNotFoundError: There is no such file.
        OSError: It cannot be read.
    """
    # Looked at before it is read: if it is replaced meanwhile, the next look finds it changed.
    try:
        state = FileState.of(path)
    except OSError:
        state = FileState(0, 0, 0)
    model = load(path)
    model.warm_up()
    model.predictor.score([""])  # makes what a first prediction makes, before workers share it
    return Served(name, path, state, version, model)


class Models:
    """The models that a worker answers with, by name."""

    def __init__(self, served: Iterable[Served]) -> None:
        self.by_name: Mapping[str, Served] = {each.name: each for each in served}
        self._only = next(iter(self.by_name.values())) if len(self.by_name) == 1 else None

    def find(self, name: str | None) -> Served:
        """Return the model of a name; without a name, the only one.

        Raises:
            RequestError: There is no such model, or there are several and no name.
        """
        if name is None:
            if self._only is not None:
                return self._only
            raise RequestError(
                400,
                "expected the name of one of several models, found none: name one of "
                f"{self._names}",
            )
        served = self.by_name.get(name)
        if served is None:
            raise RequestError(
                404,
                f"expected the name of a model, found {abbreviate(printable(name), _SHOWN)!r}: "
                f"the models are {self._names}",
            )
        return served

    @property
    def _names(self) -> str:
        return ", ".join(printable(name) for name in self.by_name)
