"""Predictions for whole sources in bounded memory: batches, output formats, jobs that resume."""
