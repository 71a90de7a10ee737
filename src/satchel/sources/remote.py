"""Sources on other machines: object stores, the web and whatever else fsspec reaches.

An address is only ever one that the user gave: nothing that is read can name another.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from satchel.errors import MissingDependencyError, SourceError, SourceNotFoundError
from satchel.escaping import printable
from satchel.sources.documents import brief

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
_WEB: Final = ("http", "https")
_PACKAGES: Final = {
    **dict.fromkeys(_WEB, "aiohttp"),
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "hf": "huggingface_hub",
    "smb": "smbprotocol",
}
"""Protocol → the package by which fsspec speaks it."""

_BLOCK_BYTES: Final = 8 << 20
_CONNECT_SECONDS: Final = 30
_READ_SECONDS: Final = 60


def is_remote(source: str) -> bool:
    """Return whether a source is an address, such as ``s3://bucket/posts.csv``, not a path."""
    return _ADDRESS.match(source) is not None


def protocol(address: str) -> str:
    """Return the protocol of an address, in lower case."""
    found = _ADDRESS.match(address)
    return found[1].lower() if found else ""


def plain_address(address: str) -> str:
    """Return an address without what may be secret: user, password, and a web address's query."""
    if protocol(address) not in _WEB:
        return re.sub(r"^([^/]+://)[^/@]*@", r"\1", address)
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def base_name(address: str) -> str:
    """Return the file name at the end of an address."""
    name = plain_address(address).rstrip("/").rpartition("/")[2]
    return unquote(name) if protocol(address) in _WEB else name


class RemoteFile(io.RawIOBase):
    """A file at an address, read from its start; closing it ends the connection.

    Args:
        address: The address.

    Attributes:
        size: Its size in bytes; None where the other side does not say.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: It cannot be opened, or later not read.
        MissingDependencyError: fsspec, or its package for the protocol, is not installed.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._position = 0
        with _errors(address):
            system, path = _system(address)
            self._file = system.open(path, "rb", block_size=_BLOCK_BYTES)
            size = getattr(self._file, "size", None)
            self.size = size if isinstance(size, int) else None

    def readable(self) -> bool:
        """Return True: the file can be read."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` bytes; all that is left where negative or None."""
        with _errors(self._address):
            data = bytes(self._file.read(-1 if size is None else size))
        self._position += len(data)
        return data

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer; what ``io.BufferedReader`` calls."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """End the connection."""
        if not self.closed:
            super().close()
            file = getattr(self, "_file", None)
            if file is not None:
                with _errors(self._address):
                    file.close()


def find_remote(pattern: str) -> list[str]:
    """Return the addresses of the files that a pattern matches, in no certain order.

    Web addresses are never patterns: a web server has no list of its files but pages with links.

    Raises:
        SourceError: The other side cannot be asked.
        MissingDependencyError: As for :class:`RemoteFile`.
    """
    with _errors(pattern):
        system, path = _system(pattern)
        found = system.glob(path, detail=True)
        return [
            str(system.unstrip_protocol(name))
            for name, about in found.items()
            if about.get("type") == "file"
        ]


def _system(address: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it."""
    try:
        import fsspec
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingDependencyError(
            "fsspec", "remote", f"reading {protocol(address)}:// addresses"
        ) from error
    known = protocol(address)
    if known not in fsspec.available_protocols():
        raise SourceError(
            f"{printable(plain_address(address))}: expected a protocol such as s3://, gs://, "
            f"az://, hf:// or https://, found {printable(known)}://, which fsspec does not know. "
            f"Check the address."
        )
    options: dict[str, Any] = {}
    if known in _WEB:
        options["client_kwargs"] = {"timeout": _timeouts()}
    system, path = url_to_fs(address, **options)
    return system, path


def _timeouts() -> Any:
    """Return the time limits of a web connection: none in all, as a file may be large."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)


def _missing(known: str, error: ImportError) -> Exception:
    """Return the error for a protocol whose package is not installed."""
    package, purpose = _PACKAGES.get(known), f"reading {known}:// addresses"
    if package is not None:
        return MissingDependencyError(package, "remote" if known in _WEB else "", purpose)
    # fsspec says in its own words what its rarer protocols need.
    return SourceError(f"{purpose} needs a further package: {brief(str(error), 200)}")


@contextmanager
def _errors(address: str) -> Iterator[None]:
    """Turn what goes wrong on the way into SourceErrors of one line."""
    name = printable(plain_address(address))
    try:
        yield
    except (SourceError, MissingDependencyError):
        raise
    except ImportError as error:
        raise _missing(protocol(address), error) from error
    except FileNotFoundError as error:
        # fsspec says so of every answer of a web server that is no success, and of none.
        cause = error.__cause__
        if isinstance(cause, Exception) and getattr(cause, "status", 0) not in (404, 410):
            raise _unreachable(cause, address) from error
        raise SourceNotFoundError(
            f"{name}: expected a file, found nothing there. Check the address."
        ) from error
    except PermissionError as error:
        raise SourceError(
            f"{name}: expected a file that may be read, found that access was refused"
            f"{_said(error, address)}. Check the credentials and their rights."
        ) from error
    # Each package has errors of its own, which have no common root.
    except Exception as error:
        raise _unreachable(error, address) from error


def _unreachable(error: Exception, address: str) -> SourceError:
    return SourceError(
        f"{printable(plain_address(address))}: expected a file that can be read, found that it "
        f"cannot{_said(error, address)}. Check the address, the network and the credentials."
    )


def _said(error: Exception, address: str) -> str:
    """Return what an error says, in one line and without what may be secret in the address."""
    said = " ".join(str(error).replace(address, plain_address(address)).split())
    secret = urlsplit(address).query if protocol(address) in _WEB else ""
    if secret:
        said = said.replace(secret, "…")
    return f" ({type(error).__name__}{': ' if said else ''}{brief(said, 200)})"
