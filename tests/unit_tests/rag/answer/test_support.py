"""A sentence is supported only if its numbers, dates and names are in the passages."""

import pytest
from langchain_core.documents import Document

from langchain_localllm.rag.answer.support import Support, SupportFinder


def support(passage: str, statement: str) -> Support:
    found = SupportFinder([Document(passage)], [[passage]]).find(statement)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("passage", "statement"),
    [
        ("Der Vertrag endet am 31.12.2026.", "Der Vertrag endet am 31. Dezember 2026."),
        ("Der Vertrag endet am 31. Dezember 2026.", "Der Vertrag endet am 31.12.2026."),
        ("The lease ends on 12/31/2026.", "The lease ends on December 31, 2026."),
        ("The lease ends on 2026-12-31.", "The lease ends on 31st of December 2026."),
        ("The lease ends on December 31, 2026.", "The lease ends on 31/12/2026."),
        ("Die Miete ist 1.234,50 Euro.", "Die Miete ist 1234,50 Euro."),
        ("Die Miete ist 1.234,50 Euro.", "The Miete ist €1,234.50 Euro."),
        ("Die Miete ist 1.234 Euro.", "Die Miete ist 1234 Euro."),
        ("The rent is 1,234 marks.", "Rent is 1.234 marks"),
        ("The lease ends on 2026-12-31.", "The lease ends in December 2026."),
        ("The lease ends on 2026-12-31.", "The lease ends in December."),
        ("The lease ends on 31.12.2026.", "The lease ends on 31 December."),
        ("In 2026, the lease ends on 31 December.", "The lease ends on 31.12.2026"),
        ("The lease ends on June 5.", "The lease ends in June."),
        ("El contrato termina el 31 de diciembre de 2026.", "El contrato termina el 31/12/2026."),
        ("Le bail se termine le 5 mai 2026.", "Le bail se termine le 05/05/2026."),
        ("The lease ends 03/04/2026.", "The lease ends March 4, 2026."),
        ("The lease ends 03/04/2026.", "The lease ends 03/04/2026."),
        ("The lease may end in May.", "The lease may end in May."),
        ("Umowa kończy się 31 grudnia 2026.", "Umowa kończy się 31.12.2026."),
        ("合同于2026年12月31日结束。", "合同于2026-12-31结束。"),
        ("Договор действует до 31 декабря 2026 года.", "Договор действует до 31.12.2026."),
        ("It costs 14,00 Euro.", "It costs 14 Euro."),
    ],
)
def test_support_dates_and_amounts_in_another_form_are_found(passage: str, statement: str) -> None:
    found = support(passage, statement)
    assert (found.supported, found.missing) == (True, ())


@pytest.mark.parametrize(
    ("passage", "statement", "missing"),
    [
        ("A ends 31.12.2026. B ends 30.11.2027.", "A ends 31.12.2027.", "2027-12-31"),
        ("A ends 31.12.2026. B ends 30.11.2027.", "A ends on 31 December 2027.", "2027-12-31"),
        ("A ends 31.12.2026. B ends 30.11.2027.", "A ends on 30 December.", "12-30"),
        ("A ends 31.12.2026. B ends 30.11.2027.", "A ends in December 2027.", "2027-12"),
        ("The lease ends on 2026-12-31.", "The lease ends in November.", "November"),
        ("Der Vertrag endet am 31.12.2026.", "Der Vertrag endet im November 2026.", "2026-11"),
        ("The boat was bought 31.12.2026.", "The boat was bought for 12 2026", "12"),
        ("Python 3.10 is needed", "Python 3.1 is needed", "3.1"),
        ("The rent is 1.234 marks.", "The rent is 1234 marks.", "1234"),
        ("The lease ends on 31 December.", "The lease ends on 31 December 2026.", "2026-12-31"),
        ("Rent 1234 marks", "Rent 12,34 marks", "12.34"),
        ("Die Miete ist 1.234,50 Euro.", "Die Miete ist 1.234,51 Euro.", "1234.51"),
        ("The lease ends 12/31/2026", "The lease ends 31 November 2026", "2026-11-31"),
    ],
)
def test_support_other_dates_and_amounts_contradict(
    passage: str, statement: str, missing: str
) -> None:
    found = support(passage, statement)
    assert (found.supported, found.missing) == (False, (missing,))
