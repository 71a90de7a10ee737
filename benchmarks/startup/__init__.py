"""A fresh process that answers one document, and what installing it brings."""
