"""What must hold for any file: it is refused by a clear error, or it answers like a model."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from hostile.structures import GOOD, TEXTS
from satchel import sealed
from satchel.errors import ModelFileError, PredictionError, SettingError
from satchel.features.hashing import NO_KEY
from satchel.features.kernels import numba_available
from satchel.model import Model, load
from satchel.sealed.assembly import card
from satchel.sealed.compress import compress
from small_models import known_by_counts

ASKED = ["", "zzzz", *TEXTS, " ".join(TEXTS) * 20, "card " * 3_000]


def outcome(data: bytes, name: str) -> str:
    """Open a file, and ask everything of the model that opens.

    Args:
        data: The file.
        name: How it came about.

    Returns:
        Where it was refused, or ``answered``, or ``overflowed`` where its numbers do.

    Raises:
        Exception: Something happened that must not: another error, a warning, an answer that is
            none, or a model that cannot be written again.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            ensemble = sealed.loads(data)
        except ModelFileError as error:
            return f"refused: {error.member or 'container'}"
        again = sealed.dumps(ensemble)
        if name == "bytes":
            assert again in GOOD, "a mutation opened as another model"
        assert sealed.dumps(sealed.loads(again)) == again
        return _ask(Model(ensemble))


def outcome_of_file(path: Path) -> str:
    """The same by way of the disk, without the questions."""
    try:
        load(path)
    except ModelFileError:
        return "refused"
    return "opened"


def _ask(model: Model) -> str:
    """Ask a model for answers on every path, and look at what it says."""
    predictor, ensemble = model.predictor, model.ensemble
    card(ensemble)
    repr(model)
    labels = set(model.classes_.tolist())
    assert len(labels) == len(ensemble.labels)
    try:
        _check(model.predict_proba(ASKED), ensemble.task)
        if numba_available() and ensemble.views[0].vocabulary.features.hash_key != NO_KEY:
            sums, known = predictor._encoder.read_fused(ASKED, threads=1)
            np.testing.assert_array_equal(known.max(axis=1), known_by_counts(predictor, ASKED))
            assert len(sums) == len(ensemble.views)
        answers = model.predict(ASKED)
        for answer in answers.tolist():
            assert answer in labels if ensemble.task == "single" else labels.issuperset(answer)
        found = predictor.columns(ASKED, top=3)
        assert found.top_labels.shape == (len(ASKED), min(3, len(labels)))
        assert ((found.top_probabilities >= 0) & (found.top_probabilities <= 1)).all()
        if found.assigned is not None:
            assert np.diff(found.assigned.offsets).max() <= 1_000
        if len(labels) > 1:
            for text in ASKED[:4]:
                explanation = predictor.explain(text)
                assert np.isfinite([token.value for token in explanation.tokens]).all()
    except PredictionError:
        return "overflowed"
    try:
        small = compress(ensemble, max_bytes=max(3_500, len(sealed.dumps(ensemble)) // 2))
        sealed.loads(sealed.dumps(small))
    except (SettingError, ModelFileError):
        return "answered"  # labels and layers alone take more, or numbers do not fit the rows
    return "answered and compressed"


def _check(probabilities: np.ndarray, task: str) -> None:
    assert probabilities.shape[0] == len(ASKED)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    assert (probabilities <= 1.0 + 1e-6).all()
    if task == "single":
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)
