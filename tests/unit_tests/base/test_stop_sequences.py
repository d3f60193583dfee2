"""Stop sequences in a text that comes in pieces, against a plain reading of the whole text."""

from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm.base.stop_sequences import StopFilter

TEXTS = st.text("ab\u00e9", max_size=12)
STOPS = st.lists(st.text("ab\u00e9", min_size=1, max_size=4), max_size=3)


def read_plainly(text: str, stops: list[str]) -> tuple[str, bool]:
    """The text before the stop sequence that ends first, the longest of those that end together;
    and whether there is one."""
    for end in range(len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - len(max(found, key=len))], True
    return text, False


@given(st.lists(TEXTS, max_size=6), STOPS)
def test_stop_filter_text_does_not_depend_on_how_it_is_cut(
    pieces: list[str], stops: list[str]
) -> None:
    expected, met = read_plainly("".join(pieces), stops)
    found = StopFilter(stops)
    shown = ""
    for piece in pieces:
        shown += found.feed(piece)
        if found.met:
            break
    else:
        shown += found.end()
    assert (shown, found.met) == (expected, met)


@given(TEXTS, STOPS)
def test_stop_filter_no_more_is_held_back_than_may_begin_a_stop_sequence(
    text: str, stops: list[str]
) -> None:
    if read_plainly(text, stops)[1]:
        return
    found = StopFilter(stops)
    shown = "".join(found.feed(character) for character in text)
    held = text.removeprefix(shown)
    assert shown + held == text
    longest = max(
        (
            len(text) - at
            for at in range(len(text))
            if any(stop.startswith(text[at:]) for stop in stops)
        ),
        default=0,
    )
    assert len(held) == longest
    assert found.end() == held


def test_stop_filter_without_stop_sequences_all_is_shown_at_once() -> None:
    found = StopFilter([])
    assert [found.feed(text) for text in ("a", "", "b")] == ["a", "", "b"]
    assert (found.end(), found.met) == ("", False)


def test_stop_filter_stop_sequence_is_literal() -> None:
    found = StopFilter(["."])
    assert (found.feed("a?"), found.feed("b.c"), found.met) == ("a?", "b", True)
