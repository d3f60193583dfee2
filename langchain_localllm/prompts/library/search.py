"""Ready prompts for search queries."""

from typing import Final

from langchain_core.prompts import PromptTemplate

from langchain_localllm.prompts.format_table import FAMILIES
from langchain_localllm.prompts.prompt_pair import ready

_INSTRUCTION: Final = "You are an assistant who improves the results of a web search."
_TASK: Final = (
    "Write THREE search queries that are similar to this question. Write them as a numbered list "
    "of questions, each with a question mark at its end: {question}"
)

SEARCH_QUERIES: Final = ready(_INSTRUCTION, _TASK, "Queries:")
"""Three search queries for a question, as in the guide "Run LLMs locally": `question`."""

MULTI_QUERY: Final = ready(
    "Write the question in three other ways, to find documents that other words would miss. Write "
    "one a line, and nothing else.",
    "{question}",
    "Questions:",
)
"""Three versions of a question, a line each, for `MultiQueryRetriever`: `question`."""

DEFAULT_SEARCH_PROMPT: Final = PromptTemplate.from_template(f"{_INSTRUCTION} {_TASK}")
"""`SEARCH_QUERIES` as one plain text, under the guide's name."""

DEFAULT_LLAMA_SEARCH_PROMPT: Final = PromptTemplate.from_template(
    FAMILIES["llama2"]
    .render([{"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": _TASK}])
    .removeprefix(FAMILIES["llama2"].bos)
)
"""`SEARCH_QUERIES` in Llama 2's format, under the guide's name."""
