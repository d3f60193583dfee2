"""Re-export `Ollama` of `runtimes/ollama/llm.py`, where `langchain_community` has it."""

from langchain_localllm.errors import ModelMissingError as OllamaEndpointNotFoundError
from langchain_localllm.runtimes.ollama.llm import Ollama

__all__ = ["Ollama", "OllamaEndpointNotFoundError"]
