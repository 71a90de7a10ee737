"""Predictions over HTTP: one process group that answers several protocols; needs the extra serve."""
