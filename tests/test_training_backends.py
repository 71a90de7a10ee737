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

from private_folders import private_folder
from satchel.errors import MissingDependencyError, SettingError
from satchel.training.backends import use_backend


def run(program: str, **environment: str) -> str:
    chosen = {"KERAS_BACKEND", "JAX_COMPILATION_CACHE_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in chosen}
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
        "import sys, satchel.training\n"
        "from satchel.training.backends import use_backend\n"
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
        "import os, satchel\nfrom satchel.training.backends import use_backend\n"
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
        "import os\nfrom satchel.training.backends import use_backend\n"
        "print(use_backend({}), os.environ['KERAS_BACKEND'])"
    )
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    assert run(program.format(""), KERAS_BACKEND="torch") == "torch torch"
    assert run(program.format("'jax'"), KERAS_BACKEND="torch") == "jax jax"


def test_a_loaded_keras_keeps_its_backend():
    loaded = use_backend()
    assert keras.backend.backend() == loaded
    assert use_backend() == loaded
    other = "torch" if loaded != "torch" else "jax"
    with pytest.raises(SettingError, match=f"already runs on '{loaded}'.*KERAS_BACKEND={other}"):
        use_backend(other)


def test_an_unknown_backend_is_refused():
    with pytest.raises(SettingError, match="jax, torch, tensorflow, not 'theano'"):
        use_backend("theano")


def test_a_missing_backend_names_its_extra():
    program = (
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
        "from satchel.errors import MissingDependencyError\n"
        "from satchel.training.backends import use_backend\n"
        "try: use_backend('torch')\n"
        "except MissingDependencyError as error: print(error.extra, error)"
    )
    assert run(program).startswith("torch training on torch needs torch")
    assert issubclass(MissingDependencyError, ImportError)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners and modes")
def test_compiled_steps_are_kept_only_where_nobody_else_can_write():
    program = (
        "import os, tempfile, warnings\n"
        "tempfile.tempdir = os.environ['XDG_CACHE_HOME']\n"
        "from satchel.training.backends import use_backend\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    use_backend('jax')\n"
        "print(os.environ.get('JAX_COMPILATION_CACHE_DIR', ''), len(said))"
    )
    with private_folder() as folder:
        place = {"XDG_CACHE_HOME": str(folder)}
        assert run(program, **place) == f"{folder}/satchel/jax 0"
        folder.chmod(0o1777)
        assert run(program, **place) == "1"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners and modes")
def test_damaged_steps_are_removed_and_compiled_anew():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    program = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    from satchel.training.backends import use_backend\n"
        "    use_backend('jax')\n"
        "    import jax\n"
        "    print(jax.jit(lambda x: x * 2 + 1)(20))\n"
        "print(*[str(each.message) for each in said], sep='\\n')"
    )
    with private_folder() as folder:
        place = {"XDG_CACHE_HOME": str(folder)}
        assert run(program, **place) == "41"
        whole = {path: path.read_bytes() for path in folder.rglob("*-cache")}
        assert whole
        for damaged in (b"", b"xx", None):
            for path, content in whole.items():
                path.write_bytes(content[:-9] if damaged is None else damaged)
            answer, remark = run(program, **place).splitlines()
            assert answer == "41"
            assert remark.startswith(f"{len(whole)} damaged files of compiled code are removed")
            assert run(program, **place) == "41"
            assert {path.name for path in folder.rglob("*-cache")} == {p.name for p in whole}
