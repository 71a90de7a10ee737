"""Bytes to text: byte-order mark, strict UTF-8, then one fallback for the whole source.

The fallback is decided once, from all documents that are not UTF-8, since few bytes are weak
evidence and a source nearly always has one origin. It is ``latin-1`` or ``windows-1252``: they
differ only in bytes 0x80 to 0x9F, where Windows puts typographic quotes, dashes and the euro.
It is Windows' if most of those bytes stand where such a character would stand.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from satchel.errors import SettingError
from satchel.sources.documents import ReadReport

# UTF-32's mark begins with UTF-16's, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 8192
_CONTROL = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\b\x1b"))
_HIGH = bytes(range(0x80, 0x100))
_C1 = bytes(range(0x80, 0xA0))
# Where Windows' typographic bytes may stand: an apostrophe within a word, an opening quote before
# a word, a closing one after it, a dash between blanks or digits, an ellipsis or ™ after a word.
_TYPOGRAPHIC = re.compile(
    rb"(?<=[A-Za-z\xc0-\xff])\x92(?=[A-Za-z\xc0-\xff])"
    rb"|(?<![A-Za-z\x80-\xff])[\x91\x93](?=[A-Za-z0-9\xc0-\xff])"
    rb"|(?<=[A-Za-z0-9.,!?\xc0-\xff])[\x92\x94](?![A-Za-z\x80-\xff])"
    rb"|(?<=[\s0-9])[\x96\x97](?=[\s0-9])"
    rb"|(?<=[A-Za-z\xc0-\xff])[\x85\x99](?![A-Za-z\x80-\xff])"
    rb"|\x80(?=\s?[0-9])|(?<=[0-9])\s?\x80"
)
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def mark(data: bytes) -> tuple[str, int]:
    """Return the encoding that a byte-order mark names, and the mark's length (``""``, 0: none)."""
    for bytes_, encoding in _MARKS:
        if data.startswith(bytes_):
            return encoding, len(bytes_)
    return "", 0


def not_text(data: bytes) -> str:
    """Return why bytes are not text, or an empty string where they may be.

    Bytes without a byte-order mark are not text if their first 8 KiB hold a NUL, or if more than
    three in ten of them are control characters.
    """
    head = data[:_HEAD]
    if mark(head)[0]:
        return ""
    if b"\0" in head:
        return "NUL bytes: a binary file, or UTF-16 without a byte-order mark"
    if len(head) - len(head.translate(None, _CONTROL)) > 0.3 * len(head):
        return "mostly control characters"
    return ""


def known_encoding(name: str | None) -> str | None:
    """Return Python's canonical name of an encoding.

    Raises:
        SettingError: Python has no such text encoding.
    """
    if name is None:
        return None
    try:
        b" ".decode(name, "replace")
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise SettingError(
            f"encoding: expected the name of a text encoding, such as 'cp1251', found {name!r}. "
            f"The documentation of Python's codecs module lists them."
        ) from error


def _damaged(data: bytes) -> bool:
    """Return whether bytes are UTF-8 with a few broken sequences, and not another encoding."""
    whole, sequences = _SEQUENCE.subn(b"", data)
    stray = len(whole) - len(whole.translate(None, _HIGH))
    return sequences > stray


def _windows(data: bytes) -> str:
    """Decode as windows-1252 the way browsers do: its five unassigned bytes become C1 controls."""
    return data.decode("cp1252", "surrogateescape").translate(
        {0xDC00 + byte: byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
    )


def choose_fallback(samples: Sequence[bytes]) -> tuple[str, bool]:
    """Decide on ``latin-1`` or ``windows-1252`` for documents that are not UTF-8.

    Args:
        samples: The bytes of those documents.

    Returns:
        The encoding, and whether the bytes look Western: letters beyond ASCII are few there and
        stand alone, while in Cyrillic, Greek or East Asian encodings they come in long runs.
    """
    data = b"\n".join(samples)
    high = len(data) - len(data.translate(None, _HIGH))
    windows = len(data) - len(data.translate(None, _C1))
    typographic = len(_TYPOGRAPHIC.findall(data))
    in_runs = sum(len(run) for run in _HIGH_RUN.findall(data) if len(run) > 2)
    encoding = "windows-1252" if 2 * typographic > windows else "latin-1"
    return encoding, 2 * in_runs <= high


class Decoder:
    """Decodes the documents of one source; those that are not UTF-8 wait until all are seen.

    Args:
        report: Where other encodings and replaced characters are noted.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.

    Raises:
        SettingError: The encoding is unknown.
    """

    def __init__(self, report: ReadReport, encoding: str | None = None) -> None:
        self._report = report
        self._encoding = known_encoding(encoding)
        self._waiting: dict[int, tuple[str, bytes]] = {}
        self._noted: set[tuple[str, str]] = set()

    def decode(self, index: int, name: str, data: bytes) -> str:
        """Return the text, or an empty string where :meth:`finish` will give it.

        Args:
            index: The document's position, the key in the result of :meth:`finish`.
            name: Its name, for the report.
            data: Its bytes.
        """
        encoding, length = mark(data)
        if encoding and encoding != "utf-8":
            text = data[length:].decode(encoding, "replace")
            self._note(encoding, name, text.count("\ufffd"))
            return text
        try:
            return data[length:].decode()
        except UnicodeDecodeError:
            self.wait(index, name, data[length:])
            return ""

    def wait(self, index: int, name: str, data: bytes) -> None:
        """Take bytes that are known not to be UTF-8; :meth:`finish` will decode them."""
        self._waiting[index] = (name, data)

    def finish(self) -> dict[int, str]:
        """Decode all documents that were deferred.

        Returns:
            Index → text of each document that was not UTF-8.
        """
        if not self._waiting:
            return {}
        fallback = self._encoding
        damaged: set[int] = set()
        if fallback is None:
            damaged = {i for i, (_, data) in self._waiting.items() if _damaged(data)}
            others = [data for i, (_, data) in self._waiting.items() if i not in damaged]
            fallback, western = choose_fallback(others)
            self._report.not_western = not western
        texts = {}
        for index, (name, data) in self._waiting.items():
            if index in damaged:
                texts[index] = data.decode("utf-8", "replace")
                self._report.replace(name, texts[index].count("\ufffd"))
            elif fallback == "windows-1252":
                texts[index] = _windows(data)
                self._note(fallback, name, 0)
            else:
                texts[index] = data.decode(fallback, "replace")
                self._note(fallback, name, texts[index].count("\ufffd"))
        self._waiting.clear()
        return texts

    def _note(self, encoding: str, name: str, replaced: int) -> None:
        if (encoding, name) not in self._noted:
            self._noted.add((encoding, name))
            self._report.recode(encoding, name)
        if replaced:
            self._report.replace(name, replaced)


def decode_name(name: str, encoding: str | None) -> str:
    """Decode a name in which bytes that are not UTF-8 are surrogate escapes.

    Args:
        name: The name, such as a column's.
        encoding: Its encoding; None takes windows-1252.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "surrogateescape")
        return _windows(raw) if encoding is None else raw.decode(encoding, "replace")
    return name
