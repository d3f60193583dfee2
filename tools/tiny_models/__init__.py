"""How the tiny models in `langchain_localllm/models/` are made: generator, training, export, evaluation."""
