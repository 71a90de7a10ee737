"""Bytes to text: a byte-order mark, UTF-16 or UTF-32 without one, strict UTF-8, or one decision.

Documents that are nothing else wait until all are seen, since few bytes are weak evidence and a
source nearly always has one origin, at times two. :mod:`satchel.sources.guessing` then decides on
their encodings together, and :class:`Decoder` keeps that decision for documents that come later.

What the file begins with tells which kind of binary file it is.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from satchel.errors import SettingError, SourceError
from satchel.sources.documents import ReadReport, brief, counted
from satchel.sources.guessing import Decision, Evidence, decode_windows, is_damaged_utf_8

OnBad = Literal["error", "replace", "skip"]
"""What becomes of a document that cannot be decoded without loss."""

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

_EXTRACT = "extract its text first"
_DOCUMENT = "an older Office document (.doc, .xls, .ppt, .msg): " + _EXTRACT
# No text begins with these.
_KINDS = (
    (b"%PDF-", f"a PDF document: {_EXTRACT}"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _DOCUMENT),
    (b"\x1f\x8b\x08", "a gzip file: unpack it first"),
    (b"\xfd7zXZ\0", "an xz file: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"\x7fELF", "an ELF program"),
    (b"\xca\xfe\xba\xbe", "a Java class or a macOS program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"\x93NUMPY", "a NumPy array"),
)
# A text may begin with these: they name only what is known not to be text.
_KINDS_OF_BINARY = (
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"ID3", "an MP3 file"),
    (b"\xff\xfb", "an MP3 file"),
    (b"\xff\xf3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"MZ", "a Windows program"),
    (b"PAR1", "a Parquet file without the suffix .parquet"),
    (b"ARROW1", "an Arrow file"),
)
_OFFICE = (
    (b"word/", f"a Word document (.docx): {_EXTRACT}"),
    (b"xl/", "an Excel workbook (.xlsx): save its sheet as CSV first"),
    (b"ppt/", f"a PowerPoint presentation (.pptx): {_EXTRACT}"),
    (b"application/vnd.oasis.opendocument", f"an OpenDocument file: {_EXTRACT}"),
    (b"application/epub+zip", f"an EPUB book: {_EXTRACT}"),
)
_RIFF = {b"WAVE": "a WAV file", b"AVI ": "an AVI video", b"WEBP": "a WebP image"}


def mark(data: bytes) -> tuple[str, int]:
    """Return the encoding that a byte-order mark names, and the mark's length (``""``, 0: none)."""
    for bytes_, encoding in _MARKS:
        if data.startswith(bytes_):
            return encoding, len(bytes_)
    return "", 0


def _kind(head: bytes, binary: bool) -> str:
    """Return what kind of file begins with these bytes; empty where that is not known."""
    for start, kind in _KINDS:
        if head.startswith(start):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        found = (kind for part, kind in _OFFICE if part in head)
        return next(found, "a ZIP archive: unpack it first, or name it alone as the source")
    if head[4:8] == b"ftyp":
        return "an MP4 or QuickTime file"
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first, or name it alone as the source"
    if binary:
        for start, kind in _KINDS_OF_BINARY:
            if head.startswith(start):
                return kind
    return ""


def known_kind(head: bytes) -> str:
    """Return what kind of binary file begins with these bytes; empty where that is not known."""
    return _kind(head[:_HEAD], False)


def not_text(data: bytes, encoding: str | None = None) -> str:
    """Return why bytes are not text, or an empty string where they may be.

    Bytes without a byte-order mark are not text if they begin as a known kind of binary file does;
    or if their first 8 KiB hold a NUL, or more than three in ten of them are control characters,
    and they are not UTF-16 or UTF-32 either.

    Args:
        data: The bytes of a document.
        encoding: What the user says; under UTF-16 and UTF-32 text may hold any bytes.
    """
    head = data[:_HEAD]
    if kind := _kind(head, False):
        return kind
    if mark(head)[0] or _is_wide(known_encoding(encoding)):
        return ""
    has_nul = b"\0" in head
    if not has_nul and len(head) - len(head.translate(None, _CONTROL)) <= 0.3 * len(head):
        return ""
    if unmarked(data):
        return ""
    return _kind(head, True) or (
        "NUL bytes: a binary file" if has_nul else "mostly control characters"
    )


_BLANK = re.compile(
    r"[^\S\x1c-\x1f\x85]|[\x08\x1b\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_EAST_ASIAN = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]")
_FEW_WORDS = 4
_MANY_WORDS = 16


def _is_wide(encoding: str | None) -> bool:
    return bool(encoding) and str(encoding).startswith(("utf-16", "utf-32"))


def _looks_decoded(text: str, has_nul: bool) -> bool:
    """Return whether text is what people write, and not other bytes read as UTF-16 or UTF-32."""
    east_asian = len(_EAST_ASIAN.findall(text))
    if not has_nul and (east_asian < len(text) or len(text) < _MANY_WORDS):
        return False
    shown = _BLANK.sub("", text)
    if len(text) < _FEW_WORDS or not shown.isprintable():
        return False
    words = sum(map(str.isalnum, shown)) + len(text) - len(shown)
    # An alphabet fills few blocks; numbers and pictures spread over many.
    blocks = Counter(ord(letter) >> 7 for letter in text if not _EAST_ASIAN.match(letter))
    most = sum(count for _, count in blocks.most_common(3))
    return 5 * words >= 3 * len(text) and 10 * most >= 9 * blocks.total()


def unmarked(data: bytes) -> str:
    """Return which UTF-16 or UTF-32 bytes without a byte-order mark are; empty where they are not.

    Nothing is taken for it on NULs alone: the first 8 KiB must decode to letters, digits and blanks
    of few alphabets, without one control character; in both byte orders, the one that gives more
    ASCII is taken. What is UTF-8 too must be ASCII, and have a NUL at two in five bytes or other
    control characters, as Cyrillic has. Where no byte is NUL, all must be East Asian, and some byte
    one that no other text has.
    """
    head = data[:_HEAD]
    has_nul = b"\0" in head
    if not has_nul and len(head) == len(head.translate(None, _CONTROL)):
        return ""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        pass
    else:
        nul = head.count(b"\0")
        others = len(head) - len(head.translate(None, _CONTROL)) - nul
        if not head.isascii() or (5 * nul < 2 * len(head) and not others):
            return ""
    found = []
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        # Any pair of ASCII letters is an ideograph.
        if head.isascii() and 2 * len(_EAST_ASIAN.findall(text)) > len(text):
            continue
        if _looks_decoded(text, has_nul):
            found.append((sum(map(str.isascii, text)), encoding))
    found.sort(reverse=True)
    tied = len(found) > 1 and found[0][0] == found[1][0]
    return found[0][1] if found and not tied else ""


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


@dataclass(frozen=True)
class BadDocument:
    """A document that cannot be decoded without loss.

    Attributes:
        name: Its name.
        offset: The first byte that cannot be decoded, from 0, the byte-order mark included.
        reason: That, in words, such as ``byte 17 is not utf-8``.
    """

    name: str
    offset: int
    reason: str


class Decoder:
    """Decodes the documents of one source; those that are not UTF-8 wait for a decision.

    A source that is read at once calls :meth:`decode` (or :meth:`wait`) for each document and
    :meth:`finish` at the end. A stream calls :meth:`finish` after each batch: the first call in
    which documents wait makes the decision from them, and later ones decode by it. So the first
    batch should be as large as the look-ahead allows. A later document that plainly looks like
    none of the groups decided on is decided with its like in its own batch.

    Args:
        report: Where other encodings and replaced characters are noted.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.
        on_bad: What becomes of a document that its encoding (its mark's, UTF-8, the user's, or
            the one decided on) cannot decode without loss. ``replace``: broken sequences become
            U+FFFD and are counted in the report. ``skip``: its text is empty and :attr:`bad` has
            it; the caller leaves it out and reports it. ``error``: :meth:`finish` raises.

    Attributes:
        decision: The decision; None until documents waited for one.
        bad: Index → the documents to leave out, where ``on_bad`` is ``skip``. A stream whose
            indices begin anew with each batch clears it after each.

    Raises:
        SettingError: The encoding or ``on_bad`` is unknown.
    """

    def __init__(
        self, report: ReadReport, encoding: str | None = None, on_bad: OnBad = "replace"
    ) -> None:
        if on_bad not in ("error", "replace", "skip"):
            raise SettingError(
                f"on_bad_encoding: expected 'error', 'replace' or 'skip', found {on_bad!r}."
            )
        self.decision: Decision | None = None
        self.bad: dict[int, BadDocument] = {}
        self._report = report
        self._encoding = known_encoding(encoding)
        self._on_bad = on_bad
        self._waiting: dict[int, tuple[str, bytes, int]] = {}
        self._noted: set[tuple[str, str]] = set()

    def decode(self, index: int, name: str, data: bytes) -> str:
        """Return the text, or an empty string where :meth:`finish` will give it or it is bad.

        Args:
            index: The document's position, the key in the result of :meth:`finish`.
            name: Its name, for the report.
            data: Its bytes.
        """
        encoding, length = mark(data)
        if not encoding and b"\0" in data[:_HEAD]:
            wide = self._encoding if _is_wide(self._encoding) else ""
            encoding = wide or unmarked(data)
        if encoding and encoding != "utf-8":
            return self._decode(index, name, data[length:], encoding, length)
        try:
            return data[length:].decode()
        except UnicodeDecodeError:
            self.wait(index, name, data[length:], length)
            return ""

    def wait(self, index: int, name: str, data: bytes, start: int = 0) -> None:
        """Take bytes that are known not to be UTF-8; :meth:`finish` will decode them.

        Args:
            index: The document's position, the key in the result of :meth:`finish`.
            name: Its name, for the report.
            data: Its bytes.
            start: How many bytes stand before them in the document, as a byte-order mark does.
        """
        self._waiting[index] = (name, data, start)

    def finish(self) -> dict[int, str]:
        """Decode all documents that wait.

        Returns:
            Index → text of each document that was not UTF-8; it is empty where it is in
            :attr:`bad`.

        Raises:
            SourceError: ``on_bad`` is ``error`` and some document cannot be decoded without loss.
        """
        texts = {}
        encodings = self._choose()
        for index, (name, data, start) in self._waiting.items():
            texts[index] = self._decode(index, name, data, encodings[index], start)
        self._waiting.clear()
        self._noted.clear()
        if self.bad and self._on_bad == "error":
            first = self.bad[min(self.bad)]
            raise SourceError(
                f"{brief(first.name)}: expected text, found that {first.reason} "
                f"({counted(len(self.bad), 'such document')} so far). Name the encoding of "
                f"documents that are not UTF-8 (--encoding), or replace what is broken or leave "
                f"out such documents (--on-bad-encoding replace or skip)."
            )
        return texts

    def _choose(self) -> dict[int, str]:
        """Return the encoding of each document that waits."""
        if self._encoding is not None:
            return dict.fromkeys(self._waiting, self._encoding)
        encodings = {}
        undecided: dict[int, Evidence] = {}
        for index, (_, data, _) in self._waiting.items():
            if wide := unmarked(data):
                encodings[index] = wide
            elif is_damaged_utf_8(data):
                encodings[index] = "utf-8"
            else:
                undecided[index] = Evidence.of(data)
        if undecided:
            self.decision = (self.decision or Decision()).extended(list(undecided.values()))
            for index, evidence in undecided.items():
                encodings[index] = self.decision.encoding(evidence, self._waiting[index][1])
            self._report.not_western |= self.decision.unsure
        return encodings

    def _decode(self, index: int, name: str, data: bytes, encoding: str, start: int) -> str:
        if encoding == "windows-1252":
            self._note(encoding, name, 0)
            return decode_windows(data)
        replaced = 0
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            if self._on_bad != "replace":
                offset = start + error.start
                self.bad[index] = BadDocument(name, offset, f"byte {offset:,} is not {encoding}")
                return ""
            text = data.decode(encoding, "replace")
            replaced = text.count("\ufffd")
        self._note(encoding, name, replaced)
        return text

    def _note(self, encoding: str, name: str, replaced: int) -> None:
        if encoding != "utf-8" and (encoding, name) not in self._noted:
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
        return decode_windows(raw) if encoding is None else raw.decode(encoding, "replace")
    return name
