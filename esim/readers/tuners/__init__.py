"""Formats of tuning libraries."""
