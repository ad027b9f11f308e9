"""What to expect of the next tuning job, from past ones."""
