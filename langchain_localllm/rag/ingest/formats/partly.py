"""Name the parts of a file that a reader could not read."""

from langchain_localllm.errors import DocumentError


class PartlyReadError(DocumentError):
    """Some of a file could not be read; the documents that came before this error are whole."""


def left_out_parts(numbers: list[int], parts: str) -> str:
    """Return which parts of a file are left out.

    Args:
        numbers: Their numbers, ascending.
        parts: What they are, such as `lines`.

    Example:
        >>> left_out_parts([3, 5, 6, 7], "lines")
        '4 of its lines are left out (3, 5-7)'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    ranges = ", ".join("-".join(map(str, run)) for run in runs)
    verb = "is" if len(numbers) == 1 else "are"
    return f"{len(numbers)} of its {parts} {verb} left out ({ranges})"
