"""Hostile model files, made at test time; none is kept as bytes."""
