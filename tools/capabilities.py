"""Write the tables of what each runtime and class can do into README and the docs.

They are made from the code; the docs are the runtimes' pages.

`python -m tools.capabilities` writes them between the marks in these files; a test says when they
are not up to date.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import langchain_localllm
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.registry import RUNTIMES
from tools.comparison import fields

ROOT: Final = Path(__file__).parent.parent
TITLES: Final = {
    "ollama": "Ollama",
    "llamacpp": "llama.cpp",
    "gpt4all": "GPT4All",
    "llamafile": "llamafile",
}
MODELS: Final = {
    "ollama": "Ollama's library, or any GGUF file",
    "llamacpp": "any GGUF file",
    "gpt4all": "any GGUF file; with llama.cpp if newer than August 2024",
    "llamafile": "a llamafile, or any GGUF file",
}
CONCURRENCY: Final = {
    "ollama": "set by `OLLAMA_NUM_PARALLEL`",
    "llamacpp": "several, computed together",
    "gpt4all": "one at a time; several with llama.cpp",
    "llamafile": "one per server slot",
}
IMAGES: Final = {
    "ollama": "vision models",
    "llamacpp": "vision models, with `mmproj_path`",
    "gpt4all": "no",
    "llamafile": "vision models, with the server's `--mmproj`",
}
EXTRAS: Final = {"llamafile": "`server`, to start one"}
"""Extras whose name is not the runtime's."""
NO_TOKENIZER: Final = {"ollama"}
"""The contract tests hold this: `test_token_count` is expected to fail for these alone."""
BY_LLAMACPP: Final = {"gpt4all": " (with llama.cpp)"}
"""Runtimes where only llama.cpp enforces a form or reports log probabilities."""
_MARKED: Final = r"(?<=\n<!-- {0} -->\n).*?(?=<!-- end of {0} -->)"


def field(runtime: str, name: str, *fields: str) -> str:
    """Those of some options that a class of a runtime has, or "no"."""
    have = getattr(langchain_localllm, name).model_fields
    found = ", ".join(f"`{option}`" for option in fields if option in have)
    return found + BY_LLAMACPP.get(runtime, "") if found else "no"


def capabilities() -> str:
    """Runtimes side by side."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    extras = project["optional-dependencies"]
    rows: dict[str, list[str]] = {}
    for runtime in TITLES:
        kinds = RUNTIMES[runtime]
        text = getattr(langchain_localllm, kinds["text"])
        served = issubclass(text, ServerOptions)
        cells = {
            "text": f"`{kinds['text']}`",
            "chat, with tools": f"`{kinds['chat']}`",
            "embeddings": f"`{kinds['embeddings']}`" if "embeddings" in kinds else "no",
            "the model runs": "in a server you run" if served else "in your Python process",
            "extra to install": f"`{runtime}`"
            if runtime in extras
            else EXTRAS.get(runtime, "none"),
            "models": MODELS[runtime],
            "concurrent answers": CONCURRENCY[runtime],
            "streaming, stop, seed, cancellation, token counts, timings": "yes",
            "images": IMAGES[runtime],
            "JSON schema enforced while decoding": field(
                runtime, kinds["text"], "json_schema", "format"
            ),
            "grammar": field(runtime, kinds["text"], "grammar"),
            "log probabilities": field(runtime, kinds["text"], "logprobs", "n_probs"),
            "counts tokens before a call": "yes, by a call for one token"
            if runtime in NO_TOKENIZER
            else "yes",
            "pulls and lists models": "yes" if hasattr(text, "pull") else "no",
        }
        for row, cell in cells.items():
            rows.setdefault(row, []).append(cell)
    return table_of(["", *TITLES.values()], [[row, *cells] for row, cells in rows.items()])


def overview(runtime: str) -> str:
    """Return a runtime's classes side by side, as on LangChain's integration pages."""
    kinds = RUNTIMES[runtime]
    text, chat = kinds["text"], kinds["chat"]
    logprobs = {kind: field(runtime, name, "logprobs", "n_probs") for kind, name in kinds.items()}
    rows = {
        "kind": {kind: kind for kind in kinds},
        "import from": dict.fromkeys(kinds, "`langchain_localllm`"),
        "token streaming, sync and async": {"text": "yes", "chat": "yes"},
        "token counts and timings in results": {"text": "yes", "chat": "yes"},
        "tools": {"text": "no", "chat": "`bind_tools`"},
        "structured output": {
            "text": field(runtime, text, "json_schema", "format"),
            "chat": "`with_structured_output`",
        },
        "grammar": {
            "text": field(runtime, text, "grammar"),
            "chat": field(runtime, chat, "grammar"),
        },
        "log probabilities": logprobs | {"embeddings": ""},
        "shorter vectors": {
            "embeddings": field("", kinds["embeddings"], "dimensions")
            if "embeddings" in kinds
            else ""
        },
    }
    body = [[row, *(cells.get(kind, "") for kind in kinds)] for row, cells in rows.items()]
    return table_of(["", *(f"`{name}`" for name in kinds.values())], body)


def files() -> dict[Path, str]:
    """Return the files with marks, and their text with new tables."""
    tables = {"capabilities": capabilities(), "fields of a request": fields.table()} | {
        f"overview of {runtime}": overview(runtime) for runtime in RUNTIMES
    }
    found = {}
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]:
        text = path.read_text(encoding="utf-8")
        for mark, table in tables.items():
            if f"\n<!-- {mark} -->\n" in text:
                text = re.sub(_MARKED.format(mark), f"\n{table}\n\n", text, flags=re.DOTALL)
                found[path] = text
    return found


def table_of(head: list[str], rows: list[list[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|" for cells in lines
    )


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print("wrote the tables of", path.name)
