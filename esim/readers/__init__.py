"""Recorded logs in, studies out. A reader's own libraries are loaded when it reads."""

from esim.readers.formats import Format
from esim.readers.inputs import read_inputs, read_studies, read_study

__all__ = ["Format", "read_inputs", "read_studies", "read_study"]
