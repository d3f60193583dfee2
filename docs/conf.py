"""Sphinx builds the docs with this: `make docs`."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from tools import api_reference

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


def _keep_colons(
    _app: object, what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Add an empty comment to attributes' first lines with a colon.

    Napoleon would take the text before a colon for the attribute's type.
    """
    if what == "attribute" and lines and lines[0] != "..":
        lines[0:0] = ["..", ""]


def _markdown_to_rst(
    _app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
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
    lines[:] = _CODE.sub(lambda code: f"``{code[1].strip()}``", "\n".join(lines)).split("\n")


def _fill_api_page(_app: object, name: str, source: list[str]) -> None:
    if name == "api":
        source[0] = api_reference.page()


def _short_signature(
    _app: object, what: str, _name: str, obj: object, *_rest: object
) -> tuple[str, None] | None:
    """Shorten the signature of a model class: its options follow one by one with their types."""
    return ("(**options)", None) if what == "class" and hasattr(obj, "model_fields") else None


def setup(app: Any) -> None:
    """Sphinx calls this."""
    app.connect("env-get-outdated", lambda *_: ["api"])
    app.connect("source-read", _fill_api_page)
    app.connect("autodoc-process-signature", _short_signature)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", _markdown_to_rst)
