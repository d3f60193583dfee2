"""Default sizes of the single steps on LangChain objects; `rag.profile` has those of an index."""

CHUNK_SIZE = 300
"""Longest passage of `split_documents`, in UTF-8 bytes: one to four sentences of English."""

PASSAGES = 3
"""How many passages to give to a model with a context of 2,048 tokens."""
