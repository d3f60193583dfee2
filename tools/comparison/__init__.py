"""Run the standard suite for text LLMs on old and new classes, and write the docs' table.

They are this package's classes and those that they replace.

```text
python -m tools.comparison                                        # all: an hour; writes the page
python -m tools.comparison --classes langchain_localllm:LlamaCpp  # renews a column
python -m tools.comparison --tests test_stop test_init --check    # fails where the page differs
```

It needs what the tests need, which `make test` installs.
"""
