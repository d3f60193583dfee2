"""Sphinx builds the docs with this: `make docs`."""

import re

project = "langchain-localllm"
author = "The langchain-localllm developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "handbook"]
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_copyright = False
myst_heading_anchors = 3
nb_execution_mode = "off"
suppress_warnings = ["myst.xref_missing"]


_CODE = re.compile(r"(?<![`:])`([^`]+)`(?![`_])")


def _markdown_to_rst(_app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Docstrings are Markdown in their blocks and `code`; autodoc reads reStructuredText."""
    inside = False
    for index, line in enumerate(lines):
        if line.startswith("```"):
            inside = not inside
            lines[index] = "::" if inside else ""
            if inside:
                lines[index] += "\n"
        elif inside:
            lines[index] = f"    {line}"
    lines[:] = _CODE.sub(r"``\1``", "\n".join(lines)).split("\n")


def setup(app: object) -> None:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _markdown_to_rst)  # type: ignore[attr-defined]  # Sphinx is not installed where this is checked
