"""Tests of the record and what follows from it."""
