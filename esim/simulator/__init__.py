"""A study under a rule: the plan, the kernels that run it, and what was saved and lost."""
