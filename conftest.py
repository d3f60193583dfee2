"""The examples in docstrings that a supported version of a dependency cannot run."""

from importlib.util import find_spec

# Decision models need langchain-core 1.8, and the rest of the package needs 1.6.
collect_ignore_glob = (
    [] if find_spec("langchain_core.decisions") else ["langchain_localllm/runtimes/*/decision.py"]
)
