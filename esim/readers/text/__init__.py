"""Log text: from exported files to the curve of each trial."""
