"""A model's chat template, and how it writes tool calls and thoughts: for in-process engines.

Servers do this themselves.
"""
