"""Runs the standard suite for text LLMs on this package's classes and on those that they replace, and writes the table in the docs.

```text
python -m tools.comparison                                 # all tests, about half an hour; writes docs/comparison.md
python -m tools.comparison --check test_stop test_init     # some tests; fails where the table in the docs says something else
```

It needs what the tests need, which `make test` installs.
"""
