"""One model file: plain parts in, plain parts out. The bytes are described in docs/format.md."""

from satchel.sealed.schema import (
    FORMAT,
    Calibration,
    File,
    History,
    Layer,
    Manifest,
    Member,
    Parts,
    Score,
    Training,
    Trial,
    View,
)
from satchel.sealed.store import dumps, loads, read, write

__all__ = [
    "FORMAT",
    "Calibration",
    "File",
    "History",
    "Layer",
    "Manifest",
    "Member",
    "Parts",
    "Score",
    "Training",
    "Trial",
    "View",
    "dumps",
    "loads",
    "read",
    "write",
]
