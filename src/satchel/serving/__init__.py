"""Predictions over HTTP by several protocols; needs the extra ``serve``."""
