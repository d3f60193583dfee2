"""The tokens that reach each engine hold each special token once, where the model was trained to
see it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate

from langchain_localllm import (
    ChatGPT4All,
    ChatLlamaCpp,
    ChatLlamafile,
    ChatOllama,
    GPT4All,
    LlamaCpp,
    Llamafile,
    LocalServer,
    Ollama,
)
from langchain_localllm.prompts import for_model, model_family
from langchain_localllm.prompts.format_table import FAMILIES
from langchain_localllm.runtimes.gpt4all import generation as gpt4all_answers
from langchain_localllm.runtimes.gpt4all.binding import run_prompt
from tests.unit_tests.prompts.templates import PUBLISHED
from tools.engines import ollama
from tools.engines.families import family_model

ONE_TOKEN: Final[dict[str, Any]] = {"temperature": 0, "max_tokens": 1}
PROMPT: Final = ChatPromptTemplate(
    [
        ("system", "Be brief."),
        HumanMessage("Who is the warden?"),
        AIMessage("Odalys."),
        ("human", "{question}"),
    ]
)
MESSAGES: Final = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Who is the warden?"},
    {"role": "assistant", "content": "Odalys."},
    {"role": "user", "content": "Since when?"},
]
GO_TEMPLATES: Final = {
    "gemma": (
        '{{ $system := .System }}{{ range $i, $_ := .Messages }}{{ if eq .Role "user" '
        "}}<start_of_turn>user\n"
        '{{ if $system }}{{ $system }}\n\n{{ $system = "" }}{{ end }}{{ .Content }}<end_of_turn>\n'
        '{{ else if eq .Role "assistant" }}<start_of_turn>model\n{{ .Content }}<end_of_turn>\n{{ '
        "end }}{{ end }}"
        "<start_of_turn>model\n"
    ),
    "llama2": "[INST] <<SYS>>{{ .System }}<</SYS>>\n\n{{ .Prompt }} [/INST]",
    "mistral-v3": "[INST] {{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}[/INST]",
    "llama3": (
        "{{ range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content "
        "}}<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
}


@dataclass(frozen=True)
class Case:
    """A family's model, and the tokens of the conversation as its makers write it."""

    family: str
    file: Path
    tokens: list[int]


@pytest.fixture(scope="module", params=["gemma", "llama2", "llama3", "mistral-v3"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    entry = next(entry for entry in PUBLISHED if entry.family == request.param)
    file = family_model(
        tmp_path_factory.mktemp("family") / "x.gguf", entry.family, entry.source, entry.eos
    )
    with LlamaCpp(model_path=str(file), n_ctx=512) as llm:
        tokens = llm.engine.model.tokenize(FAMILIES[entry.family].render(MESSAGES), begin=False)
    specials = 2 if entry.family == "llama2" else 1
    assert tokens.count(0) == specials, "the token that begins a prompt"
    return Case(entry.family, file, tokens)


@pytest.fixture(scope="module")
def server(case: Case) -> Iterator[LocalServer]:
    with LocalServer(case.file, n_ctx=512) as running:
        yield running


@pytest.fixture(scope="module")
def ollama_url(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ExitStack() as stack:
        url = stack.enter_context(ollama.serve(tmp_path_factory.mktemp("models")))
        ollama.create(
            url, "x", case.file, template=GO_TEMPLATES[case.family], parameters={"num_ctx": 512}
        )
        yield url


def prompt_tokens(llm: Any) -> int:
    """How many tokens the engine read of the prompt for this model."""
    prompt = for_model(PROMPT, llm).invoke({"question": "Since when?"})
    result = llm.generate_prompt([prompt]).generations[0][0]
    if isinstance(llm, BaseChatModel):
        return int(result.message.usage_metadata["input_tokens"])
    return int(result.generation_info["usage"]["prompt_tokens"])


@pytest.mark.parametrize("kind", [LlamaCpp, ChatLlamaCpp])
def test_tokens_llamacpp(kind: Any, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    with kind(model_path=str(case.file), n_ctx=512, **ONE_TOKEN) as llm:
        assert model_family(llm).name == case.family
        prompts: list[list[int]] = []
        engine = llm.engine
        submit = engine.submit

        def spy(request: Any, box: Any) -> None:
            prompts.append(request.prompt)
            submit(request, box)

        monkeypatch.setattr(engine, "submit", spy)
        assert prompt_tokens(llm) == len(case.tokens)
    assert prompts == [case.tokens]


@pytest.mark.parametrize("kind", [GPT4All, ChatGPT4All])
def test_tokens_gpt4all(kind: Any, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def spy(model: Any, prompt: str, on_prompt: Any, on_token: Any, **settings: Any) -> None:
        def note(token: int) -> bool:
            read.append(token)
            return bool(on_prompt(token))

        run_prompt(model, prompt, note, on_token, **settings)

    monkeypatch.setattr(gpt4all_answers, "run_prompt", spy)
    with kind(model=str(case.file), n_ctx=512, **ONE_TOKEN) as llm:
        assert model_family(llm).name == case.family
        assert prompt_tokens(llm) == len(case.tokens)
    assert read == case.tokens


def test_tokens_llamafile(case: Case, server: LocalServer) -> None:
    llm = Llamafile(base_url=server.base_url, cache_prompt=False, **ONE_TOKEN)
    assert model_family(llm).name == case.family
    assert prompt_tokens(llm) == len(case.tokens)


def test_chat_llamafile(case: Case, server: LocalServer) -> None:
    assert prompt_tokens(
        ChatLlamafile(base_url=server.base_url, cache_prompt=False, **ONE_TOKEN)
    ) == len(case.tokens)


def test_tokens_ollama_as_it_is(case: Case, ollama_url: str) -> None:
    llm = Ollama(base_url=ollama_url, model="x", raw=True, **ONE_TOKEN)
    assert model_family(llm).name == case.family
    assert prompt_tokens(llm) == len(case.tokens)


# the other two templates write single questions
@pytest.mark.parametrize("case", ["gemma", "llama3"], indirect=True)
def test_chat_ollama(case: Case, ollama_url: str) -> None:
    assert prompt_tokens(ChatOllama(base_url=ollama_url, model="x", **ONE_TOKEN)) == len(
        case.tokens
    )
