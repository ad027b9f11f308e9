"""What a comparison of rules found."""
