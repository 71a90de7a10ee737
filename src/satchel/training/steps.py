"""One compiled training step of the head, per backend: the only lines that differ between them.

A step takes one batch of the bag layer's sums, updates the head's weights and returns the gradient
with respect to its input, by which the bag layer is updated. Every batch has the same shape (a
short one is padded with documents of weight zero), so each step compiles once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import numpy as np

from satchel.training.heads import array_of

StepResult = tuple[float, np.ndarray, np.ndarray]


class Step(Protocol):
    """What every backend implements; all arrays are NumPy's."""

    def train(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        """Update the head by one batch.

        Args:
            sums: float32 [b, width], the bag layer's sums: the head's input.
            targets: float32 [b, K], one-hot, multi-hot or a distribution.
            weights: float32 [b], each document's share of the loss, which is their weighted sum.
            rate: The head's learning rate.

        Returns:
            The loss, the head's predictions [b, K], the loss's gradient [b, width].
        """

    def evaluate(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Return the loss and the predictions [b, K] in inference mode; arguments as above."""

    def load(self) -> None:
        """Take the head's weights from its Keras variables."""

    def store(self) -> None:
        """Put the head's weights into its Keras variables."""


class _JaxStep:
    """The head as a pure function under ``jax.jit``; its state stays out of Keras between steps."""

    def __init__(self, head: Any, loss: Any, optimizer: Any) -> None:
        import jax

        self._head, self._optimizer = head, optimizer
        rate_index = next(
            index for index, v in enumerate(optimizer.variables) if v.name == "learning_rate"
        )

        def objective(trainable, sums, fixed, targets, weights):  # type: ignore[no-untyped-def]
            predictions, fixed, losses = head.stateless_call(
                trainable, fixed, sums, training=True, return_losses=True
            )
            return loss(targets, predictions, weights) + sum(losses), (predictions, fixed)

        def train(state, sums, targets, weights, rate):  # type: ignore[no-untyped-def]
            trainable, fixed, slots = state
            (value, (predictions, fixed)), (gradients, toward_sums) = jax.value_and_grad(
                objective, argnums=(0, 1), has_aux=True
            )(trainable, sums, fixed, targets, weights)
            slots = [*slots[:rate_index], rate, *slots[rate_index + 1 :]]
            trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
            return (trainable, fixed, slots), value, predictions, toward_sums

        def evaluate(state, sums, targets, weights):  # type: ignore[no-untyped-def]
            predictions, _, losses = head.stateless_call(
                state[0], state[1], sums, training=False, return_losses=True
            )
            return loss(targets, predictions, weights) + sum(losses), predictions

        self._train = jax.jit(train, donate_argnums=0)
        self._evaluate = jax.jit(evaluate)
        self._state: Any = None

    def train(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        self._state, value, predictions, gradient = self._train(
            self._state, sums, targets, weights, np.float32(rate)
        )
        return float(value), np.asarray(predictions), np.asarray(gradient)

    def evaluate(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        value, predictions = self._evaluate(self._state, sums, targets, weights)
        return float(value), np.asarray(predictions)

    def load(self) -> None:
        import jax.numpy as jnp

        # Copies: the step donates its arrays, and Keras must keep its own.
        self._state = tuple(
            [jnp.array(variable.value) for variable in variables]
            for variables in (
                self._head.trainable_variables,
                self._head.non_trainable_variables,
                self._optimizer.variables,
            )
        )

    def store(self) -> None:
        import jax.numpy as jnp

        for variables, values in zip(
            (
                self._head.trainable_variables,
                self._head.non_trainable_variables,
                self._optimizer.variables,
            ),
            self._state,
            strict=True,
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(jnp.array(value))


class _KerasState:
    """A step whose only state is Keras's variables."""

    def load(self) -> None:
        pass

    def store(self) -> None:
        pass


class _TorchStep(_KerasState):
    """The head under PyTorch's autograd."""

    def __init__(self, head: Any, loss: Any, optimizer: Any) -> None:
        self._head, self._loss, self._optimizer = head, loss, optimizer

    def train(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        import torch

        variables = self._head.trainable_variables
        entry = keras.ops.convert_to_tensor(sums).requires_grad_()
        predictions = self._head(entry, training=True)
        value = self._loss(targets, predictions, weights) + sum(self._head.losses)
        toward_sums, *gradients = torch.autograd.grad(value, [entry, *(v.value for v in variables)])
        with torch.no_grad():
            self._optimizer.learning_rate = rate
            self._optimizer.apply(gradients, variables)
        return float(value.detach()), array_of(predictions), array_of(toward_sums)

    def evaluate(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        import torch

        with torch.no_grad():
            predictions = self._head(sums, training=False)
            value = self._loss(targets, predictions, weights) + sum(self._head.losses)
        return float(value), array_of(predictions)


class _TensorFlowStep(_KerasState):
    """The head under a gradient tape, traced once by ``tf.function``."""

    def __init__(self, head: Any, loss: Any, optimizer: Any) -> None:
        import tensorflow as tf

        def train(sums, targets, weights, rate):  # type: ignore[no-untyped-def]
            variables = [variable.value for variable in head.trainable_variables]
            with tf.GradientTape() as tape:
                tape.watch(sums)
                predictions = head(sums, training=True)
                value = loss(targets, predictions, weights) + sum(head.losses)
            toward_sums, *gradients = tape.gradient(value, [sums, *variables])
            optimizer.learning_rate.assign(rate)
            optimizer.apply(gradients, head.trainable_variables)
            return value, predictions, toward_sums

        def evaluate(sums, targets, weights):  # type: ignore[no-untyped-def]
            predictions = head(sums, training=False)
            return loss(targets, predictions, weights) + sum(head.losses), predictions

        self._train = tf.function(train, reduce_retracing=True)
        self._evaluate = tf.function(evaluate, reduce_retracing=True)
        self._tensor = tf.convert_to_tensor

    def train(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        value, predictions, gradient = self._train(
            *(self._tensor(array) for array in (sums, targets, weights, np.float32(rate)))
        )
        return float(value), predictions.numpy(), gradient.numpy()

    def evaluate(
        self, sums: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        value, predictions = self._evaluate(
            *(self._tensor(array) for array in (sums, targets, weights))
        )
        return float(value), predictions.numpy()


def make_step(head: Any, loss: Any, optimizer: Any) -> Step:
    """Compile a head's training step for the backend that Keras runs on.

    Args:
        head: A built ``keras.Model`` from bag sums [b, width] to logits or probabilities [b, K].
        loss: ``loss(targets, predictions, weights)``, the weighted sum over the batch.
        optimizer: A Keras optimiser, not yet built.

    Returns:
        The step; call its ``load`` before the first batch.
    """
    optimizer.build(head.trainable_variables)
    kinds: dict[str, Any] = {"jax": _JaxStep, "torch": _TorchStep, "tensorflow": _TensorFlowStep}
    step: Step = kinds[keras.backend.backend()](head, loss, optimizer)
    return step


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Make the backend use operations that give the same bits each time.

    JAX does so on a CPU by default. PyTorch's switches, its number of threads (one: a head's
    operations are too small to share) and its own random state, from which Keras's dropout draws,
    are restored afterwards. TensorFlow's switch cannot be: it stays on in this process.

    Args:
        seed: The seed of PyTorch's random state meanwhile.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        strict, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            torch.use_deterministic_algorithms(True)
            torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.use_deterministic_algorithms(strict)
                torch.set_num_threads(threads)
        return
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    yield
