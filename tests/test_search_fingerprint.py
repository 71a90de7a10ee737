"""The fingerprint of training data, and the hash key that comes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corpora import corpus
from satchel import sealed
from satchel.search import fitting
from satchel.search.dataset import fingerprint
from satchel.search.plan import gather, plan
from satchel.search.settings import Settings
from satchel.search.targets import encode
from strategies import texts as any_text

TEXTS, TRUE = corpus(45)
TARGETS = encode(TRUE)


@given(st.lists(any_text, min_size=2, max_size=6), st.data())
def test_other_texts_have_another_key(texts: list[str], data: st.DataObject) -> None:
    targets = encode(["a", "b", *["a"] * (len(texts) - 2)])
    changed = list(texts)
    place = data.draw(st.integers(0, len(texts) - 1))
    changed[place] = data.draw(any_text.filter(lambda text: text.strip()))
    one, other = fingerprint(texts, targets), fingerprint(changed, targets)
    assert (one == other) == (texts == changed)
    assert (one.hash_key == other.hash_key) == (texts == changed)


def test_other_labels_change_the_fingerprint_and_not_the_key() -> None:
    others = [
        encode([*TRUE[:-1], TRUE[0]]),
        encode([f"{label}!" for label in TRUE]),
        encode([(label,) for label in TRUE]),
    ]
    first = fingerprint(TEXTS, TARGETS)
    found = [fingerprint(TEXTS, targets) for targets in others]
    assert {each.hash_key for each in found} == {first.hash_key}
    assert len({first.training, *(each.training for each in found)}) == 4


def test_labels_that_look_alike_are_told_apart() -> None:
    numbers = [index % 2 for index in range(len(TEXTS))]
    texts = [str(number) for number in numbers]
    floats = [float(number) for number in numbers]
    found = [fingerprint(TEXTS, encode(labels)).training for labels in (numbers, texts, floats)]
    assert len(set(found)) == 3


def test_texts_of_blanks_leave_no_mark() -> None:
    with_blanks = fingerprint(["", *TEXTS, "\n\t"], encode([TRUE[0], *TRUE, TRUE[1]]))
    assert with_blanks == fingerprint(TEXTS, TARGETS)


def test_every_view_of_a_plan_has_the_key() -> None:
    for settings in (Settings(effort="best"), Settings(preset="tutorial"), Settings()):
        chosen = plan(gather(TEXTS, TARGETS), settings).with_hash_key(99)
        views = [chosen.view, *([chosen.characters] if chosen.characters else [])]
        assert {view.features.hash_key for view in views} == {99}
        assert {each.view.features.hash_key for each in chosen.first.candidates} == {99}


def test_a_model_carries_key_and_fingerprint() -> None:
    parts = fitting.fit(TEXTS, TARGETS, Settings()).model
    model = sealed.loads(sealed.dumps(parts))
    expected = fingerprint(TEXTS, TARGETS)
    assert {view.vocabulary.features.hash_key for view in model.views} == {expected.hash_key}
    assert model.training.fingerprint == expected.training
    assert len(expected.training) == 64
