"""What a person reads. Reads results only."""
