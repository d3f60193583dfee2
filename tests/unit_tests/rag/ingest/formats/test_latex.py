"""LaTeX: tables and options of commands."""

import pytest

from langchain_localllm.rag.ingest.formats.latex import read_latex


def test_read_latex_cells_of_a_table_are_apart() -> None:
    table = rb"\begin{tabular}{l|r}Boat & Price\\ \hline[2pt]Heron & 14 \& more\\\end{tabular}"
    [document] = read_latex(table)
    assert document.page_content.split("\n") == ["Boat | Price", "Heron | 14 & more"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"See \href{https://a.b/c_d}{our \emph{page}}.", "See our page."),
        (r"See \hyperref[sec:a]{the section}~\ref{sec:a}.", "See the section."),
        (r"\textcolor[rgb]{1,0,0}{Red} and {\color{blue}blue}.", "Red and blue."),
        (r"\multicolumn{2}{c}{Prices} \multirow[t]{2}{*}{Winter}", "Prices Winter"),
        (r"\foreignlanguage{german}{Haus}, \resizebox{\textwidth}{!}{wide}", "Haus, wide"),
        (r"As \autoref{a} \cref{b} end.", "As end."),
    ],
)
def test_read_latex_only_arguments_that_are_text_are_read(text: str, expected: str) -> None:
    assert [section.page_content for section in read_latex(text.encode())] == [expected]
