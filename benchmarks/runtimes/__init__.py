"""One satchel on every runtime that can answer for it."""
