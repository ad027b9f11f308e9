"""Naive twins, golden cases worked out by hand, and what drives them.

They import nothing of esim but its record types.
"""
