"""Units carried along characteristics."""
