"""``satchel evaluate``: judge a model on labelled text it has not seen."""

from __future__ import annotations

import click

from satchel.cli import options, terminal


@click.command("evaluate")
@click.argument("model", type=click.Path(dir_okay=False))
@click.argument("source")
@options.column_options
@options.report_option
@options.threads_option
@options.json_option
def evaluate_command(
    model: str,
    source: str,
    text: tuple[str, ...] | None,
    label: str | None,
    report: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Judge MODEL on the labelled text of SOURCE (a folder of folders, an archive or a table)."""
    from satchel.cli import models, outputs
    from satchel.cli.judging import judge, print_evaluation, save_report
    from satchel.sources.reading import read_documents

    if report is not None:
        outputs.prepare_folder(report)
    satchel = models.load(model)
    with terminal.progress_bars() as progress:
        documents = read_documents(source, text=text, label=label, progress=progress)
        evaluation = judge(satchel, documents, threads=threads)
    for line in documents.remarks.lines():
        terminal.remark(line)
    if report is not None:
        save_report(evaluation, report, model=model, data=source)
    if as_json:
        terminal.print_json(evaluation.to_dict())
    else:
        print_evaluation(evaluation)
