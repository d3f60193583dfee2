"""Ready prompts to extract, tag, classify, translate and explain."""

from typing import Final

from langchain_localllm.prompts.prompt_pair import ready

EXTRACT: Final = ready(
    "Take from the text what the JSON schema asks for, and write it as JSON. Leave out what the "
    "text does not tell. Write the JSON and nothing else.",
    "Schema: {schema}\n\nText: {text}",
    "JSON:",
)
"""Facts from a text, in the form of a schema: `schema` (as text) and `text`."""

TAG: Final = ready(
    "Describe the text by the properties of the JSON schema, and write them as JSON. Write the "
    "JSON and nothing else.",
    "Schema: {schema}\n\nText: {text}",
    "JSON:",
)
"""Properties of a whole text, such as its language or its mood: `schema` (as text) and `text`."""

CLASSIFY: Final = ready(
    "Say to which of these classes the text belongs: {labels}. Write the class and nothing else.",
    "{text}",
    "Class:",
)
"""One of several classes: `labels` (as text) and `text`."""

TRANSLATE: Final = ready(
    "Translate the text into {language}. Write the translation and nothing else.",
    "{text}",
    "Translation:",
)
"""A translation: `language` and `text`."""

EXPLAIN: Final = ready(
    "Explain this to someone who hears of it for the first time, in a few short sentences with "
    "plain words.",
    "{topic}",
    "Explanation:",
)
"""A simple explanation: `topic`."""
