"""Get information about a model without running it."""
