"""Readers of the formats in which benchmarks publish their curves."""
