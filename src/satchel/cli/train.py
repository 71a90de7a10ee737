"""``satchel train``: a model from labelled text, evaluated on held-out documents."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from satchel.cli import options, terminal

if TYPE_CHECKING:
    from satchel.cli.options import SourceOptions
    from satchel.model import Model
    from satchel.search.settings import ClassWeight, Effort, Preset
    from satchel.sources.documents import Documents
    from satchel.sources.findings import Finding
    from satchel.training.backends import Backend


def training_facts(model: Model) -> dict[str, Any]:
    """Facts about the training, ready for JSON: effort, seed, backend, features, trials."""
    training = model.ensemble.training
    return {
        "task": model.task,
        "effort": training.effort,
        "seed": training.seed,
        "backend": training.backend,
        "features": sum(view.size for view in model.ensemble.views),
        "settings": training.settings,
        "trials": [
            {"name": trial.name, "metric": trial.metric, "value": round(trial.value, 6)}
            for trial in training.trials
        ],
    }


def print_training(model: Model) -> None:
    """Print what was trained and what was selected, a few lines on standard output."""
    ensemble = model.ensemble
    training = ensemble.training
    effort = f"effort {training.effort}, seed {training.seed}"
    # The manifest's value for a model without a network.
    backend = "no network" if training.backend in ("", "none") else f"backend {training.backend}"
    terminal.say(
        f"trained on {training.documents:,} documents with {len(ensemble.labels):,} labels "
        f"({effort}, {backend})"
    )
    for name, value in training.settings.items():
        terminal.say(f"  {name}: {value}")
    for trial in training.trials:
        if trial.chosen:
            terminal.say(f"  {trial.name}: {trial.metric} {trial.value:.4f} on held-out documents")


SCORES_SIZE = 1024
"""The most bytes that the test scores add to a file."""
BEFORE_REFIT = "held-out documents, before training on them too"
"""The documents behind scores that were measured before the saved model was trained. It is written
into model files."""


@click.command("train")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="model.satchel",
    show_default=True,
    help="Where to put the model.",
)
@click.option(
    "--test", default=None, metavar="SOURCE", help="Evaluate on this instead of a held-out 20 %."
)
@click.option("--no-test", is_flag=True, help="Train on every document, without an evaluation.")
@click.option(
    "--no-refit",
    is_flag=True,
    help="Save the model that was evaluated; do not retrain it on all documents.",
)
@click.option(
    "--hold-out",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Hold N documents out of every stage, and predict them at the end.",
)
@click.option(
    "--effort",
    type=click.Choice(["fast", "balanced", "best"]),
    default="balanced",
    show_default=True,
    help="How much training time to spend on accuracy.",
)
@click.option(
    "--preset",
    type=click.Choice(["tutorial"]),
    default=None,
    help="Repeat the 2018 Keras tutorial with its settings.",
)
@click.option(
    "--budget",
    type=options.DURATION,
    default=None,
    metavar="TIME",
    help="Stop searching after this time, such as 60s or 5m.",
)
@click.option(
    "--strip",
    default="",
    metavar="PARTS",
    help="Remove headers, quotes, signatures (comma-separated) first.",
)
@click.option(
    "--class-weight",
    type=click.Choice(["balanced"]),
    default=None,
    help="Give every class the same total weight, whatever its size.",
)
@options.max_size_option()
@options.backend_option
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Same data, seed, versions and machine: the same file, byte for byte.",
)
@options.source_options
@options.split_options
@options.report_option
@options.threads_option
@options.json_option
def train_command(
    sources: tuple[str, ...],
    output: str,
    test: str | None,
    no_test: bool,
    no_refit: bool,
    hold_out: int,
    effort: Effort,
    preset: Preset | None,
    budget: float | None,
    strip: str,
    class_weight: ClassWeight | None,
    max_size: int | None,
    backend: Backend | None,
    seed: int,
    reading: SourceOptions,
    group: str | None,
    time_column: str | None,
    report: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train on the labelled text of SOURCE and save the classifier in one file.

    SOURCE is a folder whose sub-folders are the labels, such a folder inside an archive
    (mail.tar.gz/inbox), or a table (CSV, TSV, JSONL, Parquet). Unless --test names other text,
    20 % of the documents are held out to evaluate the model; then the selected recipe is retrained
    on all of them, and that model is saved.
    """
    if test is not None and no_test:
        raise click.UsageError("expected one of --test and --no-test, found both: choose one")
    if report is not None and no_test:
        raise click.UsageError(
            "expected an evaluation for --report, found --no-test: remove one of the two"
        )
    if time_column is not None and (test is not None or no_test):
        other = "--no-test" if no_test else "--test"
        raise click.UsageError(
            f"expected --time to choose the documents to evaluate on, found {other} too: remove "
            "one of the two"
        )
    if preset is not None and (group is not None or time_column is not None):
        raise click.UsageError(
            "expected --preset tutorial without --group and --time, since it divides documents as "
            "the tutorial did: remove one of the two"
        )
    from satchel.cli.division import SplitColumns, divide
    from satchel.cli.evaluate import (
        check_comparable,
        evaluate,
        last_part,
        print_evaluation,
        save_report,
    )
    from satchel.cli.inputs import read_labelled, rejects_of
    from satchel.cli.options import warn_of_loss
    from satchel.cli.output import prepare_file, prepare_folder
    from satchel.model import Model
    from satchel.search.fitting import fit, refit
    from satchel.search.settings import Settings
    from satchel.search.targets import encode
    from satchel.sources.check import check_before_training

    start = time.perf_counter()
    named = ", ".join(map(last_part, sources))
    settings = Settings(
        effort=effort,
        preset=preset,
        budget=budget,
        strip=tuple(part.strip() for part in strip.split(",") if part.strip()),
        class_weight=class_weight,
        backend=backend,
        seed=seed,
        threads=threads,
    )
    prepare_file(output, inputs=(*sources, test))
    if report is not None:
        prepare_folder(report)
    by = SplitColumns(group, time_column)
    with terminal.progress_bars() as progress, rejects_of(reading, test, output, *sources) as bad:
        documents = by.read(sources, reading, bad, progress)
        given = None
        if test is not None:
            given = read_labelled(test, reading, bad, progress)
            check_comparable(documents, given)
    findings = check_before_training(documents)
    _print_findings(findings, sources, reading)
    with terminal.progress_bars() as progress:
        share = 0.0 if given is not None or no_test else 0.2
        parts = divide(documents, share, hold_out, seed, as_tutorial=preset == "tutorial", by=by)
        tested = given if given is not None else parts.test
        fitted = fit(
            parts.train.texts,
            encode(parts.train.labels or []),
            settings,
            progress,
            groups=parts.groups,
        )
        model = Model(fitted.model)
        evaluation = whole = None
        uncompressed = model.ensemble
        if max_size is not None:
            from satchel.sealed.compress import compress

            if tested is not None:
                whole = evaluate(model, tested, threads=threads).accuracy
            limit = int(max_size)
            if (
                tested is not None and limit > SCORES_SIZE
            ):  # smaller limits are refused as requested
                limit -= SCORES_SIZE
            model = Model(compress(model.ensemble, max_bytes=limit))
        if tested is not None:
            evaluation = evaluate(model, tested, trained_on=parts.train.texts, threads=threads)
        evaluated_documents = model.ensemble.training.documents
        refitted = parts.test is not None and not no_refit
        if refitted:
            every = parts.refit
            targets = encode(every.labels or [])
            fitted = refit(fitted.choice, every.texts, targets, settings, progress)
            model = Model(fitted.model)
            if max_size is not None:
                model = Model(compress(model.ensemble, max_bytes=limit))
    remarks = [*documents.report.lines(), *(given.report.lines() if given else [])]
    for line in [*remarks, *parts.remarks, *fitted.dropped.lines()]:
        terminal.remark(line)
    if max_size is not None:
        small = None if evaluation is None else evaluation.accuracy
        warn_of_loss(uncompressed, model.ensemble, whole, small)
    if evaluation is not None:
        model = model.with_scores(BEFORE_REFIT if refitted else "test", evaluation)
    model.save(output)
    seconds = time.perf_counter() - start
    if report is not None and evaluation is not None:
        save_report(
            evaluation,
            report,
            model=output,
            data=test or f"{named} (held-out part)",
            trained_on=named,
            notes=[
                _evaluation_note(
                    evaluation.n, evaluated_documents, model, None if given else parts.how, refitted
                )
            ],
        )
    held_out = _predict_held_out(model, parts.held_out)
    if as_json:
        facts: dict[str, Any] = {
            "model": output,
            "bytes": os.path.getsize(output),
            "seconds": round(seconds, 3),
            "documents": model.ensemble.training.documents,
            "documents_left_out": len(fitted.dropped),
            "labels": model.ensemble.labels,
            "check": [finding.to_dict() for finding in findings],
            **training_facts(model),
        }
        if evaluation is not None:
            facts["documents_of_evaluated_model"] = evaluated_documents
            if by.named:
                facts["split"] = {"group": group, "time": time_column, "test": parts.how}
            facts["test"] = evaluation.to_dict()
        if whole is not None:
            facts["accuracy_before_max_size"] = whole
        if hold_out:
            facts["held_out"] = held_out
        terminal.print_json(facts)
        return
    print_training(model)
    if evaluation is not None:
        terminal.say()
        print_evaluation(evaluation)
        terminal.say(
            _evaluation_note(
                evaluation.n, evaluated_documents, model, None if given else parts.how, refitted
            )
        )
        if max_size is not None and whole is not None:
            terminal.say(
                f"kept below {int(max_size):,} bytes: accuracy {whole:.4f} → "
                f"{evaluation.accuracy:.4f}"
            )
    for row in held_out:
        label = "(none)" if row["label"] is None else row["label"]
        probability = "" if row["probability"] is None else f"{row['probability']:.4f}"
        terminal.row([row["file"], label, probability, f"(is: {row['truth']})"])
    terminal.say()
    terminal.say(f"{output}: {os.path.getsize(output) / 1e6:.1f} MB, {seconds:.1f} s")


SAID_BY_TRAINING = ("no-labels", "one-class", "empty-documents")
"""Findings that training reports itself: it stops, or says how many documents were dropped."""
MOST_FINDINGS = 5


def _print_findings(
    findings: Sequence[Finding], sources: Sequence[str], reading: SourceOptions
) -> None:
    """Print the errors and warnings among the findings on standard error, one line each."""
    shown = [
        finding
        for finding in findings
        if finding.severity != "note" and finding.code not in SAID_BY_TRAINING
    ]
    for finding in shown[:MOST_FINDINGS]:
        terminal.remark(f"{finding.severity}: {finding.message}")
    if shown:
        more = len(shown) - MOST_FINDINGS
        columns = [part for name in reading.text or () for part in ("--text", name)]
        columns += [] if reading.label is None else ["--label", reading.label]
        columns += [] if reading.format is None else ["--format", reading.format]
        command = shlex.join(["satchel", "check", *sources, *columns])
        others = f"{more} more, and " if more > 0 else ""
        terminal.remark(f"{others}what to do about it:  {command}")


def _evaluation_note(
    documents: int, trained_on: int, model: Model, how: str | None, refitted: bool
) -> str:
    """Return which model the scores belong to, and what the saved model was trained on."""
    held_out = f"{documents:,} documents" + ("" if how is None else f" {how}")
    line = f"evaluated on {held_out}, with a model trained on {trained_on:,}"
    if not refitted:
        return f"{line}, which is the model saved"
    every = model.ensemble.training.documents
    return f"{line}; the saved model was then retrained on all {every:,}"


def _predict_held_out(model: Model, held_out: Documents) -> list[dict[str, Any]]:
    if not held_out.texts:
        return []
    from satchel.bulk.predictions import predictions
    from satchel.bulk.writers import plain_fields

    rows = []
    found = predictions(model, held_out)
    for prediction, truth in zip(found, held_out.labels or [], strict=True):
        text = truth if isinstance(truth, str) else "|".join(truth)
        rows.append({**plain_fields(prediction), "truth": text})
    return rows
