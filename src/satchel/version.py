"""The version of Satchel, which a model file names too."""

__version__ = "0.1.0"
