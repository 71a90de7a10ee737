"""``satchel predict``: labels for files, folders, tables or lines, in bounded memory."""

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
_BLOCK_CELLS = (
    2_000_000  # probabilities in memory at a time: 8 MB, and a few times that temporarily
)
_WARM_UP_FROM = 2_500_000  # code points from which loading the kernels pays off


@dataclass(frozen=True, slots=True)
class ScoredLabel:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one document.

    Attributes:
        file: The document's name.
        known: How many of its features the model knows; with 0 the prediction is the same for every
            such document.
        best: The label; for several labels per document the most probable of the predicted ones,
            None without any.
        holding: For several labels per document the predicted ones, the most probable first; else
            None.
        top: The most probable labels, predicted or not; None where not requested.
        id: Value of the column ``id`` of a table; None where there is none.
        columns: Values of the columns that are kept.
        explanation: The explanation, where requested.
    """

    file: str
    known: int
    best: ScoredLabel | None
    holding: tuple[ScoredLabel, ...] | None = None
    top: tuple[ScoredLabel, ...] | None = None
    id: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    explanation: Explanation | None = None


def predictions(
    model: Model,
    documents: Documents,
    *,
    top: int | None = None,
    explain: bool = False,
    threads: int | None = None,
    progress: Progress = silent,
) -> Iterator[Prediction]:
    """Yield one prediction per document, in the order of the documents.

    Args:
        model: The model.
        documents: The documents.
        top: How many of the most probable labels to include; None for none.
        explain: Whether to explain each prediction.
        threads: Threads to use; None takes all cores.
        progress: Called with the number of documents done.

    Raises:
        PredictionError: The logits of a document overflow.
        TextError: A document is not text.
    """
    texts = documents.texts
    multiple = model.task == "multiple"
    block = max(1, min(_BLOCK_DOCUMENTS, _BLOCK_CELLS // len(model.ensemble.labels)))
    if len(texts) > block and sum(map(len, texts)) >= _WARM_UP_FROM:
        model.warm_up()  # a single block may be too small to trigger it
    for start in range(0, len(texts), block):
        progress("predicting", start, len(texts))
        with _naming(documents.names, start):
            rankings = model.predictor.rank(texts[start : start + block], top or 1, threads)
        for number, ranking in enumerate(rankings, start):
            best = tuple(_scored(*pair) for pair in ranking.best)
            holding = tuple(_scored(*pair) for pair in ranking.holding) if multiple else None
            first = best if holding is None else holding
            yield Prediction(
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


def _scored(label: str, probability: float) -> ScoredLabel:
    return ScoredLabel(label, round(probability, 6))


def _explained(model: Model, documents: Documents, number: int) -> Explanation:
    with _naming(documents.names, number):
        return model.explain(documents.texts[number])


@contextmanager
def _naming(names: Sequence[str], first: int) -> Iterator[None]:
    """Name the document in the error where logits overflow."""
    try:
        yield
    except PredictionError as error:
        raise PredictionError(f"{names[first + error.document]}: {error}", error.document) from None


_FIELDS = """\b
Fields of a prediction, in --json and --out alike:
  file         the document: its path, or the table and the row
  id           value of the column id of a table, where there is one
  label        the predicted label
  probability  its probability
  known        how many words and other features of the text the model knows;
               with 0 the probabilities are the label frequencies in training
  labels       for models with several labels per document: all predicted labels,
               the most probable first; label is the first of them. Where none
               is predicted, labels, label and probability are empty
  top          with --top K: the K most probable labels, predicted or not
  explanation  with --explain: the contribution of each word (JSON only)
  ...          the columns of --keep, called input_NAME where NAME is one of the
               above

CSV and TSV have the columns labels and probabilities, joined by | (a | in a label is \\x7c), and
label_1, probability_1, label_2 ... for top; a cell that a spreadsheet would run as a formula gets a
leading apostrophe. TSV has one line per document: line breaks and tabs are escaped. JSON and JSON
lines are exact. Without --json and --out, each line has the document and its label with the
probability; with --top, or for several labels, one pair after another.
"""


@click.command("predict", epilog=_FIELDS)
@click.argument("model", type=click.Path(dir_okay=False))
@click.argument("sources", nargs=-1, metavar="[FILE...|SOURCE|-]")
@click.option(
    "--top", type=click.IntRange(min=1), default=None, help="Show the K most probable labels."
)
@click.option("--explain", is_flag=True, help="Explain each prediction, word by word.")
@click.option("--lines", is_flag=True, help="Treat every line of the input as a document.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="FILE",
    help="Write the predictions to this .csv, .tsv, .jsonl or .json file.",
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
    document per file or row. Without FILE, or for -, standard input is read:
    echo 'some text' | satchel predict MODEL
    """
    from satchel.cli.inputs import STANDARD_INPUT, Keep, load, read_inputs
    from satchel.cli.output import Shape, format_of, json_pieces, prepare_file, written
    from satchel.files import write_atomically

    if as_json and out is not None:
        raise click.UsageError(
            "expected one of --json (standard output) and --out (a file), found both: choose one"
        )
    if keep and out is None and not as_json:
        raise click.UsageError("expected --json or --out with --keep, found neither: add one")
    suffix = None if out is None else format_of(Path(out))
    kept: Keep = "all" if keep == ("all",) else keep or ()
    if explain and suffix in (".csv", ".tsv"):
        raise click.UsageError(
            f"expected a .jsonl or .json file for --out with --explain, found {suffix}: name "
            "another file"
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
    counter = _Counter(classifier.predictor.prediction_without_features)
    # Progress bars would overwrite rows on the same terminal.
    with terminal.progress_bars(shown=out is not None or not sys.stdout.isatty()) as progress:
        found = counter.counted(
            predictions(
                classifier, documents, top=top, explain=explain, threads=threads, progress=progress
            )
        )
        if out is not None and suffix is not None:
            shape = Shape(
                multiple=classifier.task == "multiple",
                depth=min(top or 0, len(classifier.ensemble.labels)),
                ids=documents.ids is not None,
                columns=tuple(documents.columns or ()),
            )
            write_atomically(out, written(found, suffix, shape))
        elif as_json:
            terminal.print_pieces(json_pieces(found, terminal.ascii_only()))
        else:
            for prediction in found:
                _print(prediction)
    for line in counter.remarks():
        terminal.remark(line)
    if out is not None:
        terminal.remark(f"wrote {counter.predictions:,} predictions to {out}")


class _Counter:
    """Counts predictions on their way to the output."""

    def __init__(self, without_words: str) -> None:
        self.predictions = 0
        self._without_words = without_words
        self._unknown = 0
        self._first_unknown = ""

    def counted(self, found: Iterable[Prediction]) -> Iterator[Prediction]:
        """Yield the predictions as they come."""
        for prediction in found:
            self.predictions += 1
            if prediction.known == 0:
                self._first_unknown = self._first_unknown or prediction.file
                self._unknown += 1
            yield prediction

    def remarks(self) -> list[str]:
        """Return remarks about documents without any known feature."""
        if not self._unknown:
            return []
        no_word, result = "no word that the model knows", f"the prediction is {self._without_words}"
        if self.predictions == 1:
            return [f"{self._first_unknown} contains {no_word}: {result}"]
        number = f"{self._unknown:,} of {self.predictions:,} documents"
        verb = "contains" if self._unknown == 1 else "contain"
        return [f"{number} {verb} {no_word} (first: {self._first_unknown}): {result}"]


def _print(prediction: Prediction) -> None:
    from satchel.cli.output import terminal_cells

    terminal.row(terminal_cells(prediction))
    if prediction.explanation is not None:
        from satchel.cli.terminal import print_explanation

        print_explanation(prediction.explanation)
