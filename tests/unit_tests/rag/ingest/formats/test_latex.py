"""LaTeX: tables and options of commands."""

from langchain_localllm.rag.ingest.formats.latex import read_latex


def test_read_latex_cells_of_a_table_are_apart() -> None:
    table = rb"\begin{tabular}{l|r}Boat & Price\\ \hline[2pt]Heron & 14 \& more\\\end{tabular}"
    [document] = read_latex(table)
    assert document.page_content.split("\n") == ["Boat | Price", "Heron | 14 & more"]
