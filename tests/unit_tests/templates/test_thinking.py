"""`templates/thinking.py`: thoughts are separated from an answer, whatever pieces it arrives in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm.templates.thinking import (
    THINK,
    ThinkSplitter,
    ThoughtMarkers,
    thinking_markers,
)
from tests.unit_tests.templates.test_tool_calls import FRAGMENTS, cut

THOUGHTS = [
    ("<think>\nTwo and two.\n</think>\n\nFour.", False, ("Two and two.", "Four.")),
    ("\n<think>a</think>b", False, ("a", "b")),
    ("<think>\n\n</think>\n\nFour. ", False, ("", "Four. ")),
    (" Four <think>no</think>.", False, ("", " Four <think>no</think>.")),
    ("<thought>no", False, ("", "<thought>no")),
    ("Two.</think> Four.", True, ("Two.", "Four.")),
    ("<think>cut off </thi", False, ("cut off </thi", "")),
    ("<think>a < b</think>", False, ("a < b", "")),
    ("<th", False, ("", "<th")),
    ("", False, ("", "")),
]


def split(
    pieces: list[str], *, inside: bool = False, markers: ThoughtMarkers = THINK
) -> tuple[str, str]:
    splitter = ThinkSplitter(markers, inside=inside)
    parts = [*map(splitter.feed, pieces), splitter.end()]
    return "".join(part.reasoning for part in parts), "".join(part.text for part in parts)


@pytest.mark.parametrize(("text", "inside", "expected"), THOUGHTS)
def test_think_splitter_separates_thoughts_from_the_answer(
    text: str, inside: bool, expected: tuple[str, str]
) -> None:
    assert split([text], inside=inside) == expected
    assert split(list(text), inside=inside) == expected


@given(st.data(), st.lists(FRAGMENTS, max_size=8).map("".join), st.booleans())
def test_think_splitter_gives_the_same_for_pieces_of_any_size(
    data: st.DataObject, text: str, inside: bool
) -> None:
    assert split(cut(data, text), inside=inside) == split([text], inside=inside)


AROUND = ThoughtMarkers("<think>", "</think>", ("<start>", "<stop>"), ("<call>",))


@pytest.mark.parametrize(
    ("text", "inside", "expected"),
    [
        ("<think>a</think><start>b <c> d<stop>", False, ("a", "b <c> d")),
        ("</think>\n<start>\nb\n<stop>\n", True, ("", "b")),
        ("</think>b", False, ("", "b")),
        ("b<stop><call>{}", False, ("", "b<call>{}")),
        ("a\n<call>{}", True, ("a", "<call>{}")),
        ("<start>b", False, ("", "b")),
        ("b <sto", False, ("", "b <sto")),
    ],
)
def test_think_splitter_removes_markers_around_an_answer(
    text: str, inside: bool, expected: tuple[str, str]
) -> None:
    assert split([text], inside=inside, markers=AROUND) == expected
    assert split(list(text), inside=inside, markers=AROUND) == expected


@given(
    st.data(),
    st.lists(
        st.sampled_from([*AROUND[:2], *AROUND.around, "<call>", " ", "a", "<", "\n"]), max_size=9
    ).map("".join),
)
def test_think_splitter_removes_markers_from_pieces_of_any_size(
    data: st.DataObject, text: str
) -> None:
    assert split(cut(data, text), markers=AROUND) == split([text], markers=AROUND)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("<|extra_0|><think>", "<think>\nA sum.\n</think>\n<answer>\nFour.\n</answer>"),  # Hunyuan
        ("<｜hy_Assistant｜><think>", "<think>A sum.</think><answer>Four.</answer>"),
        (
            "<global_setting><think>",
            "<think>\nA sum.\n</think>\n\n<response>\nFour.\n</response>\n",
        ),
        ("'</thought>' in content", "<thought>\nA sum.\n</thought>\n\nFour."),  # EXAONE Deep
        ("<|thought_start|>", "<|thought_start|>\nA sum.\n<|thought_end|>\nFour."),  # MiniCPM 3
    ],
)
def test_thoughts_and_answer_of_a_family_are_separated(template: str, text: str) -> None:
    markers = thinking_markers(template)
    assert markers
    assert split([text], markers=markers) == ("A sum.", "Four.")
    assert split(list(text), markers=markers) == ("A sum.", "Four.")


def test_thinking_markers_are_read_from_the_template() -> None:
    assert thinking_markers("... content.split('</think>') ...") == THINK
    assert thinking_markers("[THINK]") == ("[THINK]", "[/THINK]", (), ())
    assert thinking_markers("{{ messages }}") is None
