"""Which of Keras's backends serves, decided before Keras is imported."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from satchel.compiled import compiled_folder
from satchel.errors import MissingDependencyError, SettingError, warn

Backend = Literal["jax", "torch", "tensorflow"]
DEFAULT: Backend = "jax"
_EXTRAS = {"jax": "train", "torch": "torch", "tensorflow": "tensorflow"}


def use_backend(name: str | None = None) -> Backend:
    """Choose Keras's backend for this process.

    The head is so small that moving its batches to an accelerator costs more than it saves, so
    the backend is asked for the processor alone; whoever has set the backend's own variable
    (``JAX_PLATFORMS``, ``KERAS_TORCH_DEVICE``, ``CUDA_VISIBLE_DEVICES``) is not overruled.

    Args:
        name: ``jax``, ``torch`` or ``tensorflow``; None for the backend that Keras already runs on,
            else that of the variable ``KERAS_BACKEND``, else ``jax``.

    Returns:
        The backend's name.

    Raises:
        SettingError: An unknown name, or Keras already runs on another backend.
        MissingDependencyError: Keras or the backend is not installed.
    """
    loaded = _loaded()
    chosen = name or loaded or os.environ.get("KERAS_BACKEND") or DEFAULT
    if chosen not in get_args(Backend):
        raise SettingError(
            f"backend must be one of {', '.join(get_args(Backend))}, not {chosen!r}"
            + ("" if name else " (from KERAS_BACKEND or from Keras, which is loaded)")
        )
    if loaded and loaded != chosen:
        raise SettingError(
            f"Keras already runs on {loaded!r} in this process and cannot change to {chosen!r}: "
            f"set KERAS_BACKEND={chosen} before Keras is imported, or start a new process"
        )
    for package in ("keras", chosen):
        if importlib.util.find_spec(package) is None:
            extra = "train" if package == "keras" else _EXTRAS[chosen]
            raise MissingDependencyError(package, extra, f"training on {chosen}")
    if not loaded:
        os.environ["KERAS_BACKEND"] = chosen
        _keep_quiet_and_small(chosen)
    return chosen  # type: ignore[return-value]


def _loaded() -> str | None:
    if "keras" not in sys.modules:
        return None
    # Another thread may be half way through importing it; the import waits for that.
    return str(importlib.import_module("keras").backend.backend())


def _keep_quiet_and_small(name: str) -> None:
    """Set what the backend reads once, when it is imported: its noise and its devices."""
    if name == "jax":
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        folder = compiled_folder("jax")
        if folder is not None:
            _remove_damaged(folder)
            # Compiling the head's step takes longer than training it on a small set.
            os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
            os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
            os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    elif name == "torch":
        os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def _remove_damaged(folder: Path) -> None:
    """Remove entries of JAX's that a crash or a full disk cut off.

    JAX would warn of each at every start, for it never replaces one. An entry is looked at once,
    at the first start after it was written.
    """
    marker = folder / ".looked-at"
    removed = 0
    with suppress(OSError):
        last = marker.stat().st_mtime_ns if marker.exists() else 0
        marker.touch()
        for entry in folder.glob("*-cache"):
            if entry.stat().st_mtime_ns >= last and not _is_whole(entry.read_bytes()):
                entry.unlink()
                removed += 1
    if removed:
        warn(f"{removed} damaged files of compiled code are removed from {folder}")


def _is_whole(data: bytes) -> bool:
    if data.startswith(b"\x28\xb5\x2f\xfd"):  # Zstandard, where Python or a package has it
        return True
    try:
        zlib.decompress(data)
    except zlib.error:
        return False
    return True
