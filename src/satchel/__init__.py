"""Satchel: labelled text in, one small safe file out."""

__version__ = "0.1.0"
