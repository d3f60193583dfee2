"""What is missing is named, with the command that installs it."""

from importlib.metadata import PackageNotFoundError

import pytest

from langchain_localllm import extras
from langchain_localllm.errors import InvalidOptionError, MissingDependencyError


def test_require_installed_extra_is_fine() -> None:
    extras.require("server", "llamacpp")


def test_require_missing_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> None:
        if name in {"python-docx", "jinja2"}:
            raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", distribution)
    extras.require("server")
    with pytest.raises(
        MissingDependencyError,
        match=(
            r'jinja2, python-docx\. To get them: pip install "langchain-localllm\[llamacpp,rag\]"'
        ),
    ):
        extras.require("llamacpp", "rag")  # llamacpp holds the extra gguf, which wants jinja2


def test_require_unknown_extra_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="'no-such-extra'"):
        extras.require("no-such-extra")
