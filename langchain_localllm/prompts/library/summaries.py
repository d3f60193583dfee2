"""Ready prompts for summaries."""

from typing import Final

from langchain_localllm.prompts.prompt_pair import ready

SUMMARIZE: Final = ready(
    "Summarise the text in a few sentences. Use only what it says.", "{text}", "Summary:"
)
"""A summary of one text: `text`."""

SUMMARIZE_MAP: Final = ready(
    "Summarise this part of a longer text in one or two sentences.", "{text}", "Summary:"
)
"""A summary of one part of many: `text`."""

SUMMARIZE_COMBINE: Final = ready(
    "These are summaries of the parts of a longer text. Make one summary of them, in a few "
    "sentences.",
    "{text}",
    "Summary:",
)
"""One summary of many: `text`."""

SUMMARIZE_REFINE: Final = ready(
    "You have the summary of a text so far, and its next part. Write a summary of both, in a few "
    "sentences.",
    "Summary so far: {existing_answer}\n\nNext part:\n{text}",
    "Summary:",
)
"""A summary that takes in one more part: `existing_answer` and `text`."""
