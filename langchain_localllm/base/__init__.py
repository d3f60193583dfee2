"""Implement LangChain's text, chat and embedding classes once; a runtime adds only how it differs."""
