"""The objects of a JSON file: one a line, or all in one array."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

import msgspec

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.documents import brief, quoted
from satchel.sources.rows import undecoded

_decode = msgspec.json.Decoder().decode
# Every key of an object is a quote and a colon; so may be something in a text.
_KEY = re.compile(r'"\s*:')
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonRows:
    """Reads the objects of one file.

    Args:
        source: The file's name, for messages.
        reject: Told of the line and the reason of what is no object.
    """

    def __init__(self, source: str, reject: Callable[[int, str], None]) -> None:
        self._source = printable(source)
        self._reject = reject

    def read(self, stream: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each object with its line, or with its number where an array holds them.

        Raises:
            SourceError: The file is one object of several lines, or an array that is damaged.
        """
        first = True
        for line, text in enumerate(stream, 1):
            if text.isspace():
                continue
            if first and text.lstrip().startswith("["):
                yield from self._array(text + stream.read(), line)
                return
            if first and text.strip() == "{":
                raise SourceError(
                    f"{self._source}: expected one JSON object a line, or an array of objects, "
                    f"found a single object of several lines. Save the documents as a list of "
                    f"records."
                )
            first = False
            if (record := self._object(line, text)) is not None:
                yield line, record

    def _array(self, text: str, line: int) -> Iterator[tuple[int, dict[str, Any]]]:
        scan = json.JSONDecoder().raw_decode
        place = text.index("[") + 1
        number = 0
        while True:
            place = _end_of_space(text, place)
            if number == 0 and text[place : place + 1] == "]":
                break
            number += 1
            try:
                _, end = scan(text, place)
            except (ValueError, RecursionError) as error:
                raise self._damaged(text, line, place, f"{error} in record {number:,}") from error
            if (record := self._object(number, text[place:end])) is not None:
                yield number, record
            place = _end_of_space(text, end)
            if text[place : place + 1] == "]":
                break
            if text[place : place + 1] != ",":
                why = f"no comma and no ] after record {number:,}"
                raise self._damaged(text, line, place, why)
            place += 1
        place = _end_of_space(text, place + 1)
        if place < len(text):
            raise self._damaged(text, line, place, "more after the array's end")

    def _damaged(self, text: str, line: int, place: int, why: str) -> SourceError:
        return SourceError(
            f"{self._source}:{line + text.count(chr(10), 0, place)}: expected an array of JSON "
            f"objects, found {brief(why, 200)}. Mend the line, or fetch the file again."
        )

    def _object(self, line: int, text: str) -> dict[str, Any] | None:
        """Return an object, or None where there is none, which is then told."""
        try:
            record = _parse(text)
        except (ValueError, RecursionError) as error:
            self._reject(line, f"no valid JSON: {brief(str(error), 200)}")
            return None
        if isinstance(record, dict):
            return record
        self._reject(line, "expected a JSON object")
        return None


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _parse(text: str) -> Any:
    """Parse one JSON value strictly; bytes that are not UTF-8 stay surrogate escapes in its texts.

    Raises:
        ValueError: It is no valid JSON, or has a key twice.
        RecursionError: It is nested too deeply.
    """
    bare = text if text.isascii() or undecoded(text) is None else _SURROGATE.sub("?", text)
    # Judges all but repeated keys: json would let NaN and lone surrogates pass.
    record = _decode(bare)
    if bare is not text or (isinstance(record, dict) and _keys(text) != len(record)):
        return json.loads(text, object_pairs_hook=_object_of)
    return record


def _keys(text: str) -> int:
    """Return how many keys an object has, repeated and nested ones included, or more."""
    if " :" in text or "\t:" in text or "\r:" in text or "\n:" in text:
        return len(_KEY.findall(text))
    return text.count('":')


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {quoted(key)} comes twice")
            seen.add(key)
    return record
