"""`python -m langchain_localllm.cli` is `localllm`."""

from langchain_localllm.cli import main

main()
