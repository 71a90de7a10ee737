"""``satchel serve``: predictions over HTTP, and a page to try models on."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

import click

from satchel.cli import options, terminal
from satchel.errors import MissingDependencyError, SettingError, SourceError

TOKEN = "SATCHEL_TOKEN"

_ABOUT = f"""\b
Open the address in a browser to try the models. For programs:
  POST /predict               {{"texts": [...], "model": NAME, "top": 3, "explain": false}}
  POST /v2/models/NAME/infer  Open Inference Protocol (KServe, Triton, MLServer)
  POST /classify              vLLM
  POST /models/NAME           Hugging Face
  POST /v1/moderations        OpenAI, for models with several labels per document
  POST /invocations           MLflow
  /label-studio/NAME          the address of an ML backend for Label Studio
  GET  /health/ready, /health/live, /metrics, /openapi.json

A model file that is replaced is loaded beside the old one, and answers as soon as it is found whole
and valid. SIGTERM and SIGINT end the server once it has answered what it was asked: status 0, or 1
if it could not. The log on standard error has one JSON object per line.

A token that requests have to bring along is read from --token-file or {TOKEN}.
"""


@click.command("serve", epilog=_ABOUT)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 for any that is free.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that answer; they share the memory of the models.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=None,
    help="Threads of one worker for much text.  [default: cores divided by workers]",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="FILE",
    help="Ask for the token in this file.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Answer to this name too, on a loopback address without a token.",
)
@click.option(
    "--max-body",
    type=options.SIZE,
    default="8MB",
    show_default=True,
    metavar="SIZE",
    help="Largest body of a request.",
)
@click.option(
    "--max-documents",
    type=click.IntRange(min=1),
    default=1_024,
    show_default=True,
    help="Most documents per request.",
)
@click.option(
    "--max-characters",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Most characters per document.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(min=1),
    default=1_024,
    show_default=True,
    help="Most open connections per worker.",
)
@click.option(
    "--timeout",
    type=options.DURATION,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="Longest time for a request to arrive, to be answered, and to finish at the end.",
)
@click.option(
    "--watch",
    type=options.DURATION,
    default="1s",
    show_default=True,
    metavar="TIME",
    help="Time between two looks at the model files.",
)
@click.option("--log-requests", is_flag=True, help="Log each request, without its text.")
@click.option("--log-text", is_flag=True, help="Log each request with its documents.")
def serve_command(
    models: tuple[str, ...],
    host: str,
    port: int,
    workers: int,
    threads: int | None,
    token_file: str | None,
    allow_host: tuple[str, ...],
    max_body: float,
    max_documents: int,
    max_characters: int,
    max_connections: int,
    timeout: float,
    watch: float,
    log_requests: bool,
    log_text: bool,
) -> None:
    """Answer requests for predictions over HTTP.

    Each MODEL is a model file; requests name it by its file's name without the ending.
    """
    # Workers are the unit of parallel work here; without threads of its own, the library that NumPy
    # multiplies with can be forked. It reads this when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if os.name != "posix":
        raise SettingError("expected Linux or macOS, found another system: satchel serve needs one")
    for package in ("starlette", "uvicorn", "httptools"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(package, "serve", "satchel serve")

    from satchel.serving.application import is_loopback
    from satchel.serving.settings import Limits, Settings
    from satchel.serving.supervisor import Supervisor

    for given, name in ((timeout, "--timeout"), (watch, "--watch"), (max_body, "--max-body")):
        if given <= 0:
            raise click.UsageError(f"expected more than 0 for {name}, found {given:g}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = Limits(
        body=int(max_body),
        documents=max_documents,
        document=max_characters,
        receive=timeout,
        answer=timeout,
        connections=max_connections,
        bodies=max(128_000_000, 2 * int(max_body)),
    )
    settings = Settings(
        host=host,
        port=port,
        workers=workers,
        threads=threads or max(1, (cores or 1) // workers),
        limits=limits,
        token=_token(token_file),
        hosts=allow_host,
        log_requests=log_requests or log_text,
        log_text=log_text,
        watch=watch,
        drain=timeout,
    )
    if not is_loopback(host) and settings.token is None:
        terminal.remark(
            f"warning: everybody who can reach {host} may ask, as there is no token: give "
            f"--token-file or {TOKEN}, or listen on 127.0.0.1"
        )
    supervisor = Supervisor(models, settings)

    def on_ready() -> None:
        terminal.say(f"{', '.join(models)}: {supervisor.address}  (end with Ctrl+C)")
        terminal.flush()

    sys.exit(supervisor.run(on_ready))


def _token(path: str | None) -> str | None:
    """Return the token that requests have to bring along; None for none."""
    if path is None:
        token: Any = os.environ.get(TOKEN)
        where = TOKEN
        if token is None:
            return None
    else:
        where = path
        try:
            with open(path, encoding="utf-8") as file:
                token = file.read(4_097)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise SourceError(
                f"expected a file with a token at {path}, found that it cannot be read: {reason}"
            ) from None
    token = token.strip()
    if not token or len(token) > 4_096 or not token.isascii() or not token.isprintable():
        raise SettingError(
            f"expected a token of printable ASCII characters in {where}, found none or others: "
            "make one, for example by  openssl rand -hex 32"
        )
    return str(token)
