"""Histories: many studies in a few Parquet files, on a disk or in object storage."""

from esim.storage.history.addresses import Location, is_store
from esim.storage.history.index import Entry
from esim.storage.history.layout import Chunk, History

__all__ = ["Chunk", "Entry", "History", "Location", "is_store"]
