"""Formats of published benchmark curves."""
