"""The reader of TensorBoard's event files."""
