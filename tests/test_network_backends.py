"""Choosing a backend: before Keras is there, never after, and with a clear word."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from satchel.errors import MissingDependencyError, SettingError
from satchel.network import backends


def run(program: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-c", program],
        env=kept | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_jax_is_the_default_and_nothing_is_loaded_by_choosing():
    program = (
        "import sys, satchel.network\n"
        "from satchel.network.backends import use_backend\n"
        "print(use_backend(), {'keras', 'jax', 'numba', 'tensorflow'} & set(sys.modules))"
    )
    assert run(program) == "jax set()"


NAMED = "import os, satchel, keras; print(os.environ.get('KERAS_BACKEND'), keras.backend.backend())"


def test_keras_can_be_imported_after_satchel_whatever_file_keras_wrote_before(
    tmp_path: Path,
) -> None:
    first = run(NAMED, HOME=str(tmp_path))
    # Keras has now written a file that names TensorFlow, which nobody chose.
    written = json.loads((tmp_path / ".keras" / "keras.json").read_text("utf-8"))
    assert written["backend"] == "tensorflow"
    assert first == run(NAMED, HOME=str(tmp_path)) == "jax jax"


def test_the_users_own_configuration_and_variable_are_not_overruled(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "torch"}', "utf-8")
    program = (
        "import os, satchel\nfrom satchel.network.backends import use_backend\n"
        "print(os.environ.get('KERAS_BACKEND'), use_backend())"
    )
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    assert run(program, KERAS_HOME=str(tmp_path)) == "None torch"
    assert run(program, KERAS_HOME=str(tmp_path), KERAS_BACKEND="jax") == "jax jax"
    (tmp_path / "keras.json").write_text("[no configuration", "utf-8")
    assert run(program, KERAS_HOME=str(tmp_path)) == "jax jax"


def test_where_a_backend_is_missing_the_next_one_that_is_installed_serves() -> None:
    program = (
        "import importlib.util as u, os\n"
        "find = u.find_spec\n"
        "present = {{'keras', 'jax', 'torch', 'tensorflow'}} - {missing}\n"
        "u.find_spec = lambda name, *a: (name in present) or None\n"
        "import satchel\n"
        "print(os.environ.get('KERAS_BACKEND'))"
    )
    assert run(program.format(missing={"jax"})) == "torch"
    assert run(program.format(missing={"jax", "torch"})) == "tensorflow"
    assert run(program.format(missing={"jax", "torch", "tensorflow"})) == "None"
    assert run(program.format(missing={"keras"})) == "None"


def test_the_variable_is_heard_and_the_argument_outranks_it():
    program = (
        "import os\nfrom satchel.network.backends import use_backend\n"
        "print(use_backend({}), os.environ['KERAS_BACKEND'])"
    )
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    assert run(program.format(""), KERAS_BACKEND="torch") == "torch torch"
    assert run(program.format("'jax'"), KERAS_BACKEND="torch") == "jax jax"


def test_a_loaded_keras_keeps_its_backend():
    loaded = backends.use_backend()
    assert keras.backend.backend() == loaded
    assert backends.use_backend() == loaded
    other = "torch" if loaded != "torch" else "jax"
    with pytest.raises(SettingError, match=f"already runs on '{loaded}'.*KERAS_BACKEND={other}"):
        backends.use_backend(other)


def test_an_unknown_backend_is_refused():
    with pytest.raises(SettingError, match="jax, torch, tensorflow, not 'theano'"):
        backends.use_backend("theano")


def test_a_missing_backend_names_its_extra():
    program = (
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
        "from satchel.errors import MissingDependencyError\n"
        "from satchel.network.backends import use_backend\n"
        "try: use_backend('torch')\n"
        "except MissingDependencyError as error: print(error.extra, error)"
    )
    assert run(program).startswith("torch training on torch needs torch")
    assert issubclass(MissingDependencyError, ImportError)
