"""Write docs/prompt-formats.md: one question in six families' formats.

The page says also where each family's format is described.

`python -m tools.prompt_formats` writes the page; a test says when it is not up to date.
"""

from pathlib import Path
from typing import Final

from langchain_core.language_models import FakeListLLM

from langchain_localllm.prompts import FAMILIES, model_family
from langchain_localllm.prompts.library import QUESTION_ANSWERING

PAGE: Final = Path(__file__).parent.parent / "docs/prompt-formats.md"
SHOWN: Final = (
    "llama-2-7b-chat",
    "llama-3.1-8b-instruct",
    "mistral-7b-instruct-v0.3",
    "qwen2.5-7b-instruct",
    "gemma-2-9b-it",
    "phi-4",
)
VALUES: Final = {
    "context": "[1] Odalys Fenn is the warden.\n[2] The boat leaves at noon.",
    "question": "Who is the warden?",
}

_HEAD: Final = """\
# What each family receives

`python -m tools.prompt_formats` writes this page.

For one question, this is the exact text that `QUESTION_ANSWERING.get_prompt(llm).format(...)` gives
to text LLMs of six families. A model whose own chat template is known gets that template instead;
it differs where a maker adds instructions, a date or the like. The token that begins a prompt is
not in these texts, since the engines add it.
"""

_TABLE: Final = """
## All families

| family | token that begins a prompt | described in |
|---|---|---|
"""


class Named(FakeListLLM):
    """A model that is known by its name alone."""

    model: str


def page() -> str:
    """Return the page's text."""
    parts = [_HEAD]
    for name in SHOWN:
        llm = Named(model=name, responses=[])
        text = QUESTION_ANSWERING.get_prompt(llm).format(**VALUES)
        parts.append(f"\n## {model_family(llm).name}: {name}\n\n```text\n{text}\n```\n")
    parts.append(_TABLE)
    for form in FAMILIES.values():
        bos = f"`{form.bos}`" if form.bos else "none, or the engine's own"
        url, _, rest = form.source.partition(" ")
        parts.append(
            f"| `{form.name}` | {bos.replace('|', chr(92) + '|')} | <{url}> {rest}".rstrip()
            + " |\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
