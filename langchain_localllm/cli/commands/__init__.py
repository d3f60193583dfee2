"""The commands of `localllm`, one file each."""
