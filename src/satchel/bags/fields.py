"""Which part of a post a position lies in: header field, quoted line, signature or first line."""

from __future__ import annotations

import re
from bisect import bisect_right

from satchel.bags.hashing import FIELD_KIND, PART_KIND

# No header field has a blank in its name, so these three cannot be taken for one.
QUOTE = " quote"
SIGNATURE = " signature"
FIRST = " first"

# A header line: a name of visible ASCII characters, a colon, then a blank or the line's end.
_HEADER = re.compile(r"([!-9;-~]+):(?=[ \t\r]|\Z)")
_BLANK = " \t\r"


def _header_lines(lines: list[str]) -> int:
    """The number of lines in the header block, 0 where there is none."""
    fields = 0
    for number, line in enumerate(lines):
        if _HEADER.match(line):
            fields += 1
        elif not fields or line[:1] not in (" ", "\t") or not line.strip(_BLANK):
            return number if fields > 1 else 0
    return len(lines) if fields > 1 else 0


def name_spaces(lowered: str) -> tuple[list[int], list[str]]:
    r"""Cut a text into stretches that lie in one name space each.

    Args:
        lowered: A text in lower case. Lines end at ``\n`` alone.

    Returns:
        Where each stretch starts (ascending, the first at 0), and its name space, "" for none.
    """
    lines = lowered.split("\n")
    header = _header_lines(lines)
    starts, names = [0], [""]
    position, name = 0, ""
    in_signature = False
    first_seen = header > 0
    for number, line in enumerate(lines):
        start = position
        if number < header:
            match = _HEADER.match(line)
            if match:
                starts.append(position)
                names.append("")
                name, start = match[1], position + match.end()
        elif in_signature:
            name = SIGNATURE
        else:
            in_signature = line.rstrip(_BLANK) == "--"
            bare = line.lstrip(_BLANK)
            name = QUOTE if bare[:1] in (">", "|") and bare else ""
            if bare and not first_seen:
                first_seen = True
                name = name or FIRST
        starts.append(start)
        names.append(name)
        position += len(line) + 1
    return starts, names


def kind_of(name: str) -> int:
    """The kind of the tokens of a name space that has a name."""
    return PART_KIND if name in (QUOTE, SIGNATURE, FIRST) else FIELD_KIND


def name_space_at(starts: list[int], names: list[str], position: int) -> str:
    """The name space of a position, "" for none."""
    return names[bisect_right(starts, position) - 1]
