"""Make the tiny chat model with another family's special tokens and chat template.

Engines see such a family's model in it.
"""

import re
from pathlib import Path
from typing import Final

import gguf
from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

from langchain_localllm.models import tiny_chat_model
from langchain_localllm.prompts.format_table import FAMILIES

_SPECIAL: Final = re.compile(r"<\|[^|>]+\|>|<(?!<)/?[a-z_]+>|<[A-Z_]+_TOKEN>|\[/?INST\]")
_CONTROL: Final = 3


def family_model(target: Path, family: str, template: str, eos: str) -> Path:
    """Write the model.

    Its tokens 0 and 2 begin and end texts, as in the tiny model; the family's other special tokens
    take the last places.
    """
    form = FAMILIES[family]
    reader = gguf.GGUFReader(tiny_chat_model())
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    kinds = reader.fields["tokenizer.ggml.token_type"].contents()
    others = _others(
        form.user + form.system + form.answer + form.assistant, len(tokens), form.bos, eos
    )
    for place, text in {0: form.bos, 2: eos, **others}.items():
        tokens[place], kinds[place] = text, _CONTROL
    kind, array = gguf.GGUFValueType, gguf.GGUFValueType.ARRAY
    changed = {
        "general.name": MetadataDetails(kind.STRING, "x"),
        "tokenizer.ggml.tokens": MetadataDetails(array, tokens, sub_type=kind.STRING),
        "tokenizer.ggml.token_type": MetadataDetails(array, kinds, sub_type=kind.INT32),
        "tokenizer.ggml.add_bos_token": MetadataDetails(kind.BOOL, value=True),
        "tokenizer.chat_template": MetadataDetails(kind.STRING, template),
    }
    writer = gguf.GGUFWriter(target, "llama")
    copy_with_new_metadata(reader, writer, changed, [])
    return target


def _others(text: str, size: int, *known: str) -> dict[int, str]:
    names = [name for name in dict.fromkeys(_SPECIAL.findall(text)) if name not in known]
    return {size - 1 - number: name for number, name in enumerate(names)}
