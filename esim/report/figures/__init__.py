"""Figures of results: each is computed as an info tuple, then drawn from it on an Axes."""
