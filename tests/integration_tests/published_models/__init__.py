"""The same promises on real models of other people: SmolLM2, Gemma 3 and all-MiniLM, out of the
Python package index."""
