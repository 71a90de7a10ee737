"""Documents by which a network is judged after each epoch: for its history and for callbacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satchel.bags.rows import Rows
from satchel.errors import InputError, SettingError
from satchel.inference.model import Model
from satchel.sealed.schema import Training
from satchel.search.assemble import FittedMember, Share, assemble
from satchel.search.corpus import Corpus
from satchel.search.settings import Settings
from satchel.search.targets import Targets
from satchel.search.views import View
from satchel.sources.splitting import split

Validation = tuple[Sequence[str], Targets]
"""Texts and their labels."""
DEFAULT_SHARE = 0.1
"""What is held out where a callback asks for a validation figure and nobody said how much."""


class Watch:
    """What a network learns from in the final fit, and what it is judged by meanwhile.

    Args:
        corpus: The training documents.
        settings: ``validation_split`` and ``callbacks``: where neither a share nor documents were
            given and a callback monitors a figure of validation, a tenth is held out.
        validation: Documents of the user's own, or None.

    Raises:
        SettingError: If a share was asked for, and too few documents are there to hold one out.
    """

    def __init__(self, corpus: Corpus, settings: Settings, validation: Validation | None) -> None:
        self._targets, self._validation = corpus.targets, validation
        self._sides = None
        share = settings.validation_split
        if share is None and monitors_validation(settings.callbacks):
            share = DEFAULT_SHARE
        # A preset has documents to be judged by of its own.
        if validation is not None or not share or settings.preset is not None:
            return
        try:
            # Copies of a text stay on one side.
            sides = split(
                corpus.targets.names(), corpus.texts, test_share=share, seed=settings.seed
            )
        except InputError as error:
            raise SettingError(
                f"expected enough documents to hold {share:g} of them out for validation, found "
                f"{len(corpus.texts)}: give validation_data, or validation_split=0 ({error})"
            ) from error
        self._sides = (sides.train, sides.test)

    def divided(
        self, view: View, rows: Rows
    ) -> tuple[np.ndarray | None, tuple[Rows, Targets] | None]:
        """Divide the rows of a view.

        Args:
            view: A fitted view.
            rows: The training documents as its rows.

        Returns:
            The places of the documents to learn from, None for all; and the rows and targets to
            be judged by, or None.
        """
        if self._validation is not None:
            texts, targets = self._validation
            return None, (_rows_of(view, texts), targets)
        if self._sides is None:
            return None, None
        learn, judge = self._sides
        return learn, (rows[judge], self._targets[judge])


def monitors_validation(callbacks: Sequence[object]) -> bool:
    """Whether a Keras callback monitors a figure of validation, such as ``val_loss``."""
    return any(str(getattr(each, "monitor", "")).startswith("val_") for each in callbacks)


def _rows_of(view: View, texts: Sequence[str]) -> Rows:
    """New texts as the rows of a view that was fitted without them."""
    # Through the path that will answer for the finished model.
    nothing = FittedMember(np.zeros((view.size, 1), np.float32), np.zeros(1, np.float32))
    parts = assemble(
        [view],
        [Share(0, nothing, 1.0)],
        task="single",
        labels=["nothing"],
        label_type="str",
        thresholds=(),
        training=Training(documents=0, class_counts=()),
        row_type="float32",
    )
    (rows,) = Model(parts).weighed(texts)
    return rows
