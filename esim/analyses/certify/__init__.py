"""Which rule can be certified, and whether its certificate still holds."""
