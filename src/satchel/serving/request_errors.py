"""A request that is not answered, and why: each becomes an error response."""

from __future__ import annotations

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    414: "target_too_long",
    415: "unsupported_encoding",
    421: "unknown_host",
    422: "invalid",
    431: "headers_too_large",
    500: "internal_error",
    503: "overloaded",
}


class RequestError(Exception):
    """A request cannot be answered.

    Args:
        status: The HTTP status.
        message: What was expected, what was found, and what to do; it never has text of a document.
        headers: Header fields of the response.

    Attributes:
        status: The same.
        code: A word for programs, such as ``not_found``.
        message: The same.
        headers: The same.
    """

    def __init__(
        self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = _CODES[status]
        self.message = message
        self.headers = headers


def overloaded(what: str) -> RequestError:
    """Return the refusal of a request for which there is no room now."""
    return RequestError(
        503,
        f"expected fewer requests at a time, found that {what}: send the request again later",
        (("retry-after", "1"),),
    )
