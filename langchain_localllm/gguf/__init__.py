"""What model files say, and what this machine can run: knowledge about GGUF files and hardware, below all other packages."""
