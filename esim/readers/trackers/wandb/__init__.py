"""Readers of the formats of Weights & Biases."""
