"""Plain tables that every tool can write."""
