"""What the benchmarks share: reading, measuring processes, describing the machine, tables."""
