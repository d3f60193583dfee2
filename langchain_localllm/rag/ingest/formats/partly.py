"""Name the parts of a file that a reader could not read."""

from langchain_localllm.errors import DocumentError


class PartlyReadError(DocumentError):
    """Some of a file could not be read; the documents that came before this error are whole."""


def number_ranges(numbers: list[int]) -> str:
    """Return ascending numbers in few words.

    Example:
        >>> number_ranges([3, 5, 6, 7])
        '3, 5-7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
