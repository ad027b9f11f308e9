"""Compiled loops over arrays. Imports numpy and numba, and nothing of esim outside this folder."""
