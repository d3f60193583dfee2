"""From a question to an answer: retrieve, prompt, cite."""
