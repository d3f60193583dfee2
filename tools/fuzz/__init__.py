"""Fuzzing: files that are damaged at random must be used, or refused with an error of this package.

`python -m tools.fuzz` runs it, and `make fuzz` for a minute. See `tools/fuzz/__main__.py`.
"""
