"""What `localllm doctor` looks at."""
