"""Readers of the formats of training libraries, which write a file or folder for each run."""
