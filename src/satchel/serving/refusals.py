"""A request that is not answered, and why: each becomes an error response."""

from __future__ import annotations

from http import HTTPStatus


class Refused(Exception):
    """A request cannot be answered.

    Args:
        status: The HTTP status, 4xx or 503.
        message: What was expected, what was found, and what to do; it never has text of a document.
        headers: Header fields of the response.
        close: Whether the connection is closed, since the rest of the request is not read.

    Attributes:
        status: The same.
        code: A word for programs, such as ``not_found``.
        message: The same.
        headers: The same.
        close: The same.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = status.name.lower()
        self.message = message
        self.headers = headers
        self.close = close


def overloaded(what: str) -> Refused:
    """Return the refusal of a request for which there is no room now."""
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"expected fewer requests at a time, found that {what}: send the request again later",
        (("retry-after", "1"),),
    )
