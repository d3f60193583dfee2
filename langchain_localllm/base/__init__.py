"""Implement LangChain's text, chat and embedding classes once.

A runtime adds only how it differs.
"""
