"""The backend that Keras runs on, and the threads that our own kernels run on.

A backend is chosen before Keras is imported, and limited to the CPU and to one thread; kernels
release the GIL, so that threads can share their work.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from satchel.errors import MissingDependencyError, SettingError, warn
from satchel.machine_code import compiled_folder

# Below this many multiply-adds, starting a second thread costs more than it saves.
_WORTH_A_THREAD = 2_000_000


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Threads:
    """A pool that lives as long as its owner and starts threads only when they are needed.

    Args:
        count: Threads to use; None for one per processor.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = max(1, count or processors())
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[int, int], object], length: int, cost: int) -> None:
        """Call ``work(begin, end)`` on ranges that together cover ``range(length)``.

        Args:
            work: Safe to run on disjoint ranges concurrently.
            length: How many items there are.
            cost: Roughly how many multiply-adds all of them take.
        """
        count = min(self._count, length)
        if count <= 1 or cost < _WORTH_A_THREAD:
            work(0, length)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count - 1, thread_name_prefix="satchel-network")
        bounds = [length * part // count for part in range(count + 1)]
        futures = [
            self._pool.submit(work, bounds[part], bounds[part + 1]) for part in range(1, count)
        ]
        work(0, bounds[1])
        for future in futures:
            future.result()


Backend = Literal["jax", "torch", "tensorflow"]
_BACKENDS: tuple[Backend, ...] = get_args(Backend)
_EXTRAS = {"jax": "train", "torch": "torch", "tensorflow": "tensorflow"}


def prepare_import() -> None:
    """Make a later ``import keras`` use a backend that is installed.

    Keras's own default is TensorFlow, whether it is installed or not. So the variable
    ``KERAS_BACKEND`` is set to the first of JAX, PyTorch and TensorFlow that is installed, unless
    it is set already, Keras is loaded, or Keras's configuration file names another backend than
    TensorFlow. (A file that names TensorFlow says nothing: Keras writes it at its first import.)
    Keras is not imported.
    """
    if "KERAS_BACKEND" in os.environ or "keras" in sys.modules or not _installed("keras"):
        return
    found = _first_installed()
    if found is not None and _configured() is None:
        os.environ["KERAS_BACKEND"] = found


def use_backend(name: str | None = None) -> Backend:
    """Choose Keras's backend for this process.

    The head is so small that moving its batches to an accelerator costs more than it saves, so
    the backend is configured for the CPU alone, unless the backend's own variable
    (``JAX_PLATFORMS``, ``KERAS_TORCH_DEVICE``, ``CUDA_VISIBLE_DEVICES``) is already set.

    Args:
        name: ``jax``, ``torch`` or ``tensorflow``; None for the backend that Keras already runs on,
            else that of the variable ``KERAS_BACKEND``, else that of Keras's configuration file
            (where it names another than TensorFlow), else the first that is installed.

    Returns:
        The backend's name.

    Raises:
        SettingError: An unknown name, or Keras already runs on another backend.
        MissingDependencyError: Keras or the backend is not installed.
    """
    loaded = _loaded()
    chosen = name or loaded or os.environ.get("KERAS_BACKEND") or _configured()
    chosen = chosen or _first_installed() or _BACKENDS[0]
    if chosen not in _BACKENDS:
        raise SettingError(
            f"backend must be one of {', '.join(_BACKENDS)}, not {chosen!r}"
            + ("" if name else " (from KERAS_BACKEND, Keras's configuration or Keras as loaded)")
        )
    if loaded and loaded != chosen:
        raise SettingError(
            f"Keras already runs on {loaded!r} in this process and cannot change to {chosen!r}: "
            f"set KERAS_BACKEND={chosen} before Keras is imported, or start a new process"
        )
    for package in ("keras", chosen):
        if not _installed(package):
            extra = "train" if package == "keras" else _EXTRAS[chosen]
            raise MissingDependencyError(package, extra, f"training on {chosen}")
    if not loaded:
        os.environ["KERAS_BACKEND"] = chosen
        _limit_logs_and_devices(chosen)
    _use_one_thread(chosen)
    return chosen


def _installed(package: str) -> bool:
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _first_installed() -> Backend | None:
    return next((name for name in _BACKENDS if _installed(name)), None)


def _configured() -> str | None:
    """Return the backend of Keras's configuration file, if it is not the default."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    try:
        with open(os.path.join(home, "keras.json"), encoding="utf-8") as file:
            # Only here, so that importing satchel stays light where there is no such file.
            import json

            name = json.load(file).get("backend")
    except (OSError, ValueError, AttributeError):
        return None  # Keras, too, ignores a file that it cannot read
    return name if isinstance(name, str) and name != "tensorflow" else None


def _loaded() -> str | None:
    if "keras" not in sys.modules:
        return None
    # Another thread may be importing it; the import waits for that.
    return str(importlib.import_module("keras").backend.backend())


def _limit_logs_and_devices(name: str) -> None:
    """Set what the backend reads once, when it is imported: its log level and devices."""
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
    """Remove entries of JAX's cache that a crash or a full disk truncated.

    JAX would warn of each at every start, since it never replaces one. An entry is checked once,
    at the first start after it was written.
    """
    marker = folder / ".looked-at"
    removed = 0
    with suppress(OSError):
        last = marker.stat().st_mtime_ns if marker.exists() else 0
        marker.touch()
        for entry in folder.glob("*-cache"):
            if entry.stat().st_mtime_ns >= last and not _is_complete(entry.read_bytes()):
                entry.unlink()
                removed += 1
    if removed:
        warn(f"{removed} damaged files of compiled code are removed from {folder}")


def _is_complete(data: bytes) -> bool:
    if data.startswith(b"\x28\xb5\x2f\xfd"):  # Zstandard, where Python or a package has it
        return True
    try:
        zlib.decompress(data)
    except zlib.error:
        return False
    return True


def _use_one_thread(name: str) -> None:
    """Make sums independent of the number of processors, which the bag layer uses instead.

    XLA and TensorFlow split a product or a sum by the number of their threads, so one processor
    and two gave different bits; the head is too small to gain from more than one. They read this
    when they first compute: if the process has computed with them before, the bits depend on its
    processors. PyTorch can be configured at any time: see
    :func:`satchel.training.steps.deterministic`.
    """
    if name == "jax":
        os.environ.setdefault("PJRT_NPROC", "1")
    elif name == "tensorflow":
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
