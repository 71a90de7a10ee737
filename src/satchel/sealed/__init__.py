"""One model file: a model in, a model out. The bytes are described in docs/format.md."""

from satchel.sealed.store import dumps, loads, read, write

__all__ = ["dumps", "loads", "read", "write"]
