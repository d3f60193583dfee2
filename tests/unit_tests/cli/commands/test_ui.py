"""`localllm ui`: how the page is opened."""

import stat
import webbrowser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from langchain_localllm.cli.commands.ui import opened_in_browser

ADDRESS = "http://127.0.0.1:8000/?token=a&b"


def test_ui_browser_gets_the_token_by_a_file_of_its_owner_that_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    monkeypatch.chdir(tmp_path)
    with opened_in_browser(ADDRESS, Path("my notes") / ".localllm"):
        (opened,) = asked
        assert "token=" not in opened
        path = Path(unquote(urlsplit(opened).path))
        assert path.parent == tmp_path / "my notes" / ".localllm"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "url=http://127.0.0.1:8000/?token=a&amp;b" in path.read_text(encoding="utf-8")
    assert not path.exists()
