"""Conversations on disk."""

import stat
from pathlib import Path

import pytest

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.web.history import History


def test_history_conversations_are_kept_on_disk_for_their_owner_only(tmp_path: Path) -> None:
    key = History(tmp_path / "kept").begin("Wie geht es? \u2603" * 20)
    for question in ("Wie geht es?", "And now?"):
        History(tmp_path / "kept").add(key, {"question": question})
    (path,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (listed,) = History(tmp_path / "kept").list()
    assert listed["title"].startswith("Wie geht es? \u2603")
    assert len(listed["title"]) <= 80
    assert len(History(tmp_path / "kept").read(key)["turns"]) == 2
    History(tmp_path / "kept").clear()
    History(tmp_path / "kept").add(
        key, {"question": "An answer that ends after the conversation was deleted?"}
    )
    assert list((tmp_path / "kept").iterdir()) == []


def test_history_turn_of_an_earlier_version_has_the_new_keys(tmp_path: Path) -> None:
    history = History(tmp_path)
    key = history.begin("Is the boat blue?")
    history.add(key, {"question": "Is the boat blue?", "left_out": [1], "rejected": [2]})
    assert history.read(key)["turns"] == [
        {"question": "Is the boat blue?", "omitted": [1], "invalid_citations": [2]}
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"turns": 5}', '{"turns": ["x"]}', '{"title": "x"}']
)
def test_history_damaged_conversation_is_listed_and_can_be_deleted(
    tmp_path: Path, text: str
) -> None:
    history = History(tmp_path)
    (tmp_path / "0123456789abcdef.json").write_text(text, encoding="utf-8")
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    assert [each["title"] for each in history.list()] == [""]
    with pytest.raises(InvalidOptionError, match="damaged"):
        history.read("0123456789abcdef")
    history.delete("0123456789abcdef")
    history.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


@pytest.mark.parametrize(
    "key", ["..", "../x", "0123456789ABCDEF", "0123456789abcdef/", "0123456789abcdef\n", "a"]
)
def test_history_id_names_no_other_file(tmp_path: Path, key: str) -> None:
    for act in (
        History(tmp_path).read,
        History(tmp_path).delete,
        lambda key: History(tmp_path).add(key, {}),
    ):
        with pytest.raises(InvalidOptionError, match="not valid"):
            act(key)
