"""One compiled training step of the head, per backend: the only lines that differ between them.

A step sees one batch of the bag layer's answers, updates the head's weights and hands back the
gradient with regard to its input, which is what the bag layer learns from. Every batch has the same
shape (a short one is padded with documents of weight zero), so each step compiles once.
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
    """What every backend offers; all arrays are NumPy's."""

    def train(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        """Update the head by one batch.

        Args:
            bags: float32 [b, width], the head's input.
            targets: float32 [b, K], one-hot, several-hot or a distribution.
            weights: float32 [b], each document's share of the loss, which is their weighted sum.
            rate: The head's learning rate.

        Returns:
            The loss, the head's answers [b, K], the loss's gradient [b, width].
        """

    def judge(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Return the loss and the head's answers [b, K] in inference mode; arguments as above."""

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

        def objective(trainable, bags, fixed, targets, weights):  # type: ignore[no-untyped-def]
            answers, fixed, losses = head.stateless_call(
                trainable, fixed, bags, training=True, return_losses=True
            )
            return loss(targets, answers, weights) + sum(losses), (answers, fixed)

        def train(state, bags, targets, weights, rate):  # type: ignore[no-untyped-def]
            trainable, fixed, slots = state
            (value, (answers, fixed)), (gradients, toward_bags) = jax.value_and_grad(
                objective, argnums=(0, 1), has_aux=True
            )(trainable, bags, fixed, targets, weights)
            slots = [*slots[:rate_index], rate, *slots[rate_index + 1 :]]
            trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
            return (trainable, fixed, slots), value, answers, toward_bags

        def judge(state, bags, targets, weights):  # type: ignore[no-untyped-def]
            answers, _, losses = head.stateless_call(
                state[0], state[1], bags, training=False, return_losses=True
            )
            return loss(targets, answers, weights) + sum(losses), answers

        self._train = jax.jit(train, donate_argnums=0)
        self._judge = jax.jit(judge)
        self._state: Any = None

    def train(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        self._state, value, answers, gradient = self._train(
            self._state, bags, targets, weights, np.float32(rate)
        )
        return float(value), np.asarray(answers), np.asarray(gradient)

    def judge(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        value, answers = self._judge(self._state, bags, targets, weights)
        return float(value), np.asarray(answers)

    def load(self) -> None:
        import jax.numpy as jnp

        # Copies: the step gives its arrays away, and Keras must keep its own.
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
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        import torch

        variables = self._head.trainable_variables
        entry = keras.ops.convert_to_tensor(bags).requires_grad_()
        answers = self._head(entry, training=True)
        value = self._loss(targets, answers, weights) + sum(self._head.losses)
        toward_bags, *gradients = torch.autograd.grad(value, [entry, *(v.value for v in variables)])
        with torch.no_grad():
            self._optimizer.learning_rate = rate
            self._optimizer.apply(gradients, variables)
        return float(value.detach()), array_of(answers), array_of(toward_bags)

    def judge(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        import torch

        with torch.no_grad():
            answers = self._head(bags, training=False)
            value = self._loss(targets, answers, weights) + sum(self._head.losses)
        return float(value), array_of(answers)


class _TensorFlowStep(_KerasState):
    """The head under a gradient tape, traced once by ``tf.function``."""

    def __init__(self, head: Any, loss: Any, optimizer: Any) -> None:
        import tensorflow as tf

        def train(bags, targets, weights, rate):  # type: ignore[no-untyped-def]
            variables = [variable.value for variable in head.trainable_variables]
            with tf.GradientTape() as tape:
                tape.watch(bags)
                answers = head(bags, training=True)
                value = loss(targets, answers, weights) + sum(head.losses)
            toward_bags, *gradients = tape.gradient(value, [bags, *variables])
            optimizer.learning_rate.assign(rate)
            optimizer.apply(gradients, head.trainable_variables)
            return value, answers, toward_bags

        def judge(bags, targets, weights):  # type: ignore[no-untyped-def]
            answers = head(bags, training=False)
            return loss(targets, answers, weights) + sum(head.losses), answers

        self._train = tf.function(train, reduce_retracing=True)
        self._judge = tf.function(judge, reduce_retracing=True)
        self._tensor = tf.convert_to_tensor

    def train(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray, rate: float
    ) -> StepResult:
        value, answers, gradient = self._train(
            *(self._tensor(array) for array in (bags, targets, weights, np.float32(rate)))
        )
        return float(value), answers.numpy(), gradient.numpy()

    def judge(
        self, bags: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        value, answers = self._judge(*(self._tensor(array) for array in (bags, targets, weights)))
        return float(value), answers.numpy()


def make_step(head: Any, loss: Any, optimizer: Any) -> Step:
    """Compile a head's training step for the backend that Keras runs on.

    Args:
        head: A built ``keras.Model`` from bags [b, width] to logits or probabilities [b, K].
        loss: ``loss(targets, answers, weights)``, the weighted sum over the batch.
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
    """Ask the backend for operations that give the same bits each time.

    JAX does so on a processor by itself. PyTorch's switches, its number of threads (one: a head's
    operations are too small to share) and its own random state, from which Keras's dropout draws,
    are put back afterwards. TensorFlow's switch cannot be: it stays on in this process.

    Args:
        seed: Of PyTorch's random state meanwhile.
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
