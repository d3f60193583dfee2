"""The command's reference page."""

import pytest

from langchain_localllm.cli.command_table import COMMANDS
from tools.cli_page import PAGE, page


def test_cli_page_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # put back afterwards
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.cli_page`"


def test_cli_page_every_command_is_in_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"### localllm {name}\n" in text for name in COMMANDS)
