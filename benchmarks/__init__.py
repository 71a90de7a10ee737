"""Benchmarks of Satchel beside other programs: one module per question, see README.md."""
