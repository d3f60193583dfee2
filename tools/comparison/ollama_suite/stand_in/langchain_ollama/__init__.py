"""This package's classes under the names of langchain-ollama."""

from langchain_ollama.chat_models import ChatOllama
from langchain_ollama.embeddings import OllamaEmbeddings
from langchain_ollama.llms import OllamaLLM

__version__ = "1.1.0"
__all__ = ["ChatOllama", "OllamaEmbeddings", "OllamaLLM", "__version__"]
