"""``satchel predict``: labels for files, folders, tables or lines, in bounded memory."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING

import click

from satchel.bulk.predictions import Prediction
from satchel.cli import options, terminal
from satchel.sources.documents import ReadReport, counted

if TYPE_CHECKING:
    from satchel.bulk.job import Totals
    from satchel.cli.options import SourceOptions


_FIELDS = """\b
Fields of a prediction, in --json and --out alike:
  file         the document: its path, or the table and the row
  id           value of the column id of a table, where there is one
  label        the predicted label
  probability  its probability
  known        how many words and other features of the text the model knows;
               with 0 the probabilities are the label frequencies in training
  rejected     why the document could not be read; then it has no label
  labels       for models with several labels per document: all predicted labels,
               the most probable first; label is the first of them. Where none
               is predicted, labels, label and probability are empty
  top          with --top K: the K most probable labels, predicted or not
  explanation  with --explain: the contribution of each word (JSON only)
  ...          the columns of --keep, called input_NAME where NAME is one of the
               above

CSV and TSV have the columns labels and probabilities, joined by | (a | in a label is \\x7c), and
label_1, probability_1, label_2 ... for top, and so have Parquet and Arrow, where labels and
probabilities are lists; a cell that a spreadsheet would run as a formula gets a
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
    type=click.Path(),
    default=None,
    metavar="FILE|DIR/",
    help="Write the predictions to this .csv, .tsv, .jsonl, .json, .parquet or .arrow file, or to "
    "a folder of parts, which a run that was stopped goes on with.",
)
@click.option(
    "--out-format",
    default=None,
    metavar="FORMAT",
    help="Format of the parts of a folder: parquet, arrow, jsonl, csv, tsv, also jsonl.zst ...  "
    "[default: parquet]",
)
@options.keep_option
@options.source_options
@options.threads_option
@options.json_option
def predict_command(
    model: str,
    sources: tuple[str, ...],
    top: int | None,
    explain: bool,
    lines: bool,
    out: str | None,
    out_format: str | None,
    keep: tuple[str, ...] | None,
    reading: SourceOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Label files, a folder, a table or standard input.

    A FILE is one document; a folder, an archive or a table (CSV, TSV, JSONL, Parquet, Arrow,
    SQLite) holds one document per file or row; 'data/*.csv' stands for all that match. Without
    FILE, or for -, standard input is read, as one document or with --format as a table:
    echo 'some text' | satchel predict MODEL
    """
    from satchel.bulk.job import Request, Totals, describe, predicted, write_file, write_folder
    from satchel.bulk.writers import format_of, json_pieces
    from satchel.cli.inputs import Inputs, expanded, load, rejects_of
    from satchel.cli.output import prepare_file, prepare_parts
    from satchel.sources.opening import STANDARD_INPUT

    if as_json and out is not None:
        raise click.UsageError(
            "expected one of --json (standard output) and --out (a file), found both: choose one"
        )
    if keep and out is None and not as_json:
        raise click.UsageError("expected --json or --out with --keep, found neither: add one")
    folder = out is not None and (
        out.endswith(("/", os.sep)) or (os.path.isdir(out) and not os.path.splitext(out)[1])
    )
    if out_format is not None and not folder:
        raise click.UsageError(
            "expected a folder for --out (its name ends in /) with --out-format, found "
            f"{'none' if out is None else out}: remove --out-format"
        )
    format = None
    if folder:
        format = format_of(f".{out_format or 'parquet'}", "--out-format")
    elif out is not None:
        format = format_of(out)
    if explain and format is not None and format.suffix not in (".jsonl", ".json"):
        wanted = "--out-format jsonl" if folder else "a .jsonl or .json file for --out"
        raise click.UsageError(
            f"expected {wanted} with --explain, found {format}: only JSON holds explanations"
        )
    inputs = Inputs(
        expanded(sources or (STANDARD_INPUT,)),
        reading,
        "all" if keep == ("all",) else keep or (),
        lines,
    )
    if folder and STANDARD_INPUT in inputs.sources:
        raise click.UsageError(
            "expected files for --out with a folder, which reads them again where a run was "
            "stopped, found standard input: name a file for --out"
        )
    given = (model, *inputs.sources, reading.rejects)
    if out is not None:
        prepare_parts(out) if folder else prepare_file(out, inputs=given)
    inputs.check()
    # Several such jobs may run at once, on parts of a large source: they share the file's pages.
    classifier = load(model, mapped=folder)
    report = ReadReport()
    totals = Totals()
    # Progress bars would overwrite rows on the same terminal.
    shown = out is not None or not sys.stdout.isatty()
    with (
        rejects_of(reading, model, out, *inputs.sources) as report.rejects,
        terminal.progress_bars(shown) as progress,
    ):
        batches = inputs.stream(report, progress)
        request = Request(top, explain, threads, progress)
        if out is None or format is None:
            found = predicted(classifier, batches, request, totals)
            if as_json:
                terminal.print_pieces(json_pieces(found, terminal.ascii_only()))
            else:
                for batch in found:
                    for prediction in batch.rows():
                        _print(prediction)
        else:
            shape = inputs.shape(classifier, top)
            if folder:
                options = {
                    **dataclasses.asdict(reading),
                    **dataclasses.asdict(shape),
                    "lines": lines,
                    "explain": explain,
                    "batch": dataclasses.asdict(inputs.batch),
                }
                del options["rejects"], options["max_bad"]
                job = describe(model, inputs.sources, options, format)
                totals = write_folder(out, job, classifier, batches, request, format, shape)
            else:
                totals = write_file(out, classifier, batches, request, format, shape)
    for line in [
        *report.lines(),
        *_unknown(totals, classifier.predictor.prediction_without_features),
    ]:
        terminal.remark(line)
    if out is not None:
        terminal.remark(_written(totals, out, folder))


def _written(totals: Totals, out: str, folder: bool) -> str:
    """Return what was written."""
    line = f"wrote {counted(totals.documents, 'prediction')} to {out}"
    if folder:
        line += f" ({counted(totals.parts, 'part')}"
        line += f", {totals.resumed:,} of them by an earlier run)" if totals.resumed else ")"
    if totals.rejected:
        were = "was" if totals.rejected == 1 else "were"
        line += f"; {totals.rejected:,} {were} rejected"
    return line


def _unknown(totals: Totals, without_words: str) -> list[str]:
    """Return remarks about documents without any known feature."""
    if not totals.unknown:
        return []
    no_word, result = "no word that the model knows", f"the prediction is {without_words}"
    if totals.documents == 1:
        return [f"{totals.first_unknown} contains {no_word}: {result}"]
    number = f"{totals.unknown:,} of {totals.documents:,} documents"
    verb = "contains" if totals.unknown == 1 else "contain"
    first = f" (first: {totals.first_unknown})" if totals.first_unknown else ""
    return [f"{number} {verb} {no_word}{first}: {result}"]


def _print(prediction: Prediction) -> None:
    from satchel.cli.output import terminal_cells

    if prediction.rejected is not None:
        return  # the remarks name it
    terminal.row(terminal_cells(prediction))
    if prediction.explanation is not None:
        from satchel.cli.terminal import print_explanation

        print_explanation(prediction.explanation)
