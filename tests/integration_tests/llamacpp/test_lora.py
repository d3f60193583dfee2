"""LoRA adapters: several, and with other scales for a call."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from langchain_localllm import ChatLlamaCpp, LlamaCpp, LlamaCppEmbeddings
from langchain_localllm.errors import InvalidOptionError, ModelFileError
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tools.engines.models import lora_adapter

PROMPT: Final = "The lamp on the table is"
BOTH: Final = [{"id": 0, "scale": 1000.0}, {"id": 1, "scale": 1000.0}]
AnyArguments: Final[Any] = LlamaCpp
"""The class, for arguments that are not fields."""


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory, model_file: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("lora")
    return [
        lora_adapter(model_file, folder / "first.gguf"),
        lora_adapter(model_file, folder / "second.gguf", "blk.1.ffn_down.weight"),
    ]


@pytest.fixture(scope="module", params=get_args(Backend))
def llm(
    request: pytest.FixtureRequest, model_file: Path, adapters: list[Path]
) -> Iterator[LlamaCpp]:
    given: dict[str, Any] = {"n_ctx": 512, "temperature": 0, "max_tokens": 16}
    off = [(path, 0.0) for path in adapters]
    with AnyArguments(
        model_path=model_file, backend=request.param, lora_adapters=off, **given
    ) as llm:
        yield llm


def alone(model_file: Path, backend: Any, lora_adapters: Any) -> str:
    """The answer of an engine that has these adapters only."""
    with AnyArguments(
        model_path=model_file,
        backend=backend,
        lora_adapters=lora_adapters,
        n_ctx=512,
        temperature=0,
        max_tokens=16,
    ) as llm:
        answer: str = llm.invoke(PROMPT)
        return answer


def test_lora_call_chooses_the_scale_of_each_adapter(
    llm: LlamaCpp, model_file: Path, adapters: list[Path]
) -> None:
    first, second = adapters
    calls: list[tuple[Any, Any]] = [
        (None, None),
        ([{"id": 0, "scale": 1000.0}], [{"path": first, "scale": 1000.0}]),
        ([{"id": 1, "scale": 1000.0}], [(second, 1000.0)]),
        (BOTH, [(first, 1000.0), (str(second), 1000.0)]),
        ([], None),
    ]
    answers = [llm.invoke(PROMPT, lora=lora) for lora, _ in calls]
    assert answers == [alone(model_file, llm.backend, files) for _, files in calls]
    assert len(set(answers[:3])) == 3
    assert llm.invoke(PROMPT) == answers[0]  # nothing of the others is left in a cache


def test_lora_requests_with_different_scales_at_the_same_time_get_their_own_answers(
    llm: LlamaCpp,
) -> None:
    plain, adapted = llm.invoke(PROMPT), llm.invoke(PROMPT, lora=BOTH)
    streams = [llm.stream(PROMPT, lora=BOTH if number % 2 else None) for number in range(6)]
    for stream in streams:
        next(stream)
    for number, stream in enumerate(streams):
        rest = "".join(stream)
        assert rest
        assert (adapted if number % 2 else plain).endswith(rest)


def test_lora_scales_of_an_object_hold_for_its_calls(
    model_file: Path, adapters: list[Path], llm: LlamaCpp
) -> None:
    given: dict[str, Any] = {
        "model_path": model_file,
        "backend": llm.backend,
        "n_ctx": 512,
        "temperature": 0,
        "max_tokens": 8,
    }
    adapted = {**given, "lora_adapters": adapters, "lora": []}
    with ChatLlamaCpp(**adapted) as chat, ChatLlamaCpp(**given) as plain:
        assert chat.invoke(PROMPT).text == plain.invoke(PROMPT).text
        assert chat.invoke(PROMPT, lora=BOTH).text != plain.invoke(PROMPT).text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lora": [{"id": 2, "scale": 1.0}]}, "adapter 2.*`lora_adapters` has 2"),
        ({"lora": [{"id": -1, "scale": 1.0}]}, "adapter -1"),
        ({"lora": [{"id": 0}]}, "scale"),
        ({"lora": "first"}, "lora"),
    ],
    ids=str,
)
def test_lora_missing_adapter_is_refused(
    llm: LlamaCpp, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        llm.invoke(PROMPT, **options)


def test_lora_scales_without_adapters_and_options_that_do_not_go_together_are_refused(
    model_file: Path, adapters: list[Path], tmp_path: Path
) -> None:
    with (
        LlamaCpp(model_path=model_file, n_ctx=512) as llm,
        pytest.raises(InvalidOptionError, match="`lora_adapters` has 0"),
    ):
        llm.invoke(PROMPT, lora=BOTH)
    with pytest.raises(InvalidOptionError, match="`lora_path` and `lora_adapters`"):
        AnyArguments(model_path=model_file, lora_path=adapters[0], lora_adapters=adapters)
    with (
        AnyArguments(
            model_path=model_file, lora_adapters=adapters, cache_dir=tmp_path, n_ctx=512
        ) as llm,
        pytest.raises(InvalidOptionError, match="`lora` and `cache_dir`"),
    ):
        llm.invoke(PROMPT, lora=BOTH)


@pytest.mark.parametrize("backend", get_args(Backend))
def test_lora_file_that_is_not_an_adapter_is_an_error(
    backend: Any, model_file: Path, adapters: list[Path], tmp_path: Path
) -> None:
    for path in (model_file, tmp_path / "missing.gguf"):
        with pytest.raises(ModelFileError):
            AnyArguments(model_path=model_file, backend=backend, lora_adapters=[adapters[0], path])


@pytest.mark.parametrize("backend", get_args(Backend))
def test_lora_embeddings_accept_several_adapters(backend: Any, tmp_path: Path) -> None:
    path = lora_adapter(tiny_embedding_model(), tmp_path / "adapter.gguf")
    vectors = []
    for scale in (0.0, 50.0):
        make: Any = LlamaCppEmbeddings
        with make(
            model_path=tiny_embedding_model(), backend=backend, lora_adapters=[(path, scale), path]
        ) as embeddings:
            vectors.append(embeddings.embed_query("a red lamp"))
    assert vectors[0] != vectors[1]
