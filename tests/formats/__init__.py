"""Frozen model files: what once was written must open, and answer alike, for ever."""
