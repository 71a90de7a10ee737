"""One decision on the encodings of all documents of a source that are not UTF-8.

Each document is looked at, no more than 16 KiB from its first byte beyond ASCII, and joins those
that look like it:

- ``latin``: bytes beyond ASCII are few and stand alone, as in Western and Central Europe;
- ``double``: it is valid in an East Asian encoding, where most of its characters are common ones
  and few stand alone;
- ``low``, ``middle``, ``high``: neither, so another alphabet, by where most of its bytes lie: the
  small letters of windows-1251 and of KOI8-R, for instance, lie apart.

Each group gets one encoding, from a sample of at most 256 KiB that is taken evenly over its
documents, in whole lines that are not ASCII where they are not too long. charset-normalizer names
it, among the encodings of such a group only. Double-byte documents which that one cannot decode are
decided again without the others.

A Latin group is decided by its letters beyond ASCII, as charset-normalizer takes Spanish for Czech
and Czech for Finnish: the table below has those of each language, and a Central European or Turkish
encoding is taken only if it makes nearly all bytes letters of one of its languages, and no Western
language does as well. Otherwise the group is ``latin-1`` or ``windows-1252``, which differ only in
bytes 0x80 to 0x9F, where Windows puts typographic quotes, dashes and the euro: it is Windows' if
most of those bytes stand where such a character would stand.

Where charset-normalizer names nothing, the group is read as a Latin one, which the report says.
A document with too little beyond ASCII to tell, and a small group of another alphabet beside other
groups, follow the group of that look, or else that of most documents whose encoding decodes them.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Look: TypeAlias = Literal["latin", "double", "low", "middle", "high"]
"""The group that a document's bytes put it into."""

_LOOKS: tuple[Look, ...] = ("latin", "double", "low", "middle", "high")
_ALPHABETIC = frozenset(_LOOKS[2:])

SAMPLE_BYTES = 256 * 1024
"""No group's encoding is named from more bytes than this."""

_WINDOW = 16 * 1024
_LINE_START = 256  # as far before the first byte beyond ASCII as a line's beginning is looked for
_LEAST_PIECE = 64
_LEAST = 32  # bytes beyond ASCII from which a second group of another alphabet stands for itself
_CLEAR = 1024  # the same for double bytes that may be words of another alphabet

_HIGH = bytes(range(0x80, 0x100))
_C1 = bytes(range(0x80, 0xA0))
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
# Where Windows' typographic bytes may stand: an apostrophe within a word, an opening quote before
# a word, a closing one after it (where German has its opening one below, English has its own as the
# closing one), a dash between blanks or digits, ™ after a word, an ellipsis after anything, a
# bullet before a blank, œ, š and ž in a word.
_TYPOGRAPHIC = re.compile(
    rb"(?<=[A-Za-z\xc0-\xff])\x92(?=[A-Za-z\xc0-\xff])"
    rb"|(?<![A-Za-z\x80-\xff])[\x82\x84\x8b\x91\x93](?=[A-Za-z0-9\xc0-\xff])"
    rb"|(?<=[A-Za-z0-9.,!?\xc0-\xff])[\x91-\x94\x9b](?![A-Za-z\x80-\xff])"
    rb"|(?<=[\s0-9])[\x96\x97](?=[\s0-9])"
    rb"|(?<=[A-Za-z\xc0-\xff])\x99(?![A-Za-z\x80-\xff])"
    rb"|(?<=[!-~\xc0-\xff])\x85(?![A-Za-z\x80-\xff])"
    rb"|(?<![^\s])\x95(?=\s)"
    rb"|[\x8a\x8c\x8e\x9a\x9c\x9e](?=[a-z\xdf-\xff])|(?<=[a-z\xdf-\xff])[\x9a\x9c\x9e]"
    rb"|\x80(?=\s?[0-9])|(?<=[0-9])\s?\x80"
)
_SPACED_QUOTE = re.compile(rb"\xab\xa0|\xa0\xbb")  # as French has them
_STRETCH = re.compile(r"[^\x00-\x7f]+")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)

# East Asian encodings, in the Windows variant where there is one: it has the other's characters
# and more. A match is a character; its first group takes the common ones: punctuation, kana, hangul
# and the ideographs that the standard lists first, by how much they are used.
_DOUBLE: dict[str, re.Pattern[bytes]] = {
    "cp932": re.compile(
        rb"([\x81-\x83\x88-\x97][\x40-\x7e\x80-\xfc])|[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"
        rb"|[\x80-\xff]"
    ),
    "euc-jp": re.compile(
        rb"([\xa1-\xa5\xb0-\xcf][\xa1-\xfe])|\x8f?[\xa1-\xfe][\xa1-\xfe]|[\x80-\xff]"
    ),
    "gb18030": re.compile(
        rb"([\xa1-\xa3\xb0-\xd7][\xa1-\xfe])|[\x81-\xfe][\x40-\x7e\x80-\xfe]"
        rb"|[\x81-\xfe][0-9][\x81-\xfe][0-9]|[\x80-\xff]"
    ),
    "cp950": re.compile(
        rb"([\xa1-\xc6][\x40-\x7e\xa1-\xfe])|[\x81-\xfe][\x40-\x7e\xa1-\xfe]|[\x80-\xff]"
    ),
    "cp949": re.compile(
        rb"([\xa1-\xa3\xb0-\xc8][\xa1-\xfe])|[\x81-\xfe][A-Za-z\x81-\xfe]|[\x80-\xff]"
    ),
}
_DOUBLE["big5hkscs"] = _DOUBLE["cp950"]
_ALPHABETS = (
    *("windows-1251", "koi8-r", "koi8-u", "cp866", "iso-8859-5", "windows-1253", "iso-8859-7"),
    *("windows-1255", "windows-1256", "cp874"),
)
_CENTRAL = ("windows-1250", "iso-8859-2")
_GREEK = ("windows-1253", "iso-8859-7")
# The letters beyond ASCII of languages written in Latin letters. Western ones come first.
_WESTERN_LETTERS = (
    "äöüß",  # German
    "àâæçéèêëîïôœùûüÿ",  # French
    "áéíñóúüªº",  # Spanish
    "àèéìíòóùú",  # Italian
    "áâãàçéêíóôõúü",  # Portuguese
    "àçèéíïòóúü",  # Catalan
    "áäèéëïíóöúüâêîôû",  # Dutch
    "äåéöšž",  # Swedish, Finnish
    "åæéøóòôàü",  # Danish, Norwegian
    "áæéíðóöúýþ",  # Icelandic
    "äõöüšž",  # Estonian
)
_OTHER_LETTERS = (
    (_CENTRAL, "ąćęłńóśźż"),  # Polish
    (_CENTRAL, "áčďéěíňóřšťúůýž"),  # Czech
    (_CENTRAL, "áäčďéíĺľňóôŕšťúýž"),  # Slovak
    (_CENTRAL, "áéíóöőúüű"),  # Hungarian
    (_CENTRAL, "ăâîşţ"),  # Romanian
    (_CENTRAL, "čćđšž"),  # Croatian, Slovene
    (("windows-1254",), "çğıöşüâîû"),  # Turkish
)
_GREEK_LETTERS = "αβγδεζηθικλμνξοπρςστυφχψωάέήίόύώϊϋΐΰ"
_NEARLY_ALL = 0.95
_NEUTRAL = frozenset("‘’‚“”„‹›«»–—…€•·§©®™°\xa0\xadİ")
# A sign that no letter stands on both sides of: Western text has it, while elsewhere its byte is a
# letter.
_SIGN = re.compile(r"(?<![^\W\d_])[¡-¿×÷]|[¡-¿×÷](?![^\W\d_])")


def is_damaged_utf_8(data: bytes) -> bool:
    """Return whether bytes are UTF-8 with a few broken sequences, and not another encoding."""
    whole, sequences = _SEQUENCE.subn(b"", data)
    stray = len(whole) - len(whole.translate(None, _HIGH))
    return sequences > stray


def decode_windows(data: bytes) -> str:
    """Decode as windows-1252 the way browsers do: its five unassigned bytes become C1 controls."""
    return data.decode("cp1252", "surrogateescape").translate(
        {0xDC00 + byte: byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
    )


def western(data: bytes) -> str:
    """Return ``latin-1`` or ``windows-1252``, whichever suits Western text better."""
    windows = len(data) - len(data.translate(None, _C1))
    return "windows-1252" if 2 * len(_TYPOGRAPHIC.findall(data)) > windows else "latin-1"


@dataclass(frozen=True)
class Evidence:
    """What the bytes of a document tell.

    Attributes:
        look: The group that they put it into; None where they are too few to tell.
        high: How many bytes beyond ASCII were seen.
        lines: The lines that are not ASCII, of no more than 16 KiB of the document.
        fits: The East Asian encodings in which it is valid, nearly, and mostly common.
        certain: Whether words of another alphabet cannot have made it fit by chance.
        otherwise: The look that its bytes have if they are not double ones.
        key: A digest of what was seen, by which documents are put in order.
    """

    look: Look | None
    high: int
    lines: bytes
    fits: tuple[str, ...]
    certain: bool
    otherwise: Look
    key: bytes

    @classmethod
    def of(cls, data: bytes) -> Evidence:
        """Look at a document's bytes; some are beyond ASCII."""
        window = _window(data)
        runs = _HIGH_RUN.findall(window)
        high = sum(map(len, runs))
        fits = tuple(encoding for encoding in _DOUBLE if _fits(window, encoding))
        # Other alphabets are valid double bytes where each word happens to have an even number of
        # letters.
        certain = bool(fits) and (len(runs) >= 10 or high >= 16 * len(runs))
        otherwise = _alphabet(window)
        look: Look | None = None
        if certain:
            look = "double"
        elif len(runs) >= 3 or high >= 8:
            look = "double" if fits and otherwise != "latin" else otherwise
        lines = [line for line in window.split(b"\n") if not line.isascii()]
        key = hashlib.blake2b(window, digest_size=16).digest()
        return cls(look, high, b"\n".join(lines), fits, certain, otherwise, key)


def _window(data: bytes) -> bytes:
    found = _HIGH_RUN.search(data)
    first = found.start() if found else 0
    before = max(0, first - _LINE_START)
    start = max(data.rfind(b"\n", before, first), data.rfind(b" ", before, first)) + 1
    if start == 0 and before:
        start = first
    window = data[start : start + _WINDOW]
    # The last line is cut off: without it, if there are others.
    end = window.rfind(b"\n") if start + _WINDOW < len(data) else -1
    return window if end < 0 or window[:end].isascii() else window[:end]


def _alphabet(window: bytes) -> Look:
    """Return the look of bytes that are not double ones."""
    runs = _HIGH_RUN.findall(_SPACED_QUOTE.sub(b" ", window))
    letters = b"".join(runs)
    high = len(letters)
    if 2 * sum(len(run) for run in runs if len(run) > 2) <= high:
        return "latin"
    low, middle = (
        len(letters) - len(letters.translate(None, bytes(range(start, start + size))))
        for start, size in ((0x80, 0x40), (0xC0, 0x20))
    )
    most = max(low, middle, high - low - middle)
    return "low" if most == low else "middle" if most == middle else "high"


def _fits(window: bytes, encoding: str) -> bool:
    """Return whether bytes are valid in an encoding, most characters common, and few alone.

    An apostrophe of windows-1252 and the letter behind it are an ideograph in Shift-JIS.
    """
    text = codecs.getincrementaldecoder(encoding)("replace").decode(window)
    characters = _DOUBLE[encoding].findall(window)
    common = len(characters) - characters.count(b"")
    broken = text.count("\ufffd")
    return (
        100 * broken <= len(characters)
        and 4 * common >= 3 * len(characters)
        and 2 * len(_STRETCH.findall(text)) <= len(characters)
    )


def _trimmed(piece: bytes, encodings: Sequence[str]) -> bytes:
    """Return the piece without a character that is cut off at its end, if there is one."""
    for less in range(4):
        end = len(piece) - less
        try:
            for encoding in encodings:
                piece[:end].decode(encoding)
        except UnicodeDecodeError:
            continue
        return piece[:end]
    return piece


def sample(documents: Sequence[Evidence], encodings: Sequence[str] = ()) -> bytes:
    """Join pieces of documents, evenly, in an order that only their bytes decide.

    Args:
        documents: What was seen of them.
        encodings: Encodings in which no character may be cut in two.

    Returns:
        At most ``SAMPLE_BYTES`` bytes.
    """
    ordered = sorted(documents, key=lambda each: each.key)
    step = max(1, -(-len(ordered) * _LEAST_PIECE // SAMPLE_BYTES))
    chosen = ordered[::step]
    most = SAMPLE_BYTES // max(1, len(chosen)) - 1
    pieces = []
    for each in chosen:
        piece = each.lines[:most]
        if len(piece) < len(each.lines):
            end = max(piece.rfind(b"\n"), piece.rfind(b" "))
            piece = piece[:end] if end > 0 and not piece[:end].isascii() else piece
        pieces.append(_trimmed(piece, encodings))
    return b"\n".join(pieces)


def _named(data: bytes, encodings: Sequence[str]) -> str:
    """Return the encoding that charset-normalizer finds; empty where it finds no language.

    Ties go to the encoding that is listed first.
    """
    from charset_normalizer import from_bytes

    codes = {codecs.lookup(name).name.replace("-", "_"): name for name in encodings}
    found = from_bytes(
        data,
        steps=16,
        chunk_size=2048,
        threshold=0.5,
        cp_isolation=list(codes),
        preemptive_behaviour=False,
    ).best()
    if found is None or found.language == "Unknown":
        return ""
    same = {codes[code] for code in found.could_be_from_charset if code in codes}
    return next((name for name in encodings if name in same), "")


def _share(text: str, letters: str) -> float:
    """Return the share of letters among the characters beyond ASCII that are not punctuation."""
    counts = Counter(each for each in text if each > "\x7f" and each not in _NEUTRAL)
    alphabet = set(letters + letters.upper())
    ours = sum(count for each, count in counts.items() if each in alphabet)
    return ours / counts.total() if counts else 1.0


def _latin(documents: Sequence[Evidence]) -> str:
    data = sample(documents)
    text = _SIGN.sub("", data.decode("cp1252", "replace"))
    most_western = max(_share(text, letters) for letters in _WESTERN_LETTERS)
    texts = {name: data.decode(name, "replace") for name in (*_CENTRAL, "windows-1254")}
    shares = [
        (_share(texts[name], letters), name)
        for encodings, letters in _OTHER_LETTERS
        for name in encodings
    ]
    share, encoding = max(shares, key=lambda each: each[0])
    if share >= _NEARLY_ALL and share > most_western:
        return encoding
    return western(b"\n".join(each.lines for each in documents))


def _alphabetic(documents: Sequence[Evidence]) -> str:
    data = sample(documents)
    encoding = _named(data, _ALPHABETS)
    if encoding in _GREEK:
        return max(_GREEK, key=lambda name: _share(data.decode(name, "replace"), _GREEK_LETTERS))
    return encoding


def _doubles(documents: Sequence[Evidence]) -> list[str]:
    """Return the East Asian encodings that decode the documents, that of most first."""
    found: list[str] = []
    rest = list(documents)
    while rest:
        counts = Counter(encoding for each in rest for encoding in each.fits)
        most = max(counts.values(), default=0)
        likely = [name for name in _DOUBLE if most and 10 * counts[name] >= 9 * most]
        if "cp950" in likely and counts["cp950"] == counts["big5hkscs"]:
            likely.remove("big5hkscs")
        shared = [each for each in rest if set(likely) <= set(each.fits)]
        if not likely:
            break
        if not shared:
            likely = [max(_DOUBLE, key=lambda name: counts[name])]
            shared = [each for each in rest if likely[0] in each.fits]
        name = likely[0]
        if len(likely) > 1:
            name = _named(sample(shared, likely), likely) or name
        found.append(name)
        rest = [each for each in rest if name not in each.fits]
    return found


@dataclass(frozen=True)
class Decision:
    """The encodings of a source's documents that are not UTF-8.

    Attributes:
        encodings: Look → the encodings of such documents, tried in this order; looks come in the
            order of how many documents had them.
        unsure: Whether some group got no encoding and is read as a Latin one.
    """

    encodings: Mapping[Look, tuple[str, ...]] = field(default_factory=dict)
    unsure: bool = False

    def extended(self, documents: Sequence[Evidence]) -> Decision:
        """Decide on the looks that are not decided yet, and keep the rest as it is.

        Args:
            documents: What was seen of the documents; at least one.
        """
        groups = self._grouped(documents)
        sizes = {look: sum(each.high for each in groups[look]) for look in groups}
        decided = dict(self.encodings)
        unsure = self.unsure
        for look in sorted(groups, key=lambda look: (-len(groups[look]), _LOOKS.index(look))):
            group = groups[look]
            if look == "double":
                known = decided.get(look, ())
                others = [each for each in group if not set(known) & set(each.fits)]
                decided[look] = (*known, *_doubles(others))
            elif look in decided:
                continue
            elif look == "latin":
                decided[look] = (_latin(group),)
            else:
                name = _alphabetic(group) if not decided or sizes[look] >= _LEAST else ""
                if name:
                    decided[look] = (name,)
                elif not decided:
                    decided[look] = (western(b"\n".join(each.lines for each in group)),)
                    unsure = True
        return Decision(decided, unsure)

    def _grouped(self, documents: Sequence[Evidence]) -> dict[Look, list[Evidence]]:
        """Return the documents by look.

        Those that have too little to tell are in none, but for Latin ones: they join a Latin group,
        and are one if they are more than any group.
        """
        groups: dict[Look, list[Evidence]] = {}
        for each in documents:
            if each.look is not None:
                groups.setdefault(each.look, []).append(each)
        doubles = groups.get("double", [])
        if doubles and "double" not in self.encodings:
            size = sum(each.high for each in doubles)
            certain = sum(each.high for each in doubles if each.certain)
            if (2 * certain <= size or (size < _CLEAR and groups.keys() & _ALPHABETIC)) and _named(
                sample(doubles), (*_DOUBLE, *_ALPHABETS)
            ) in _ALPHABETS:
                for each in groups.pop("double"):
                    groups.setdefault(each.otherwise, []).append(each)
        unclear = [each for each in documents if each.look is None]
        latin = [each for each in unclear if each.otherwise == "latin"]
        if not groups and not self.encodings:
            return {_joint_look(unclear): unclear}
        more = not self.encodings and len(latin) > max(map(len, groups.values()))
        if more or "latin" in groups:
            groups.setdefault("latin", []).extend(latin)
        return groups

    def encoding(self, evidence: Evidence, data: bytes) -> str:
        """Return the encoding of a document, from what was seen of it and its bytes."""
        look = evidence.look
        if look == "double" and look not in self.encodings:
            look = evidence.otherwise
        if look == "double":
            own = self.encodings[look]
            likely = [name for name in own if name in evidence.fits]
            return next((name for name in likely if _decodes(name, data)), (likely or own)[0])
        if look is not None and look in self.encodings:
            return self.encodings[look][0]
        looks = list(self.encodings)
        if look in _ALPHABETIC:
            looks.sort(key=lambda each: each not in _ALPHABETIC)
        elif evidence.fits:
            looks.sort(key=lambda each: each != "double")
        else:
            looks.sort(key=lambda each: each != evidence.otherwise)
        names = [name for each in looks for name in self.encodings[each]]
        strict = next((name for name in names if _decodes(name, data)), "")
        return strict or (names[0] if look in _ALPHABETIC else western(evidence.lines))


def _joint_look(documents: Sequence[Evidence]) -> Look:
    """Return the look of documents of which each has too little to tell."""
    joined = Evidence.of(sample(documents))
    double = joined.certain or (joined.fits and joined.otherwise != "latin")
    if double and any(each.fits for each in documents):
        return "double"
    return joined.otherwise


def _decodes(encoding: str, data: bytes) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return encoding == "windows-1252"  # decode_windows takes any byte
    return True
