"""Why one trial was stopped, or was not."""
