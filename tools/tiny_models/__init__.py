"""Make the tiny models in `langchain_localllm/models/`: data, training, export, evaluation."""
