"""Default sizes for small models; larger models do better with more and longer passages."""

CHUNK_SIZE = 300
"""Longest passage, in UTF-8 bytes: one to four sentences of English, which fits even the smallest embedding models."""

PASSAGES = 3
"""How many passages the prompt has."""
