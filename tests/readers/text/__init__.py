"""Tests of log text."""
