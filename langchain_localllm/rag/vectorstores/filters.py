"""Filter passages by metadata, the same for every vector store."""

from typing import Any

Filter = dict[str, Any]
"""Metadata that a passage must have: a value, or a list of values of which it must have one."""


def has_metadata(metadata: dict[str, Any], wanted: Filter) -> bool:
    """Return whether metadata passes a filter.

    Example:
        >>> has_metadata({"page": 3}, {"page": [2, 3]}), has_metadata({"page": 3}, {"page": 2})
        (True, False)
    """
    return all(
        metadata.get(name) in (value if isinstance(value, list) else [value])
        for name, value in wanted.items()
    )
