"""Sphinx builds the docs with this: `make docs`."""

project = "langchain-localllm"
author = "The langchain-localllm developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "handbook"]
html_theme = "furo"
html_title = project
myst_heading_anchors = 3
nb_execution_mode = "off"
suppress_warnings = ["myst.xref_missing"]
