"""The suite itself: a test that is skipped without a good reason fails the run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import WITH_KERAS

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("source", "workers", "passes"),
    [
        ("import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass", "0", False),
        ("import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass", "2", False),
        ("import pytest\n@pytest.mark.skip(reason='on a whim')\ndef test_it(): pass", "0", False),
        ("import pytest\ndef test_it(): pytest.skip('no data: set SATCHEL_DATA')", "0", True),
    ],
)
def test_a_skip_without_a_good_reason_fails_the_run(
    source: str, workers: str, passes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SATCHEL_DATA", raising=False)
    (tmp_path / "test_one.py").write_text(source, "utf-8")
    (tmp_path / "test_two.py").write_text("def test_another(): pass", "utf-8")
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"),
            *("-c", HERE.parent / "pyproject.toml", "--rootdir", tmp_path, "-n", workers, tmp_path),
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == (0 if passes else 1), answer.stdout
    assert ("should not occur" in answer.stdout) is not passes


def test_no_module_hides_behind_keras() -> None:
    # importorskip takes an installed Keras without a backend for a missing one.
    for path in sorted(HERE.glob("test_*.py")):
        source = path.read_text("utf-8")
        assert not re.search(r"^(\w+ = )?pytest\.importorskip\(.keras\b", source, re.M), path.name


def test_modules_that_run_on_one_backend_train_no_network() -> None:
    uses = (
        r"^\s*(import keras|from keras)\b|\bsatchel\.(search\.fitting|training\.(network|heads))\b"
    )
    uses += r"|TextClassifier\((?!effort=\"fast\"|\"fast\")"
    for path in sorted(HERE.rglob("test_*.py")):
        name = str(path.relative_to(HERE))
        if not name.startswith(WITH_KERAS) and name != "test_suite.py":
            found = re.search(uses, path.read_text("utf-8"), re.M)
            assert found is None, f"{name}: {found[0] if found else ''}"
