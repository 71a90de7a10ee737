"""Where text comes from: folders, archives and tables in; named, labelled documents out."""

from __future__ import annotations

from satchel.sources.documents import Documents, Labels, ReadReport
from satchel.sources.frames import read, stream
from satchel.sources.reading import read_documents

__all__ = ["Documents", "Labels", "ReadReport", "read", "read_documents", "stream"]
