"""The version of esim, by itself so that anything may import it."""

__version__ = "0.1.0"
