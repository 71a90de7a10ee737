"""Opening the model that a user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.errors import ModelFileError, SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from satchel.satchel import Satchel
    from satchel.sealed import Parts


def read_parts(path: str) -> Parts:
    """Read a model file.

    Args:
        path: The file.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: The system does not let it be read.
        ModelFileError: It is damaged, foreign or hostile.
    """
    from satchel import sealed

    if not path:  # a path's own rules would make it the current folder
        raise SourceNotFoundError("expected the path of a model file, found an empty one")
    try:
        return sealed.read(path)
    except ModelFileError as error:
        raise ModelFileError(f"{error.reason} (in {path})", error.member) from error
    except FileNotFoundError:
        raise SourceNotFoundError(
            f"expected a model file at {path}, found nothing: check the path, "
            "or make one with  satchel train SOURCE -o MODEL"
        ) from None
    except OSError as error:
        raise SourceError(
            f"expected a model file at {path}, which cannot be read: {error.strerror}"
        ) from error


def load(path: str) -> Satchel:
    """Open a model file, ready to answer; see `read_parts`."""
    from satchel.satchel import Satchel

    return Satchel(read_parts(path))
