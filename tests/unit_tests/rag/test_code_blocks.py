"""Code between fences is told from prose, in whole texts and in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm.rag.code_blocks import CodeReader, code_blocks

EXAMPLES = [
    ("Run:\n```sh\nls\n```\nDone.", ["```sh\nls\n```"]),
    ("1. Run:\n    ```\n    ls\n    ```", ["    ```\n    ls\n    ```"]),
    ("````md\n```\nls\n```\n````\nDone.", ["````md\n```\nls\n```\n````"]),
    ("~~~\n```\n~~~\nDone.", ["~~~\n```\n~~~"]),
    ("```py\nx\n```py\ny\n```", ["```py\nx\n```py\ny\n```"]),
    ("```\ncut", ["```\ncut"]),
    ("```ls``` prints, and ``a`` too.", []),
    ("```\n```\n\n```\nb\n```", ["```\n```", "```\nb\n```"]),
]


@pytest.mark.parametrize(("text", "blocks"), EXAMPLES)
def test_code_blocks_are_found(text: str, blocks: list[str]) -> None:
    assert [text[start:end] for start, end in code_blocks(text)] == blocks


def test_code_blocks_text_begins_within_one() -> None:
    text = "x = 1\n```\nThen:\n```\ny\n```"
    found = [text[start:end] for start, end in code_blocks(text, in_code=True)]
    assert found == ["x = 1\n```", "```\ny\n```"]


@given(
    st.lists(
        st.sampled_from(["```", "````", "~~~", "`", "``", "py", " ", "\n", "a", "\u2028"]),
        max_size=30,
    ).map("".join),
    st.integers(1, 5),
)
def test_code_reader_finds_the_same_in_pieces(text: str, size: int) -> None:
    reader = CodeReader()
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    found = [part for piece in pieces for part in reader.feed(piece)] + [*reader.end()]
    assert "".join(part for part, _ in found) == text
    is_code = [kind for part, kind in found for _ in part]
    within = [False] * len(text)
    for start, end in code_blocks(text):
        within[start:end] = [True] * (end - start)
    assert is_code == within
