"""Results as tables on a terminal, a file for each analysis."""
