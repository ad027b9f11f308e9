"""Formats of Weights & Biases."""
