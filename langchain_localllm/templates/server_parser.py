"""Choose the models whose answers are parsed here, as llama.cpp's server misparses them.

The places are those in llama.cpp's source as of September 2026 (llama-cpp-python 0.3.36, xllamacpp
2026.10).
"""

from collections.abc import Mapping
from typing import Final

_MISPARSED: Final[Mapping[str, str]] = {
    "<|inner_prefix|>": "Apertus: thoughts stay in the text; no thoughts are found in the template",
    "[BEGIN FINAL RESPONSE]": (
        "Apriel: thoughts begin with the last words of the prompt; patch `Apriel 1.6`, line 160"
    ),
    "<|START_TEXT|>": "Command A: HTTP 500 for a call after a text; parsers/cohere2moe.cpp",
    "Action:\\n```json": (
        "Command R+: HTTP 500 for a text where there are tools; patch `Cohere Command R+`, line 69"
    ),
    "<global_setting>": "ERNIE 4.5: thoughts stay in the text",
    ">>>all": "Functionary 3.2: HTTP 500 for two calls; parsers/functionary-v3-2.cpp",
    "<response></response>": "Granite 3.3: calls stay in the text; patch `Granite 3.3`, line 52",
    "<|action_start|>": "InternLM: calls stay in the text",
    "<beginning_of_sentence>": (
        "MiniMax M1: one call in an answer; analyze_tool_call_format, line 831"
    ),
    "<minimax:tool_call>": "MiniMax M2: one call in an answer; analyze_tool_call_format, line 831",
    "[CALL_ID]": (
        "Mistral Small 3.2: its grammar repeats the last call; build_func_parser, "
        "chat-auto-parser-generator.cpp:255"
    ),
    "<function_calls>": "Olmo 3: several calls are read as one, with arguments of the others",
    "<|/tool|>": "Phi-4-mini: its template reads the tools in a message, where the server has none",
    "<|tool_calls|>": (
        "Solar Open: one call, and thoughts stay in the text; patch `Solar Open`, line 153"
    ),
    "' <think>'": "RWKV World: thoughts are text; no thoughts are found in the template",
}
"""What is in a chat template, and what the server loses or fails at; the lines are those of
common/chat-diff-analyzer.cpp."""


def is_misparsed_by_server(template: str) -> bool:
    """Return whether llama.cpp's server misparses what a chat template's model writes.

    It loses a part of the answer, or fails at it.

    Example:
        >>> template = "{{ '<|inner_prefix|>' + message.thoughts + '<|inner_suffix|>' }}"
        >>> is_misparsed_by_server(template)
        True
    """
    return any(sign in template for sign in _MISPARSED)
