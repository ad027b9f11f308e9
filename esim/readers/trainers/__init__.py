"""Formats of training libraries, a file or folder a run."""
