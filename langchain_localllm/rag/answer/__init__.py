"""Answer a question: retrieve, prompt, cite."""
