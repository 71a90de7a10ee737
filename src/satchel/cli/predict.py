"""``satchel predict``: labels for files, a folder, a table or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from satchel.cli import options, terminal

if TYPE_CHECKING:
    from satchel.cli.answers import Answer

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
    from satchel.cli import formats, models, outputs
    from satchel.cli.answers import answers_of
    from satchel.cli.inputs import STANDARD_INPUT, Keep, read_inputs
    from satchel.files import write_atomically

    if as_json and out is not None:
        raise click.UsageError("--json prints to standard output and --out to a file: choose one")
    if keep and out is None and not as_json:
        raise click.UsageError("--keep needs --json or --out: a row has no place for more columns")
    suffix = None if out is None else formats.format_of(Path(out))
    kept: Keep = "all" if keep == ("all",) else keep or ()
    if explain and suffix in (".csv", ".tsv"):
        raise click.UsageError(
            "--explain needs a .jsonl or .json file: a table has no place for it"
        )
    if out is not None:
        outputs.prepare_file(out, inputs=(model, *sources))
    satchel = models.load(model)
    with terminal.progress_bars() as progress:
        documents, remarks = read_inputs(
            sources or (STANDARD_INPUT,), text, label, kept, lines, progress
        )
    for line in remarks:
        terminal.remark(line)
    seen = _Seen(satchel.model.answer_to_nothing)
    # Bars would be in the way of rows on the same terminal.
    with terminal.progress_bars(shown=out is not None or not sys.stdout.isatty()) as progress:
        answers = seen.counted(
            answers_of(
                satchel, documents, top=top, explain=explain, threads=threads, progress=progress
            )
        )
        if out is not None and suffix is not None:
            shape = formats.Shape(
                several=satchel.manifest.task == "multiple",
                depth=min(top or 0, len(satchel.model.labels)),
                ids=documents.ids is not None,
                columns=tuple(documents.columns or ()),
            )
            write_atomically(out, formats.written(answers, suffix, shape))
        elif as_json:
            terminal.print_pieces(formats.json_pieces(answers, terminal.ascii_only()))
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
    from satchel.cli.formats import terminal_cells

    terminal.row(terminal_cells(answer))
    if answer.explanation is not None:
        from satchel.cli.colours import print_explanation

        print_explanation(answer.explanation)
