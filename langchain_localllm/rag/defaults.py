"""Sizes that suit small models; a larger model does well with more and longer passages."""

CHUNK_SIZE = 300
"""Longest passage, in UTF-8 bytes: one to four sentences of English, which the tiny models can always take."""

PASSAGES = 3
"""How many passages are put before the model."""
