"""Store and update an index: catalog, text search, threshold, updates."""
