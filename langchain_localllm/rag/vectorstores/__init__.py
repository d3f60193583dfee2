"""The vector stores that an index can be kept in."""
