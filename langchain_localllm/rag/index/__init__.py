"""The index: its catalog, its text search, its updates."""
