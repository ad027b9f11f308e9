"""Bytes on disk and in object stores: Arrow, Parquet, folders written whole or not at all."""
