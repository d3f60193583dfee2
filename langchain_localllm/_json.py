"""Read JSON that a model wrote, which may be none."""

import json
from typing import Any, Final

UNPARSABLE: Final = (ValueError, RecursionError)
"""What text raises that is not JSON, or that is nested too deeply."""
NOT_JSON: Final = object()
"""What `read_json` returns for text that is not JSON, since `null` is JSON."""


def read_json(text: str, otherwise: Any = NOT_JSON) -> Any:
    r"""Return what a text holds as JSON, in which texts may hold line ends, as models write them.

    Args:
        text: The text.
        otherwise: What to return if it is not JSON.

    Example:
        >>> read_json('{"a": "two\nlines"}')
        {'a': 'two\nlines'}
        >>> read_json("{a", "no JSON")
        'no JSON'
    """
    try:
        return json.loads(text, strict=False)
    except UNPARSABLE:
        return otherwise
