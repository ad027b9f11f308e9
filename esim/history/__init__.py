"""A history: many studies in a few Parquet files, on a disk or in object storage."""

from esim.history.layout import Chunk, Entry, History
from esim.history.places import Place, is_store

__all__ = ["Chunk", "Entry", "History", "Place", "is_store"]
