"""``satchel predict``: labels for files, folders, tables or lines, in memory that does not grow."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from satchel.cli import options, terminal
from satchel.errors import PredictionError
from satchel.progress import Progress, silent

if TYPE_CHECKING:
    from satchel.inference.explain import Explanation
    from satchel.model import Model
    from satchel.sources.documents import Documents


_BLOCK_DOCUMENTS = 16_384
_BLOCK_CELLS = 2_000_000  # probabilities held at a time: 8 MB, and a few times that on the way
_MUCH_TEXT = 2_500_000  # code points from which the kernels are worth their start


@dataclass(frozen=True, slots=True)
class ScoredLabel:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one document.

    Attributes:
        file: The document's name.
        known: How many of its features the model knows; with 0 the answer does not depend on it.
        best: The label; for several labels a document the most probable of those that hold, and
            None where none does.
        holding: For several labels a document those that hold, the most probable first; else None.
        top: The most probable labels, whether they hold or not; None where they were not asked for.
        id: What the column ``id`` of a table has; None where there is none.
        columns: What the columns that were kept have.
        explanation: Why, where it was asked for.
    """

    file: str
    known: int
    best: ScoredLabel | None
    holding: tuple[ScoredLabel, ...] | None = None
    top: tuple[ScoredLabel, ...] | None = None
    id: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    explanation: Explanation | None = None


def answers_of(
    model: Model,
    documents: Documents,
    *,
    top: int | None = None,
    explain: bool = False,
    threads: int | None = None,
    progress: Progress = silent,
) -> Iterator[Answer]:
    """Yield one answer a document, in their order.

    Args:
        model: The model.
        documents: The documents.
        top: How many of the most probable labels to tell; None for none.
        explain: Whether to say why.
        threads: Threads to use; None takes all cores.
        progress: Told how many documents are answered.

    Raises:
        PredictionError: The model's numbers overflow: there is no answer.
        TextError: A document is not text.
    """
    texts = documents.texts
    several = model.task == "multiple"
    block = max(1, min(_BLOCK_DOCUMENTS, _BLOCK_CELLS // len(model.ensemble.labels)))
    if len(texts) > block and sum(map(len, texts)) >= _MUCH_TEXT:
        model.warm_up()  # a block alone may look like too little for the kernels
    for start in range(0, len(texts), block):
        progress("predicting", start, len(texts))
        with _naming(documents.names, start):
            rankings = model.predictor.rank(texts[start : start + block], top or 1, threads)
        for number, ranking in enumerate(rankings, start):
            best = tuple(_choice(*pair) for pair in ranking.best)
            holding = tuple(_choice(*pair) for pair in ranking.holding) if several else None
            first = best if holding is None else holding
            yield Answer(
                file=documents.names[number],
                known=ranking.known,
                best=first[0] if first else None,
                holding=holding,
                top=None if top is None else best,
                id=None if documents.ids is None else documents.ids[number],
                columns={
                    name: values[number] for name, values in (documents.columns or {}).items()
                },
                explanation=_explained(model, documents, number) if explain else None,
            )
    progress("predicting", len(texts), len(texts))


def _choice(label: str, probability: float) -> ScoredLabel:
    return ScoredLabel(label, round(probability, 6))


def _explained(model: Model, documents: Documents, number: int) -> Explanation:
    with _naming(documents.names, number):
        return model.explain(documents.texts[number])


@contextmanager
def _naming(names: Sequence[str], first: int) -> Iterator[None]:
    """Say which document it was whose scores overflowed."""
    try:
        yield
    except PredictionError as error:
        raise PredictionError(f"{names[first + error.document]}: {error}", error.document) from None


_FIELDS = """\b
Fields of an answer, in --json and --out alike:
  file         the document: its path, or the table and the row
  id           what the column id of a table has, where there is one
  label        the answer
  probability  how probable the model holds it
  known        how many words and other features of the text the model knows;
               with 0 the answer is how often each label occurs in training
  labels       for models of several labels a document: all that hold, the most
               probable first; label is the first of them. Where none holds,
               labels, label and probability are empty
  top          with --top K: the K most probable labels, whether they hold or not
  explanation  with --explain: what each word added (JSON only)
  ...          the columns of --keep, called input_NAME where NAME is one of the
               above

In CSV and TSV there are the columns labels and probabilities, joined by | (a | in a label is
\\x7c), and label_1, probability_1, label_2 ... for top; a cell that a spreadsheet would run as a
formula gets an apostrophe before it. TSV has one line a document: line breaks and tabs are escaped.
JSON and JSON lines are exact. Without --json and --out, a line has the document and its label with
the probability; with --top, or for several labels, one pair after another.
"""


@click.command("predict", epilog=_FIELDS)
@click.argument("model", type=click.Path(dir_okay=False))
@click.argument("sources", nargs=-1, metavar="[FILE...|SOURCE|-]")
@click.option("--top", type=click.IntRange(min=1), default=None, help="Show the K best labels.")
@click.option("--explain", is_flag=True, help="Show what moved the answer, word by word.")
@click.option("--lines", is_flag=True, help="Every line of a file or of input is a document.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="FILE",
    help="Write the answers to this .csv, .tsv, .jsonl or .json file.",
)
@options.keep_option
@options.column_options
@options.threads_option
@options.json_option
def predict_command(
    model: str,
    sources: tuple[str, ...],
    top: int | None,
    explain: bool,
    lines: bool,
    out: str | None,
    keep: tuple[str, ...] | None,
    text: tuple[str, ...] | None,
    label: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Label files, a folder, a table or standard input.

    A FILE is one document; a folder, an archive or a table (CSV, TSV, JSONL, Parquet) holds one
    document a file or a row. Without FILE, or for -, standard input is read:
    echo 'some text' | satchel predict MODEL
    """
    from satchel.cli.inputs import load
    from satchel.cli.output import Shape, format_of, json_pieces, prepare_file, written

    pass
    from satchel.cli.inputs import STANDARD_INPUT, Keep, read_inputs
    from satchel.files import write_atomically

    if as_json and out is not None:
        raise click.UsageError("--json prints to standard output and --out to a file: choose one")
    if keep and out is None and not as_json:
        raise click.UsageError("--keep needs --json or --out: a row has no place for more columns")
    suffix = None if out is None else format_of(Path(out))
    kept: Keep = "all" if keep == ("all",) else keep or ()
    if explain and suffix in (".csv", ".tsv"):
        raise click.UsageError(
            "--explain needs a .jsonl or .json file: a table has no place for it"
        )
    if out is not None:
        prepare_file(out, inputs=(model, *sources))
    classifier = load(model)
    with terminal.progress_bars() as progress:
        documents, remarks = read_inputs(
            sources or (STANDARD_INPUT,), text, label, kept, lines, progress
        )
    for line in remarks:
        terminal.remark(line)
    seen = _Seen(classifier.predictor.answer_to_nothing)
    # Bars would be in the way of rows on the same terminal.
    with terminal.progress_bars(shown=out is not None or not sys.stdout.isatty()) as progress:
        answers = seen.counted(
            answers_of(
                classifier, documents, top=top, explain=explain, threads=threads, progress=progress
            )
        )
        if out is not None and suffix is not None:
            shape = Shape(
                several=classifier.task == "multiple",
                depth=min(top or 0, len(classifier.ensemble.labels)),
                ids=documents.ids is not None,
                columns=tuple(documents.columns or ()),
            )
            write_atomically(out, written(answers, suffix, shape))
        elif as_json:
            terminal.print_pieces(json_pieces(answers, terminal.ascii_only()))
        else:
            for answer in answers:
                _print(answer)
    for line in seen.remarks():
        terminal.remark(line)
    if out is not None:
        terminal.remark(f"wrote {seen.answers:,} answers to {out}")


class _Seen:
    """Counts answers on their way to the output."""

    def __init__(self, answer_to_nothing: str) -> None:
        self.answers = 0
        self._answer_to_nothing = answer_to_nothing
        self._unknown = 0
        self._first_unknown = ""

    def counted(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """Yield the answers as they come."""
        for answer in answers:
            self.answers += 1
            if answer.known == 0:
                self._first_unknown = self._first_unknown or answer.file
                self._unknown += 1
            yield answer

    def remarks(self) -> list[str]:
        """Return what was odd about the documents."""
        if not self._unknown:
            return []
        no_word, answer = "no word that the model knows", f"the answer is {self._answer_to_nothing}"
        if self.answers == 1:
            return [f"{self._first_unknown} holds {no_word}: {answer}"]
        number = f"{self._unknown:,} of {self.answers:,} documents"
        holds = "holds" if self._unknown == 1 else "hold"
        return [f"{number} {holds} {no_word} (first: {self._first_unknown}): {answer}"]


def _print(answer: Answer) -> None:
    from satchel.cli.output import terminal_cells

    terminal.row(terminal_cells(answer))
    if answer.explanation is not None:
        from satchel.cli.terminal import print_explanation

        print_explanation(answer.explanation)
