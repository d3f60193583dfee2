"""Run the test suite of langchain-ollama 1.1.0 on this package's classes.

They are used under that package's names.

```text
python -m tools.comparison.ollama_suite                  # all; needs a package index
python -m tools.comparison.ollama_suite --unit           # without a server
python -m tools.comparison.ollama_suite -- -k logprobs   # options of pytest after two dashes
```

The Ollama is the one that `make test` installs. The source archive is downloaded at run time and
kept nowhere. `stand_in` holds a package named
`langchain_ollama` with our classes; `bridge` hands requests to the clients that the suite mocks,
and starts a real Ollama for the integration tests; `excluded` lists the tests that are left out,
with the reason for each.
"""
