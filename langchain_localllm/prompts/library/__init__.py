"""Ready prompts, short enough for small models. Each has `get_prompt(llm)`, `text` and `chat`.

They go where `langchain_classic` has selectors of its own, with the same variables. The table omits
`question_answering.` before the modules of the first five:

| here | in `langchain_classic.chains` | variables |
|---|---|---|
| `QUESTION_ANSWERING` | `stuff_prompt.PROMPT_SELECTOR` | `context`, `question` |
| `QUESTION_MAP` | `map_reduce_prompt.QUESTION_PROMPT_SELECTOR` | `context`, `question` |
| `QUESTION_COMBINE` | `map_reduce_prompt.COMBINE_PROMPT_SELECTOR` | `summaries`, `question` |
| `QUESTION_FIRST` | `refine_prompts.QUESTION_PROMPT_SELECTOR` | `context_str`, `question` |
| `QUESTION_REFINE` | `refine_prompts.REFINE_PROMPT_SELECTOR` | the same, and `existing_answer` |
| `QUESTION_WRITING` | `qa_generation.prompt.PROMPT_SELECTOR` | `text` |
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.prompts.library.agents import AGENT_STEP as AGENT_STEP
    from langchain_localllm.prompts.library.agents import CONVERSATION as CONVERSATION
    from langchain_localllm.prompts.library.questions import CITED_ANSWER as CITED_ANSWER
    from langchain_localllm.prompts.library.questions import CONDENSE_QUESTION as CONDENSE_QUESTION
    from langchain_localllm.prompts.library.questions import COPIED_ANSWER as COPIED_ANSWER
    from langchain_localllm.prompts.library.questions import (
        QUESTION_ANSWERING as QUESTION_ANSWERING,
    )
    from langchain_localllm.prompts.library.questions import QUESTION_COMBINE as QUESTION_COMBINE
    from langchain_localllm.prompts.library.questions import QUESTION_FIRST as QUESTION_FIRST
    from langchain_localllm.prompts.library.questions import QUESTION_MAP as QUESTION_MAP
    from langchain_localllm.prompts.library.questions import QUESTION_REFINE as QUESTION_REFINE
    from langchain_localllm.prompts.library.questions import QUESTION_WRITING as QUESTION_WRITING
    from langchain_localllm.prompts.library.search import (
        DEFAULT_LLAMA_SEARCH_PROMPT as DEFAULT_LLAMA_SEARCH_PROMPT,
    )
    from langchain_localllm.prompts.library.search import (
        DEFAULT_SEARCH_PROMPT as DEFAULT_SEARCH_PROMPT,
    )
    from langchain_localllm.prompts.library.search import MULTI_QUERY as MULTI_QUERY
    from langchain_localllm.prompts.library.search import SEARCH_QUERIES as SEARCH_QUERIES
    from langchain_localllm.prompts.library.summaries import SUMMARIZE as SUMMARIZE
    from langchain_localllm.prompts.library.summaries import SUMMARIZE_COMBINE as SUMMARIZE_COMBINE
    from langchain_localllm.prompts.library.summaries import SUMMARIZE_MAP as SUMMARIZE_MAP
    from langchain_localllm.prompts.library.summaries import SUMMARIZE_REFINE as SUMMARIZE_REFINE
    from langchain_localllm.prompts.library.texts import CLASSIFY as CLASSIFY
    from langchain_localllm.prompts.library.texts import EXPLAIN as EXPLAIN
    from langchain_localllm.prompts.library.texts import EXTRACT as EXTRACT
    from langchain_localllm.prompts.library.texts import TAG as TAG
    from langchain_localllm.prompts.library.texts import TRANSLATE as TRANSLATE

_BY_MODULE = {
    "agents": ["AGENT_STEP", "CONVERSATION"],
    "questions": [
        "CITED_ANSWER",
        "CONDENSE_QUESTION",
        "COPIED_ANSWER",
        "QUESTION_ANSWERING",
        "QUESTION_COMBINE",
        "QUESTION_FIRST",
        "QUESTION_MAP",
        "QUESTION_REFINE",
        "QUESTION_WRITING",
    ],
    "search": [
        "DEFAULT_LLAMA_SEARCH_PROMPT",
        "DEFAULT_SEARCH_PROMPT",
        "MULTI_QUERY",
        "SEARCH_QUERIES",
    ],
    "summaries": ["SUMMARIZE", "SUMMARIZE_COMBINE", "SUMMARIZE_MAP", "SUMMARIZE_REFINE"],
    "texts": ["CLASSIFY", "EXPLAIN", "EXTRACT", "TAG", "TRANSLATE"],
}

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {name: f"{__name__}.{module}" for module, names in _BY_MODULE.items() for name in names},
)
