"""Every argument of the constructor is checked, and each does what it says."""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from msgspec import structs
from sklearn.base import clone

from corpora import corpus
from satchel import TextClassifier, sealed
from satchel.errors import LabelError, SettingError, UnsupportedHeadError
from satchel.features.hashing import CHARACTER_KIND
from satchel.training.heads import default_head

TEXTS, TRUE = corpus(90)
NEW, NEW_TRUE = corpus(45, seed=1)


HEAD = default_head()
# Keras asks its own variables for a copy in a way that NumPy 2 is about to drop.
keras_is_behind_numpy = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")


def linear(**settings: Any) -> TextClassifier:
    return TextClassifier(**({"effort": "fast"} | settings))


def quick(**settings: Any) -> TextClassifier:
    """One small network."""
    return TextClassifier(**{"head": HEAD, "hidden": 16, "epochs": 4, **settings})


def sealed_bytes(classifier: TextClassifier) -> bytes:
    return sealed.dumps(classifier.model_.ensemble)


def answering_bytes(classifier: TextClassifier) -> bytes:
    """The file without the history of its training: what answers depend on."""
    ensemble = classifier.model_.ensemble
    training = structs.replace(ensemble.training, history=())
    return sealed.dumps(replace(ensemble, training=training))


def kinds(classifier: TextClassifier) -> set[int]:
    views = classifier.model_.ensemble.views
    return {kind for view in views for kind in view.vocabulary.kinds.tolist()}


class Watch(keras.callbacks.Callback):
    """Writes down what Keras tells callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.epochs: list[dict[str, float]] = []
        self.width = 0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  # Keras names it
        self.begun += 1
        self.width = self.model.get_weights()[0].shape[1]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # Keras names it
        self.epochs.append(dict(logs))


@pytest.fixture(scope="module")
def network() -> TextClassifier:
    return quick().fit(TEXTS, TRUE)


@pytest.fixture(scope="module")
def fast() -> TextClassifier:
    return linear().fit(TEXTS, TRUE)


# Each does what it says.


def test_every_argument_has_a_test_here() -> None:
    source = Path(__file__).read_text("utf-8")
    documentation = inspect.getdoc(TextClassifier) or ""
    for name in TextClassifier().get_params():
        assert f"def test_{name}_" in source, f"no test of {name}"
        assert f"{name}:" in documentation


def test_effort_decides_how_much_is_tried(fast: TextClassifier) -> None:
    assert fast.model_.ensemble.training.effort == "fast"
    balanced = TextClassifier(hidden=16, epochs=4).fit(TEXTS, TRUE)
    assert balanced.model_.ensemble.training.effort == "balanced"
    trials = balanced.model_.ensemble.training.trials
    assert len(trials) > len(fast.model_.ensemble.training.trials)
    assert all(trial.name and 0 <= trial.value <= 1 for trial in trials)


def test_preset_tutorial_is_the_old_program() -> None:
    watch = Watch()
    classifier = TextClassifier(preset="tutorial", callbacks=[watch]).fit(TEXTS, TRUE)
    ensemble = classifier.model_.ensemble
    assert ensemble.training.effort == "tutorial"
    (view,) = ensemble.views
    assert view.vocabulary.features.rules == "keras"
    assert view.vocabulary.features.words == 1
    (member,) = ensemble.members
    assert [layer.units for layer in member.layers if layer.kind == "dense"] == [512, 3]
    assert watch.width == 512
    assert len(watch.epochs) == 30
    # 10 % are the fit's own validation part.
    assert all("val_accuracy" in logs for logs in watch.epochs)
    assert classifier.score(NEW, NEW_TRUE) > 0.9
    # What a callback monitors is on those, and no other documents are held out for it.
    patient = keras.callbacks.EarlyStopping(patience=99)
    again = TextClassifier(preset="tutorial", callbacks=[patient]).fit(TEXTS, TRUE)
    assert sealed_bytes(again) == sealed_bytes(classifier)
    assert len(again.history_[0]["val_loss"]) == 30


def test_head_may_be_a_callable() -> None:
    seen = []

    def head(bags: Any, n_classes: int) -> Any:
        seen.append((bags.shape, n_classes))
        hidden = keras.layers.Dense(9, activation="gelu")(keras.layers.LayerNormalization()(bags))
        return keras.layers.Dense(n_classes)(keras.layers.Dropout(0.1)(hidden))

    classifier = quick(head=head, epochs=12).fit(TEXTS, TRUE)
    assert set(seen) == {((None, 16), 3)}
    (member,) = classifier.model_.ensemble.members
    kept = [(layer.kind, layer.units, layer.activation) for layer in member.layers]
    assert kept == [
        ("layer_normalization", 16, "linear"), ("dense", 9, "gelu"), ("dense", 3, "linear"),
    ]  # fmt: skip
    assert classifier.score(NEW, NEW_TRUE) > 0.9


@keras_is_behind_numpy
def test_head_may_be_a_keras_model_which_stays_as_it_was() -> None:
    model = keras.Sequential([keras.Input((16,)), keras.layers.ReLU(), keras.layers.Dense(3)])
    before = [np.array(weights) for weights in model.get_weights()]
    classifier = quick(head=model, epochs=8).fit(TEXTS, TRUE)
    assert classifier.score(NEW, NEW_TRUE) > 0.9
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_head_that_a_satchel_cannot_carry_is_refused_before_training() -> None:
    watch = Watch()

    def recurrent(bags: Any, n_classes: int) -> Any:
        wide = keras.layers.Reshape((16, 1))(bags)
        return keras.layers.Dense(n_classes)(keras.layers.GRU(4)(wide))

    with pytest.raises(UnsupportedHeadError, match=r"GRU|Reshape"):
        quick(head=recurrent, callbacks=[watch]).fit(TEXTS, TRUE)
    assert watch.begun == 0
    wrong = keras.Sequential([keras.Input((7,)), keras.layers.Dense(3)])
    with pytest.raises(SettingError, match="16"):
        quick(head=wrong, callbacks=[watch]).fit(TEXTS, TRUE)
    with pytest.raises(SettingError, match="3"):
        quick(head=lambda h, n: keras.layers.Dense(n + 1)(h), callbacks=[watch]).fit(TEXTS, TRUE)
    assert watch.begun == 0


def test_hidden_is_the_width_of_the_network() -> None:
    watch = Watch()
    classifier = quick(hidden=11, callbacks=[watch]).fit(TEXTS, TRUE)
    assert watch.width == 11
    assert classifier.model_.ensemble.views[0].width == 11


def test_epochs_are_passes() -> None:
    watch = Watch()
    quick(epochs=3, callbacks=[watch]).fit(TEXTS, TRUE)
    assert len(watch.epochs) == 3


def test_words_are_the_longest_n_gram() -> None:
    assert kinds(linear(words=1).fit(TEXTS, TRUE)) == {1}
    assert kinds(linear(words=3).fit(TEXTS, TRUE)) == {1, 2, 3}


def test_characters_add_n_grams(fast: TextClassifier) -> None:
    assert CHARACTER_KIND not in kinds(fast)
    classifier = linear(characters=(3, 4)).fit(TEXTS, TRUE)
    assert CHARACTER_KIND in kinds(classifier)
    # Words that nobody wrote, made of pieces that they share with words known.
    assert (classifier.model_.predictor.columns(["goaliexyz"]).known > 0).all()
    assert (fast.model_.predictor.columns(["goaliexyz"]).known == 0).all()


def test_strip_removes_parts_in_training_and_in_answers() -> None:
    quoted = [
        f"> {'puck goal' if i % 2 else 'oven butter'}\n{text}" for i, text in enumerate(TEXTS)
    ]
    classifier = linear(strip=["quotes"]).fit(quoted, TRUE)
    for view in classifier.model_.ensemble.views:
        assert view.vocabulary.features.strip == ("quotes",)
    np.testing.assert_array_equal(
        classifier.predict_proba(["orbit of the moon"]),
        classifier.predict_proba(["> puck goal skate\norbit of the moon"]),
    )


def test_class_weight_lifts_the_rare() -> None:
    rare = [TEXTS[i] for i in range(len(TEXTS)) if TRUE[i] != "cooking" or i < 9]
    labels = [TRUE[i] for i in range(len(TEXTS)) if TRUE[i] != "cooking" or i < 9]
    for settings in ({"effort": "fast"}, {"hidden": 16, "epochs": 2}, {"head": HEAD, "epochs": 2}):
        plain, even, heavy = (
            TextClassifier(class_weight=weight, **settings)
            .fit(rare, labels)
            .predict_proba(NEW[::3])[:, 0]
            .astype(float)
            for weight in (None, "balanced", {"cooking": 10})
        )
        for lifted in (even, heavy):
            odds = np.log(lifted / (1 - lifted)) - np.log(plain / (1 - plain))
            assert odds.mean() > 0.1


def test_class_weight_may_name_every_label() -> None:
    few = [i for i in range(len(TEXTS)) if TRUE[i] != "cooking" or i < 9]
    texts, labels = [TEXTS[i] for i in few], [TRUE[i] for i in few]
    even = {label: len(few) / (3 * labels.count(label)) for label in set(labels)}
    named = linear(class_weight=even).fit(texts, labels)
    balanced = linear(class_weight="balanced").fit(texts, labels)
    plain = linear().fit(texts, labels)
    rows = [each.model_.ensemble.views[0].rows for each in (named, balanced, plain)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])
    with pytest.raises(SettingError, match="'hockey'"):
        linear(class_weight={"hockey": 2}).fit(TEXTS, TRUE)
    # A part of the documents may lack a class that the mapping names.
    linear(class_weight=even | {"chess": 3}).fit(TEXTS, TRUE)
    numbers = linear(class_weight={1: 5, 2: 1}).fit(TEXTS, [1 if x == "宇宙" else 2 for x in TRUE])
    assert numbers.classes_.tolist() == [1, 2]


@keras_is_behind_numpy
def test_learning_rate_is_that_of_the_first_step() -> None:
    rates = []

    class Rate(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            rates.append(float(self.model.optimizer.learning_rate))

    own = keras.optimizers.Adam(0.02)
    cases: list[tuple[dict[str, Any], float]] = [
        ({}, 0.1),
        ({"learning_rate": 0.03}, 0.03),
        ({"optimizer": "adam"}, 0.001),
        ({"optimizer": own}, 0.02),
        ({"optimizer": own, "learning_rate": 0.5}, 0.5),
    ]
    for settings, rate in cases:
        quick(epochs=1, callbacks=[Rate()], **settings).fit(TEXTS, TRUE)
        assert rates.pop() == pytest.approx(rate)
    assert float(own.learning_rate) == pytest.approx(0.02)


def test_batch_size_is_the_documents_of_a_step() -> None:
    steps = []

    class Steps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            steps.append(batch)

    quick(epochs=1, batch_size=40, callbacks=[Steps()]).fit(TEXTS, TRUE)
    assert steps == [0, 1, 2]


@keras_is_behind_numpy
def test_optimizer_is_the_heads_and_decides_the_bag_layers(network: TextClassifier) -> None:
    by_name = quick(optimizer="adam", learning_rate=0.01).fit(TEXTS, TRUE)
    own = keras.optimizers.Adam(0.01, epsilon=1e-7)
    settings = own.get_config()
    classifier = quick(optimizer=own)
    assert sealed_bytes(classifier.fit(TEXTS, TRUE)) == sealed_bytes(by_name)
    # The optimizer given is a plan: it is as it was, and a second fit starts afresh.
    assert own.get_config() == settings
    assert not own.built
    assert sealed_bytes(classifier.fit(TEXTS, TRUE)) == sealed_bytes(by_name)
    assert sealed_bytes(clone(classifier).fit(TEXTS, TRUE)) == sealed_bytes(by_name)
    assert sealed_bytes(by_name) != sealed_bytes(network)
    for other in (keras.optimizers.SGD(0.5, momentum=0.9), keras.optimizers.AdamW(0.01)):
        assert quick(optimizer=other, epochs=12).fit(TEXTS, TRUE).score(NEW, NEW_TRUE) > 0.9
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(SettingError, match="schedule"):
        quick(optimizer=keras.optimizers.SGD(schedule)).fit(TEXTS, TRUE)


def test_loss_may_be_a_name_an_object_or_a_function(network: TextClassifier) -> None:
    def crossentropy(targets: Any, answers: Any) -> Any:
        return keras.losses.categorical_crossentropy(targets, answers, from_logits=True)

    class Own(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return crossentropy(y_true, y_pred)

    same = [
        "categorical_crossentropy",
        keras.losses.CategoricalCrossentropy(),
        crossentropy,
        Own(),
    ]
    for loss in same:
        assert sealed_bytes(quick(loss=loss).fit(TEXTS, TRUE)) == sealed_bytes(network)
    focal = quick(loss=keras.losses.CategoricalFocalCrossentropy(gamma=3.0), epochs=12)
    assert focal.fit(TEXTS, TRUE).score(NEW, NEW_TRUE) > 0.9
    assert focal.history_[0]["loss"][-1] < network.history_[0]["loss"][-1]
    for wrong, told in [
        ("no_such_loss", "no_such_loss"),
        ("sparse_categorical_crossentropy", "'c"),
    ]:
        with pytest.raises(SettingError, match=told):
            quick(loss=wrong).fit(TEXTS, TRUE)


@keras_is_behind_numpy
def test_validation_split_gives_callbacks_something_to_watch() -> None:
    classifier = quick(validation_split=0.2).fit(TEXTS, TRUE)
    (history,) = classifier.history_
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert [len(values) for values in history.values()] == [4] * 4
    assert classifier.n_documents_ == 90
    assert set(quick().fit(TEXTS, TRUE).history_[0]) == {"loss", "accuracy"}
    # Keras's own defaults watch val_loss: nothing more has to be asked for.
    for callback in (
        keras.callbacks.EarlyStopping(),
        keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy"),
    ):
        watched = quick(callbacks=[callback]).fit(TEXTS, TRUE)
        assert "val_loss" in watched.history_[0]
    stop = keras.callbacks.EarlyStopping(min_delta=9)
    assert len(quick(callbacks=[stop]).fit(TEXTS, TRUE).history_[0]["val_loss"]) == 2
    # Nothing is held out where nothing is asked for: 0 wins over the callback.
    with pytest.warns(UserWarning, match="val_loss"):
        quick(callbacks=[stop], validation_split=0).fit(TEXTS, TRUE)
    with pytest.raises(SettingError, match="validation_data"):
        quick(validation_split=0.2).fit(["red blue", "one two"], ["a", "b"])


def test_validation_data_is_watched_and_not_learnt_from(network: TextClassifier) -> None:
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", min_delta=9, patience=1)
    classifier = quick().fit(TEXTS, TRUE, validation_data=(NEW, NEW_TRUE))
    assert answering_bytes(classifier) == answering_bytes(network)
    (history,) = classifier.history_
    (kept,) = classifier.model_.ensemble.training.history
    assert {name: list(values) for name, values in kept.logs.items()} == history
    assert history["val_accuracy"][-1] == pytest.approx(network.score(NEW, NEW_TRUE), abs=0.05)
    probabilities = network.predict_proba(NEW)
    right = probabilities[np.arange(len(NEW)), np.searchsorted(network.classes_, NEW_TRUE)]
    # What is kept is calibrated; the loss is of the network as it was trained.
    assert 0 < history["val_loss"][-1] < 2 * -np.log(right).mean() + 1
    stopped = quick(callbacks=[stop], epochs=9).fit(TEXTS, TRUE, validation_data=(NEW, NEW_TRUE))
    assert len(stopped.history_[0]["loss"]) == 2
    with pytest.raises(LabelError, match="'chess'"):
        quick().fit(TEXTS, TRUE, validation_data=(["a rook"], ["chess"]))


@keras_is_behind_numpy
def test_a_checkpoint_keeps_the_best_without_more_ado(tmp_path: Path) -> None:
    best = tmp_path / "best.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True)
    quick(callbacks=[keep]).fit(TEXTS, TRUE)
    assert best.stat().st_size > 0


def test_budget_ends_the_search_with_its_best_so_far() -> None:
    free = TextClassifier(hidden=16, epochs=4).fit(TEXTS, TRUE)
    short = TextClassifier(hidden=16, epochs=4, budget=1e-6).fit(TEXTS, TRUE)
    assert len(short.model_.ensemble.training.trials) < len(free.model_.ensemble.training.trials)
    assert short.score(NEW, NEW_TRUE) > 0.95


def test_max_size_is_kept_by_the_file(network: TextClassifier, tmp_path: Path) -> None:
    whole = len(sealed_bytes(network))
    classifier = quick(max_size=whole // 4).fit(TEXTS, TRUE)
    classifier.save(tmp_path / "small.satchel")
    assert (tmp_path / "small.satchel").stat().st_size <= whole // 4
    assert classifier.score(NEW, NEW_TRUE) > 0.9
    with pytest.raises(SettingError, match="100"):
        quick(max_size=100).fit(TEXTS, TRUE)


def test_callbacks_run_once_in_the_final_fit() -> None:
    watch = Watch()
    TextClassifier(hidden=16, epochs=4, callbacks=[watch]).fit(TEXTS, TRUE)
    assert watch.begun == 1
    assert len(watch.epochs) == 4
    assert {"loss", "accuracy"} <= watch.epochs[0].keys()
    assert watch.epochs[-1]["loss"] < watch.epochs[0]["loss"]


def test_callbacks_of_keras_stop_the_training() -> None:
    watch = Watch()
    stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=10.0, patience=1)
    quick(epochs=9, callbacks=[watch, stop]).fit(TEXTS, TRUE)
    assert len(watch.epochs) == 2


def test_backend_is_recorded_and_cannot_change_under_way(
    network: TextClassifier, fast: TextClassifier
) -> None:
    loaded = keras.backend.backend()
    assert network.model_.ensemble.training.backend == loaded
    assert fast.model_.ensemble.training.backend == "none"
    assert sealed_bytes(quick(backend=loaded).fit(TEXTS, TRUE)) == sealed_bytes(network)
    other = "torch" if loaded != "torch" else "jax"
    with pytest.raises(SettingError, match=f"runs on '{loaded}'"):
        quick(backend=other).fit(TEXTS, TRUE)


def test_seed_decides(fast: TextClassifier, network: TextClassifier) -> None:
    for make, first in ((linear, fast), (quick, network)):
        assert sealed_bytes(make(seed=0).fit(TEXTS, TRUE)) == sealed_bytes(first)
        other = make(seed=1).fit(TEXTS, TRUE)
        assert not np.array_equal(other.predict_proba(NEW), first.predict_proba(NEW))
        assert other.model_.ensemble.training.seed == 1


def test_threads_are_no_more_than_asked_and_change_nothing() -> None:
    most = 0

    def watch(stage: str, done: int, total: int | None, note: str = "") -> None:
        nonlocal most
        own = [thread for thread in threading.enumerate() if thread.name.startswith("satchel")]
        most = max(most, len(own))

    settings: dict[str, Any] = {"hidden": 16, "epochs": 2, "progress": watch}
    one = TextClassifier(threads=1, **settings).fit(TEXTS, TRUE)
    assert most <= 1
    three = TextClassifier(threads=3, **settings).fit(TEXTS, TRUE)
    assert sealed_bytes(one) == sealed_bytes(three)


def test_progress_is_told_of_every_stage_and_is_silent_by_default(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told: dict[str, list[tuple[int, int | None]]] = {}

    def progress(stage: str, done: int, total: int | None, note: str = "") -> None:
        told.setdefault(stage, []).append((done, total))

    TextClassifier(hidden=16, epochs=3, progress=progress).fit(TEXTS, TRUE)
    assert {"counting words", "searching", "training"} <= told.keys()
    assert told["counting words"][-1] == (90, 90)
    assert told["training"] == [(1, 3), (2, 3), (3, 3)]
    for steps in told.values():
        assert all(total is None or 0 <= done <= total for done, total in steps)
    capfd.readouterr()
    quick().fit(TEXTS, TRUE)
    assert capfd.readouterr() == ("", "")


# Each is checked, and the message says what was expected and what was found.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("effort", "heroic"),
        ("preset", "tutorials"),
        ("backend", "theano"),
        ("class_weight", "even"),
        ("hidden", 0),
        ("epochs", -1),
        ("words", 0),
        ("threads", 0),
        ("budget", 0),
        ("max_size", -5),
        ("seed", -1),
        ("seed", 1.5),
        ("strip", ("footers",)),
        ("characters", (4, 3)),
        ("words", 9),
        ("hidden", "64"),
        ("hidden", 2.5),
        ("epochs", True),
        ("threads", 1.5),
        ("budget", "60s"),
        ("budget", float("nan")),
        ("max_size", "2MB"),
        ("seed", 2**70),
        ("characters", 3),
        ("strip", "quotes"),
        ("callbacks", None),
        ("callbacks", (3,)),
        ("head", "relu"),
        ("progress", 3),
        ("learning_rate", 0),
        ("learning_rate", "fast"),
        ("batch_size", 0),
        ("batch_size", 1.5),
        ("optimizer", "sgd"),
        ("optimizer", 3),
        ("loss", 3),
        ("validation_split", 1),
        ("validation_split", -0.1),
        ("validation_split", True),
        ("class_weight", {"cooking": -1}),
        ("class_weight", {"cooking": "much"}),
    ],
)
def test_a_value_that_cannot_be_is_told(name: str, value: object) -> None:
    watch = Watch()
    with pytest.raises(SettingError) as raised:
        quick(**{"callbacks": [watch], name: value}).fit(TEXTS[:9], TRUE[:9])
    message = str(raised.value)
    assert name in message
    found = value[0] if isinstance(value, tuple) else value
    found = found["cooking"] if isinstance(found, dict) else found
    assert str(found) in message
    assert watch.begun == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", 9),
        ("epochs", 2),
        ("words", 1),
        ("characters", (2, 3)),
        ("strip", ("quotes",)),
        ("learning_rate", 0.1),
        ("batch_size", 9),
        ("optimizer", "adam"),
        ("loss", "mse"),
        ("validation_split", 0.2),
    ],
)
def test_preset_tutorial_takes_no_setting_that_it_has_itself(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=name):
        TextClassifier(preset="tutorial", **{name: value}).fit(TEXTS, TRUE)


@pytest.mark.parametrize(
    "setting",
    [
        {"hidden": 9},
        {"epochs": 2},
        {"learning_rate": 0.1},
        {"batch_size": 7},
        {"optimizer": "adam"},
        {"loss": "mse"},
        {"validation_split": 0.1},
        {"callbacks": [keras.callbacks.Callback()]},
    ],
)
def test_a_setting_of_networks_is_refused_where_there_is_none(setting: dict) -> None:
    (name,) = setting
    with pytest.raises(SettingError, match=rf"no network.*\b{name}\b"):
        linear(**setting).fit(TEXTS, TRUE)
    several = [(label,) for label in TRUE]
    with pytest.raises(SettingError, match=rf"no network.*\b{name}\b"):
        TextClassifier(**setting).fit(TEXTS, several)
    if name not in ("callbacks", "loss"):
        quick(**setting).fit(TEXTS, several)
