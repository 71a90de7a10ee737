"""``satchel predict``: labels for files, a folder, a table or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from satchel.cli import options, terminal


@click.command("predict")
@click.argument("model", type=click.Path(dir_okay=False))
@click.argument("sources", nargs=-1, metavar="[FILE…|SOURCE|-]")
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
@options.column_options
@options.threads_option
@options.json_option
def command(
    model: str,
    sources: tuple[str, ...],
    top: int | None,
    explain: bool,
    lines: bool,
    out: str | None,
    text: str,
    label: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Label files, a folder, a table or standard input (``-``).

    A FILE is one document; a folder, an archive or a table (CSV, TSV, JSONL, Parquet) holds one
    document a file or a row. Without FILE, standard input is read.
    """
    from satchel.cli.answers import answers_of, read_inputs, write_answers
    from satchel.satchel import load

    if as_json and out:
        raise click.UsageError("--json prints to standard output and --out to a file: choose one")
    satchel = load(model)
    with terminal.progress_bars() as progress:
        documents, remarks = read_inputs(sources or ("-",), text, label, lines, progress)
    for line in remarks:
        terminal.remark(line)
    answers = answers_of(satchel, documents.names, documents.texts, top, threads)
    if explain:
        for answer, document in zip(answers, documents.texts, strict=True):
            answer["explanation"] = satchel.explain(document).to_dict()
    unknown = [answer["file"] for answer in answers if answer["known"] == 0]
    if unknown:
        terminal.remark(
            f"{len(unknown)} of {len(answers)} documents hold no word that the model knows; their "
            f"answer is {satchel.model.answer_to_nothing} (first: {unknown[0]})"
        )
    if as_json:
        terminal.print_json(answers)
    elif out:
        write_answers(Path(out), answers)
        terminal.remark(f"wrote {len(answers)} answers to {out}")
    else:
        _print(answers)


def _print(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        fields = [answer["file"]]
        for choice in answer.get("top") or answer.get("labels") or [answer]:
            fields += [choice["label"], f"{choice['probability']:.4f}"]
        sys.stdout.write("\t".join(fields) + "\n")
        if "explanation" in answer:
            from satchel.cli.colours import print_explanation

            print_explanation(answer["explanation"])
