"""The loop: it learns, it repeats itself to the bit, and Keras's callbacks run in it."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from satchel.errors import LabelError, SettingError, TrainingError, UnsupportedHeadError
from satchel.training.backends import use_backend
from test_training_bag_layer import sparse

use_backend()
import keras  # noqa: E402

from satchel.training.bag_layer import BagLayer  # noqa: E402
from satchel.training.heads import array_of, build_head  # noqa: E402
from satchel.training.network import TUTORIAL, train_network  # noqa: E402
from satchel.training.steps import make_step  # noqa: E402


def toy(documents: int = 150, columns: int = 40, classes: int = 3, seed: int = 0):
    """Documents whose class shows in a few columns of its own."""
    generator = np.random.default_rng(seed)
    targets = np.arange(documents) % classes
    chance = np.full((documents, columns), 0.15)
    for k in range(classes):
        chance[targets == k, 5 * k : 5 * k + 5] = 0.7
    dense = (generator.random((documents, columns)) < chance).astype(np.float32)
    return sparse(dense / 4), targets


ROWS, TARGETS = toy()
# Keras asks its own variables for a copy in a way that NumPy 2 is about to drop.
keras_is_behind_numpy = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")
SMALL: dict[str, Any] = {"n_classes": 3, "hidden": 16, "batch_size": 32, "epochs": 3}


def weights(network) -> bytes:
    arrays = [network.table, network.bias, *map(array_of, network.head.weights)]
    return b"".join(array.tobytes() for array in arrays)


def test_it_learns_and_reports_each_epoch():
    told = []
    network = train_network(
        ROWS,
        TARGETS,
        validation=(*toy(seed=1), None),
        progress=lambda *event: told.append(event),
        **(SMALL | {"epochs": 8}),
    )
    assert set(network.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert network.history["loss"][-1] < network.history["loss"][0]
    assert network.history["val_accuracy"][-1] > 0.85
    assert [event[:3] for event in told] == [("training", n + 1, 8) for n in range(8)]
    assert "validation accuracy" in told[-1][3]
    assert network.layers().final == "linear"


def test_validation_logs_are_those_of_keras():
    rows, targets = toy(seed=1)
    network = train_network(ROWS, TARGETS, validation=(rows, targets, None), **SMALL)
    layer = BagLayer(ROWS.columns, 16, 0)
    layer.table[:], layer.bias[:] = network.table, network.bias
    answers = array_of(network.head(layer.forward(rows), training=False))
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, answers)
    assert network.history["val_loss"][-1] == pytest.approx(float(expected), rel=1e-4)
    assert network.history["val_accuracy"][-1] == (answers.argmax(axis=1) == targets).mean()


def test_validation_is_weighed_and_penalised_as_training_is():
    def head(h, k):
        return keras.layers.Dense(k, kernel_regularizer=keras.regularizers.L2(0.1))(h)

    rows, targets = toy(seed=1)
    weights = np.random.default_rng(0).random(len(targets)).astype(np.float32)
    network = train_network(ROWS, TARGETS, validation=(rows, targets, weights), head=head, **SMALL)
    layer = BagLayer(ROWS.columns, 16, 0)
    layer.table[:], layer.bias[:] = network.table, network.bias
    answers = array_of(network.head(layer.forward(rows), training=False))
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        targets, answers, sample_weight=weights
    )
    penalty = 0.1 * np.square(array_of(network.head.weights[0])).sum()
    found = network.history["val_loss"][-1]
    assert found == pytest.approx(float(expected) + float(penalty), rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
def test_sparse_equals_a_dense_keras_model(optimizer):
    """The same network as one dense Keras model, trained by Keras on the same batches."""
    settings = {"learning_rate": 0.05, "epsilon": 1e-7}
    if optimizer == "adagrad":
        settings["initial_accumulator_value"] = 0.0
    make = {"adagrad": keras.optimizers.Adagrad, "adam": keras.optimizers.Adam}[optimizer]
    # Every column is in every document, so that lazy Adam touches all rows, as dense Adam does.
    dense = np.random.default_rng(0).random((64, 10)).astype(np.float32) + 0.1
    rows, targets = sparse(dense), np.eye(3, dtype=np.float32)[np.arange(64) % 3]
    bag = BagLayer(10, 6, 0, optimizer=optimizer)
    head = build_head(
        lambda h, k: keras.layers.Dense(k, "softmax")(keras.layers.Activation("tanh")(h)), 6, 3, 0
    )
    entry = keras.Input((10,))
    first = keras.layers.Dense(6, "tanh")
    last = keras.layers.Dense(3, "softmax")
    whole = keras.Model(entry, last(first(entry)))
    # Copies: JAX may take an aligned array as it is, and the bag layer changes its own in place.
    first.set_weights([bag.table.copy(), bag.bias.copy()])
    last.set_weights([array_of(w) for w in head.weights])
    loss = keras.losses.CategoricalCrossentropy(reduction="sum")
    whole.compile(make(**settings), keras.losses.CategoricalCrossentropy(), jit_compile=False)
    step = make_step(head, loss, make(**settings))
    step.load()
    for batch in range(4):
        chosen = np.arange(16) + 16 * batch
        shares = np.full(16, 1 / 16, np.float32)
        gradient = step.train(bag.forward(rows, chosen), targets[chosen], shares, 0.05)[2]
        bag.update(rows, chosen, gradient, 0.05)
        whole.train_on_batch(dense[chosen], targets[chosen])
    step.store()
    np.testing.assert_allclose(bag.table, array_of(first.kernel), atol=1e-5)
    np.testing.assert_allclose(bag.bias, array_of(first.bias), atol=1e-5)
    np.testing.assert_allclose(array_of(head.weights[0]), array_of(last.kernel), atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads():
    first = weights(train_network(ROWS, TARGETS, seed=4, threads=1, **SMALL))
    np.random.default_rng().random()
    assert weights(train_network(ROWS, TARGETS, seed=4, threads=3, **SMALL)) == first
    assert weights(train_network(ROWS, TARGETS, seed=5, **SMALL)) != first


def test_the_same_seed_gives_the_same_bytes_in_processes_of_any_hash_seed():
    program = (
        "import hashlib\n"
        "from test_training_network import ROWS, TARGETS, SMALL, train_network, weights\n"
        "print(hashlib.sha256(weights(train_network(ROWS, TARGETS, **SMALL))).hexdigest())"
    )
    here = hashlib.sha256(weights(train_network(ROWS, TARGETS, **SMALL))).hexdigest()
    environment = os.environ | {
        "PYTHONHASHSEED": "42",
        "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path]),
    }
    there = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


def test_training_does_not_touch_the_callers_random_state():
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    train_network(ROWS, TARGETS, **(SMALL | {"epochs": 1}))
    assert np.random.random() == expected


def test_several_labels_a_document():
    labels = np.zeros((len(TARGETS), 3), np.float32)
    labels[np.arange(len(TARGETS)), TARGETS] = 1
    labels[TARGETS == 2, 0] = 1
    network = train_network(
        ROWS, labels, task="multiple", validation=(ROWS, labels, None), **(SMALL | {"epochs": 8})
    )
    assert network.history["val_accuracy"][-1] > 0.9


def test_soft_targets_of_one_hot_rows_are_the_integer_targets():
    soft = np.eye(3, dtype=np.float32)[TARGETS]
    one, other = (train_network(ROWS, targets, **SMALL) for targets in (TARGETS, soft))
    assert weights(one) == weights(other)


def test_class_weight_moves_answers_to_the_class():
    def share(weight):
        network = train_network(
            ROWS, TARGETS, class_weight=np.array([1.0, 1.0, weight]), **(SMALL | {"epochs": 1})
        )
        layer = BagLayer(ROWS.columns, 16, 0)
        layer.table[:], layer.bias[:] = network.table, network.bias
        answers = array_of(network.head(layer.forward(ROWS), training=False))
        return (answers.argmax(axis=1) == 2).mean()

    assert share(20.0) > share(0.05)


def test_documents_of_weight_zero_teach_nothing():
    """Wrong labels without weight: the network learns the others' labels."""
    wrong = np.arange(len(TARGETS)) % 2 == 0
    targets = np.where(wrong, (TARGETS + 1) % 3, TARGETS)
    network = train_network(
        ROWS,
        targets,
        sample_weight=1.0 - wrong,
        validation=(*toy(seed=1), None),
        **(SMALL | {"epochs": 8}),
    )
    assert network.history["val_accuracy"][-1] > 0.8


def test_the_tutorials_settings_train():
    network = train_network(ROWS, TARGETS, n_classes=3, **{**TUTORIAL, "epochs": 15})
    assert network.table.shape == (40, 512)
    assert network.history["accuracy"][-1] > 0.8
    assert network.layers().final == "softmax"


def test_batch_normalisation_learns_with_a_short_last_batch():
    def head(h, k):
        return keras.layers.Dense(k)(
            keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.7)(h))
        )

    network = train_network(
        ROWS, TARGETS, head=head, validation=(*toy(seed=1), None), **(SMALL | {"epochs": 10})
    )
    assert network.history["val_accuracy"][-1] > 0.8
    assert [layer.kind for layer in network.layers().layers] == ["batch_normalization", "dense"]


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.events = []

    def on_train_begin(self, _logs=None):
        self.events.append("begin")

    def on_epoch_begin(self, epoch, _logs=None):
        self.events.append(("epoch", epoch, float(self.model.optimizer.learning_rate)))

    def on_train_batch_end(self, batch, logs=None):
        weights = self.model.get_weights()
        self.events.append((batch, sorted(logs), weights[0].sum() + weights[-1].sum()))

    def on_train_end(self, _logs=None):
        self.events.append("end")


def test_a_users_callback_sees_batches_and_weights_as_they_change():
    recorder = Recorder()
    seen = train_network(ROWS, TARGETS, callbacks=[recorder], **(SMALL | {"epochs": 2}))
    batches = [event for event in recorder.events if isinstance(event[0], int)]
    assert recorder.events[0] == "begin"
    assert recorder.events[-1] == "end"
    assert [event[0] for event in batches] == [0, 1, 2, 3, 4] * 2
    assert batches[0][1] == ["accuracy", "loss"]
    assert len({event[2] for event in batches}) == 10
    assert weights(seen) == weights(train_network(ROWS, TARGETS, **(SMALL | {"epochs": 2})))


def test_early_stopping_restores_the_best_weights_of_both_halves():
    class Best(keras.callbacks.Callback):
        kept: Any = None

        def on_epoch_end(self, epoch, _logs=None):
            if epoch == 1:
                self.kept = self.model.get_weights()

    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_accuracy"] = (0.2, 0.9, 0.3, 0.3, 0.3, 0.3)[epoch]

    best = Best()
    stopping = keras.callbacks.EarlyStopping("val_accuracy", patience=2, restore_best_weights=True)
    network = train_network(
        ROWS,
        TARGETS,
        validation=(*toy(seed=1), None),
        callbacks=[Worse(), best, stopping],
        **(SMALL | {"epochs": 6}),
    )
    assert len(network.history["loss"]) == 4
    assert (network.table == best.kept[0]).all()
    assert (network.bias == best.kept[1]).all()
    for variable, kept in zip(network.head.trainable_variables, best.kept[2:], strict=True):
        assert (array_of(variable) == kept).all()


@keras_is_behind_numpy
def test_a_callback_changes_the_learning_rate_of_both_halves():
    halt = keras.callbacks.LearningRateScheduler(lambda epoch, _: 0.1 if epoch == 0 else 1e-12)
    one = train_network(ROWS, TARGETS, callbacks=[halt], **(SMALL | {"epochs": 3}))
    before = Recorder()
    train_network(ROWS, TARGETS, callbacks=[halt, before], **(SMALL | {"epochs": 3}))
    after_first = next(event for event in before.events if event[0] == 4)[2]
    assert one.table.sum() + array_of(one.head.weights[1]).sum() == pytest.approx(
        after_first, rel=1e-4
    )


@keras_is_behind_numpy
def test_csv_logger_and_checkpoints_of_weights(tmp_path):
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True),
    ]
    network = train_network(ROWS, TARGETS, callbacks=callbacks, **SMALL)
    with open(tmp_path / "log.csv", newline="") as file:
        logged = [float(row["loss"]) for row in csv.DictReader(file)]
    assert logged == pytest.approx(network.history["loss"])
    callbacks[1].model.set_weights([np.zeros_like(w) for w in callbacks[1].model.get_weights()])
    callbacks[1].model.load_weights(tmp_path / "w.weights.h5")
    assert np.abs(network.table).sum() > 0
    again = train_network(ROWS, TARGETS, **SMALL)
    assert (network.table == again.table).all()
    assert (array_of(network.head.weights[0]) == array_of(again.head.weights[0])).all()


def test_a_checkpoint_of_the_whole_model_is_refused(tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    with pytest.raises(SettingError, match="save_weights_only=True"):
        train_network(ROWS, TARGETS, callbacks=[checkpoint], **SMALL)


@keras_is_behind_numpy
def test_tensorboard(tmp_path):
    for package in ("tensorflow", "tensorboard"):
        pytest.importorskip(package, reason="Keras writes TensorBoard's files by TensorFlow")
    train_network(ROWS, TARGETS, callbacks=[keras.callbacks.TensorBoard(tmp_path)], **SMALL)
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_a_loss_that_is_not_finite_names_epoch_and_batch():
    rows = toy()[0]
    rows.values[rows.offsets[7]] = np.inf
    with pytest.raises(TrainingError, match=r"epoch 1, batch \d of 5"):
        train_network(rows, TARGETS, **SMALL)


def test_a_head_that_cannot_be_carried_is_told_before_training():
    def head(h, k):
        return keras.layers.Dense(k)(keras.layers.Reshape((16,), name="again")(h))

    told = []
    with pytest.raises(UnsupportedHeadError, match="'again'"):
        train_network(ROWS, TARGETS, head=head, progress=lambda *e: told.append(e), **SMALL)
    assert not told


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("hidden", 0),
        ("learning_rate", -1.0),
        ("optimizer", "sgd"),
        ("schedule", "cosine"),
    ],
)
def test_settings_are_checked(setting, value):
    with pytest.raises(SettingError, match=setting.replace("_", ".")):
        train_network(ROWS, TARGETS, **(SMALL | {setting: value}))


def test_a_head_for_another_task_is_refused():
    def head(h, k):
        return keras.layers.Dense(k, "sigmoid")(h)

    with pytest.raises(SettingError, match="softmax or no activation"):
        train_network(ROWS, TARGETS, head=head, **SMALL)


def test_targets_are_checked():
    with pytest.raises(LabelError, match="from 0 to 1"):
        train_network(ROWS, TARGETS, **(SMALL | {"n_classes": 2}))
    with pytest.raises(LabelError, match="at least 2 classes"):
        train_network(ROWS, TARGETS * 0, **(SMALL | {"n_classes": 1}))
    with pytest.raises(LabelError, match="shape"):
        train_network(ROWS, TARGETS.astype(float), **SMALL)
