"""``satchel evaluate --report``: the page names what was judged, and no folder of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from satchel.model import Model
from satchel.sealed.assembly import ensemble_of
from small_models import LINEAR, TEXTS, make_contents


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a report of the command line, and what the command printed."""
    place = tmp_path_factory.mktemp("somewhere-on-this-machine")
    Model(ensemble_of(make_contents([LINEAR]))).save(place / "small.satchel")
    labels = ["cars", "graphics", "space", "sport"] * 3
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=False)]
    (place / "judged.jsonl").write_text(
        "\n".join(json.dumps(row) for row in rows), encoding="utf-8"
    )
    command = ["evaluate", place / "small.satchel", place / "judged.jsonl", "--report", place / "r"]
    done = subprocess.run(
        [sys.executable, "-m", "satchel", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return place / "r", done.stdout


def test_the_page_names_model_and_data(reported):
    page = (reported[0] / "report.html").read_text("utf-8")
    assert '<h1 id="summary-title">small.satchel evaluated on judged.jsonl</h1>' in page
    assert "Trained on 10 documents of 4 classes" in page
    assert "somewhere-on-this-machine" not in page


def test_the_page_explains(reported):
    page = (reported[0] / "report.html").read_text("utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["explained"] > 0
    assert any(row[7] for row in data["documents"])
    assert any("words" in row for row in data["classes"])


def test_the_figures_are_those_printed(reported):
    folder, printed = reported
    figures = json.loads((folder / "report.json").read_text("utf-8"))
    assert f"accuracy  {figures['accuracy']:.1%}" in printed
    assert figures["about"]["model"] == "small.satchel"
