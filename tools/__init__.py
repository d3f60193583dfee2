"""Scripts for working on this package."""
