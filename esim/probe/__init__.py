"""Writes a probe: tuning jobs whose stops tell which rule a service runs. It starts nothing."""
