"""What all tests share: how Hypothesis runs, how steps are compiled, and what may be skipped."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

import satchel  # noqa: F401  # it chooses the backend that Keras finds when a test imports it

# HYPOTHESIS_EXAMPLES=1000 pytest: a longer search, for the night.
examples = int(os.environ.get("HYPOTHESIS_EXAMPLES", "40"))
settings.register_profile("satchel", deadline=None, max_examples=examples)
settings.load_profile("satchel")

# Nearly all of a small fit is XLA compiling the head's step, the same for most tests and for the
# processes that they start. JAX reads these variables once, when it is imported. Each worker has a
# folder of its own: JAX writes its files in place, and one that is read half-written is a warning,
# which is an error here.
_COMPILED = tempfile.mkdtemp(prefix="satchel-tests-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = _COMPILED
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


def pytest_configure(config: pytest.Config) -> None:
    # In a checkout that others can write, with no private home folder, kernels are compiled by
    # every process, and say so; the tests hold all the same.
    config.addinivalue_line(
        "filterwarnings", "ignore:.*machine code is not kept:satchel.errors.SatchelWarning"
    )


# Modules of tests in which Keras trains, converts or runs a network; one backend is enough for the
# others. Paths below tests/, by their beginning.
WITH_KERAS = (
    *("test_training_", "test_classifier", "test_search_fitting", "test_exchange_export"),
    *("test_determinism", "test_inference_forward", "test_cli.py", "test_cli_refit"),
    *("test_cli_division", "test_evaluation_report", "test_data_", "formats/"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and str(item.path.relative_to(here)).startswith(
            WITH_KERAS
        ):
            item.add_marker("with_keras")


def pytest_unconfigure() -> None:
    shutil.rmtree(_COMPILED, ignore_errors=True)


def reasons_to_skip() -> dict[str, bool]:
    """Parts of the reasons for which a test may be skipped, and whether each may occur here."""
    return {
        "set SATCHEL_DATA": "SATCHEL_DATA" not in os.environ,
        "PyTorch is not installed": importlib.util.find_spec("torch") is None,
        "by TensorFlow": importlib.util.find_spec("tensorflow") is None,
        # One of scikit-learn's own checks.
        "SCIPY_ARRAY_API is not set": "SCIPY_ARRAY_API" not in os.environ,
        "needs POSIX": os.name != "posix",
        "needs the device that is always full": not os.path.exists("/dev/full"),
        "the file system takes UTF-8 names only": True,
    }


def unexpected_skips(config: pytest.Config) -> list[str]:
    """Tests and modules that were skipped for any other reason: place and reason of each.

    A module that cannot be imported must not pass for one that has nothing to say.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist; the controller looks
        return []
    possible = [reason for reason, may_occur in reasons_to_skip().items() if may_occur]
    found = []
    for report in reporter.stats.get("skipped", []):
        path, line, reason = report.longrepr
        if not any(part in reason for part in possible):
            found.append(f"{path}:{line}: {reason}")
    return found


def pytest_sessionfinish(session: pytest.Session) -> None:
    if unexpected_skips(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = unexpected_skips(config)
    if found:
        terminalreporter.section("skipped for a reason that should not occur here")
        for line in found:
            terminalreporter.line(line)
