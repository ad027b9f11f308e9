"""Formats of experiment trackers."""
