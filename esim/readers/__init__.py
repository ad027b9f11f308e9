"""Readers of recorded logs: each turns one format into studies.

Importing this package is cheap: the libraries a reader needs are loaded when it reads.
"""

from esim.readers.formats import Format
from esim.readers.inputs import read_inputs, read_studies, read_study

__all__ = ["Format", "read_inputs", "read_studies", "read_study"]
