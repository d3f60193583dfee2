"""`langchain_community`'s place for these names."""

from langchain_localllm.errors import ModelMissingError as OllamaEndpointNotFoundError
from langchain_localllm.runtimes.ollama.llm import Ollama

__all__ = ["Ollama", "OllamaEndpointNotFoundError"]
