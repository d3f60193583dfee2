"""Write the table of model families in docs/chat.md, from llama.cpp's chat templates.

llama.cpp publishes these.

`python -m tools.chat_families` writes it; a test says when it is not up to date.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from langchain_localllm.templates.call_frames import call_frame
from langchain_localllm.templates.harmony import harmony_thoughts, is_harmony
from langchain_localllm.templates.server_parser import is_misparsed_by_server
from langchain_localllm.templates.thinking import thinking_markers
from langchain_localllm.templates.thinking_switch import switch_variables
from langchain_localllm.templates.tool_calls import tool_format
from tools.engines import llama_cpp_source
from tools.engines.chat_formats import NOT_ENFORCED_BY_SERVER, TEMPLATES

PAGE: Final = Path(__file__).parent.parent / "docs/chat.md"
_BEGIN, _END = "<!-- families: written by tools.chat_families -->\n", "<!-- end of families -->\n"
_OWNER: Final = re.compile(
    r"^(ByteDance|CohereForAI-c4ai|HuggingFaceTB|NVIDIA|NousResearch|deepseek-ai|fireworks-ai-llama-3|google|ibm-granite"
    r"|inclusionai|llama-cpp|meetkai|meta-llama|microsoft|mistralai|moonshotai|openai|openbmb|poolside|tencent|unsloth(?:-mistral)?"
    r"|upstage)-|-tool_use$|-fixed$"
)


_ENFORCED: Final = {
    (True, True): "yes",
    (True, False): "llama-cpp-python",
    (False, True): "the server",
    (False, False): "no",
}
"""Who enforces calls, by whether llama-cpp-python and llama.cpp's server do."""
_COLUMNS: Final = (
    "templates of",
    "calls begin with",
    "thoughts begin with",
    "switch",
    "enforced",
    "parsed by",
)


def table(templates: Path) -> str:
    """Return the table, from a folder of templates; families that differ in nothing share a row."""
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, (calls, _) in TEMPLATES.items():
        template = (templates / f"{name}.jinja").read_text(encoding="utf-8")
        thoughts = (
            harmony_thoughts(template) if is_harmony(template) else thinking_markers(template)
        )
        tools = _code(tool_format(template).opening) or "JSON" if calls else "no"
        switch = (
            ", ".join(map(_code, switch_variables(template, reasoning=False))) if thoughts else ""
        )
        misparsed = is_misparsed_by_server(template)
        enforced = (
            _ENFORCED[
                bool(call_frame(template)), not misparsed and name not in NOT_ENFORCED_BY_SERVER
            ]
            if calls
            else ""
        )
        parser = "this package" if misparsed else "the server"
        rows[tools, _code(thoughts.opening) if thoughts else "no", switch, enforced, parser].append(
            _OWNER.sub("", name)
        )
    lines = [f"| {', '.join(names)} | {' | '.join(cells)} |" for cells, names in rows.items()]
    return "\n".join([f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|", *lines]) + "\n"


def page(templates: Path) -> str:
    """Return docs/chat.md with the table."""
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{PAGE} has no place for the table, between {_BEGIN!r} and {_END!r}")
    return f"{before}{begin}\n{table(templates)}\n{end}{after}"


def _code(text: str) -> str:
    return (
        f"`{' '.join(text.replace('`', '').split()).replace('|', chr(92) + '|')}`" if text else ""
    )


if __name__ == "__main__":
    PAGE.write_text(page(llama_cpp_source.install() / "templates"), encoding="utf-8")
