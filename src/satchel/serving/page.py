"""The page at ``/``: files of the package, served with a policy that allows nothing else."""

from __future__ import annotations

import hashlib
from importlib import resources

from satchel.serving.endpoints import Call, Endpoint, Handler
from satchel.serving.replies import ErrorBody, Reply

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CSS, _SCRIPT = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
_FILES = {
    "/": ("satchel.serving", "index.html", "text/html; charset=utf-8"),
    "/page.css": ("satchel.serving", "page.css", _CSS),
    "/page.js": ("satchel.serving", "page.js", _SCRIPT),
    "/icon.svg": ("satchel.serving", "icon.svg", "image/svg+xml"),
    # What it has in common with the report of an evaluation.
    "/report.css": ("satchel.evaluation", "report.css", _CSS),
    "/elements.js": ("satchel.evaluation", "elements.js", _SCRIPT),
}


def _file(package: str, name: str, content_type: str) -> Handler:
    body = resources.files(package).joinpath("assets", name).read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = (
        ("etag", tag),
        ("cache-control", "no-cache"),
        ("content-security-policy", POLICY),
        ("referrer-policy", "no-referrer"),
    )

    async def handle(call: Call) -> Reply:
        if call.headers.get(b"if-none-match") == tag.encode():
            return Reply(b"", content_type, 304, headers)
        return Reply(body, content_type, 200, headers)

    return handle


ENDPOINTS = tuple(
    Endpoint(
        "GET",
        path,
        f"Return a file of the page, {name}.",
        _file(package, name, content_type),
        error_type=ErrorBody,
        is_open=True,
        content_type=content_type,
    )
    for path, (package, name, content_type) in _FILES.items()
)
