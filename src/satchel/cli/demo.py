"""``satchel demo``: the whole job on real articles that pip brought."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from satchel.cli import terminal

if TYPE_CHECKING:
    from satchel.search.settings import Backend

SET_ASIDE = 5


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False),
    default="satchel-demo",
    show_default=True,
    help="Where the model and the report go.",
)
@click.option(
    "--backend",
    type=click.Choice(["jax", "torch", "tensorflow"]),
    default=None,
    help="Keras backend.  [default: $KERAS_BACKEND or jax]",
)
def demo_command(folder: str, backend: Backend | None) -> None:
    """Train on 2,225 BBC articles, judge on a held-back fifth, and file a few unseen ones."""
    from satchel.cli import models, outputs
    from satchel.cli.answers import answers_of
    from satchel.cli.judging import judge, print_evaluation, save_report
    from satchel.cli.parts import divide
    from satchel.cli.story import print_training
    from satchel.learning import learn
    from satchel.search.settings import Settings
    from satchel.sources.demo import bbc_news
    from satchel.sources.reading import read_documents

    start = time.perf_counter()
    target = Path(folder)
    model = target / "news.satchel"
    source = bbc_news()
    outputs.prepare_folder(target / "report")
    target.mkdir(parents=True, exist_ok=True)
    outputs.prepare_file(model)
    with terminal.progress_bars() as progress:
        documents = read_documents(source, progress=progress)
        parts = divide(documents, 0.2, SET_ASIDE, seed=0, as_tutorial=False)
        trained = learn(
            parts.train.texts, parts.train.labels or [], Settings(backend=backend), progress
        )
    assert parts.test is not None  # a share above 0 was asked for
    for line in documents.remarks.lines():
        terminal.remark(line)
    satchel = trained.satchel
    print_training(satchel)
    evaluation = judge(satchel, parts.test, learnt=parts.train.texts)
    terminal.say()
    print_evaluation(evaluation)
    save_report(evaluation, target / "report", model=model, data="BBC News (held-out part)")
    satchel.with_scores("test", evaluation).save(model)
    terminal.say()
    terminal.say(f"Articles that no stage has seen, filed by {model} as loaded again:")
    aside = parts.held_out
    for answer, truth in zip(
        answers_of(models.load(str(model)), aside), aside.labels or [], strict=True
    ):
        assert answer.best is not None  # one label a document
        terminal.say(
            f"  {answer.file:<28} {answer.best.label:<14} {answer.best.probability:.3f}  "
            f"(is: {truth})"
        )
    terminal.say()
    terminal.say(f"model            {model}  ({model.stat().st_size / 1e6:.1f} MB)")
    terminal.say(f"confusion matrix {target / 'report' / 'confusion_matrix.png'}")
    terminal.say(f"report           {target / 'report' / 'report.html'}")
    terminal.say(f"{time.perf_counter() - start:.1f} s in all. Your turn:  satchel train FOLDER")
