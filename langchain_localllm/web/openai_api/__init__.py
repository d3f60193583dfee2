"""OpenAI's API for the documents of an index: `localllm rag serve`."""
