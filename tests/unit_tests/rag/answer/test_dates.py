"""Dates are read however they are written."""

import pytest

from langchain_localllm.rag.answer.dates import read_dates


@pytest.mark.parametrize(
    "text",
    [
        "31.12.2026",
        "31. 12. 2026",
        "31/12/2026",
        "12/31/2026",
        "2026-12-31",
        "2026年12月31日",
        "31. Dezember 2026",
        "31 December 2026",
        "31st of December, 2026",
        "December 31, 2026",
        "Dec. 31, 2026",
        "31 de diciembre de 2026",
        "31 décembre 2026",
        "31 grudnia 2026",
        "31 декабря 2026",
    ],
)
def test_read_dates_all_forms_of_a_date(text: str) -> None:
    [date], rest = read_dates(f"Until {text}.")
    assert (date.year, date.month, date.day, rest) == (2026, 12, 31, "Until ).")


@pytest.mark.parametrize(
    "text",
    [
        "It may leak.",
        "march 5 miles",
        "Mars is red.",
        "1.2.3",
        "192.168.1.20",
        "45/12/2026",
        "Mayo is thick.",
    ],
)
def test_read_dates_other_words_and_numbers_are_no_dates(text: str) -> None:
    dates, rest = read_dates(text)
    assert (dates, rest) == ([], text)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("in December", (0, 12, 0)),
        ("im Juni", (0, 6, 0)),
        ("in May 2026", (2026, 5, 0)),
        ("on 5 May", (0, 5, 5)),
        ("on May 5", (0, 5, 5)),
        ("le 5 mai", (0, 5, 5)),
    ],
)
def test_read_dates_parts_of_a_date(text: str, date: tuple[int, int, int]) -> None:
    [found], _ = read_dates(text)
    assert (found.year, found.month, found.day) == date


def test_read_dates_takes_no_number_of_what_follows() -> None:
    [date], rest = read_dates("On 5 May 12 boats left.")
    assert (date.year, date.month, date.day, rest) == (0, 5, 5, "On ) 12 boats left.")
