"""The first look at a model: files, objects, servers that are not there."""

import gc
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListLLM

from langchain_localllm import Ollama
from langchain_localllm.errors import ModelFileError
from langchain_localllm.model_info import introspect as looking
from langchain_localllm.model_info.info import ModelInfo, model_info_from_file
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.prompts import amodel_family, context_at_least, model_family, supports_tools

NOWHERE = "http://127.0.0.1:9"


class FromFile(FakeListLLM):
    """A class that keeps its file as those of other packages do."""

    model_path: str
    n_ctx: int | None = None


def test_describe_model_reads_the_header_of_the_file() -> None:
    about = model_info_from_file(tiny_chat_model())
    assert (about.architecture, about.bos_token, about.eos_token) == (
        "llama",
        "<|endoftext|>",
        "<|im_end|>",
    )
    assert not about.adds_bos
    assert about.tools
    assert about.source == "the file tiny-chat.gguf"


def test_describe_model_with_a_file_is_known_by_its_header() -> None:
    llm = FromFile(responses=[], model_path=str(tiny_chat_model()))
    family = model_family(llm.bind())
    assert (family.name, family.reason) == (
        "chatml",
        "The chat template from the file tiny-chat.gguf holds its markers.",
    )
    assert supports_tools(llm)
    assert context_at_least(2048)(llm)
    assert not context_at_least(2049)(llm)
    assert not context_at_least(1024)(FromFile(responses=[], model_path=llm.model_path, n_ctx=512))


async def test_adescribe_model_is_the_same() -> None:
    assert (
        await amodel_family(FromFile(responses=[], model_path=str(tiny_chat_model())))
    ).name == "chatml"


def test_describe_model_file_that_is_not_a_model_gives_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "llama-2-7b-chat.gguf"
    file.write_bytes(tiny_chat_model().read_bytes()[:999])
    family = model_family(FromFile(responses=[], model_path=str(file)))
    assert family.name == "llama2"
    assert "cut off or damaged" in family.reason
    assert "It follows from the name 'llama-2-7b-chat.gguf'" in family.reason
    with pytest.raises(ModelFileError):
        model_info_from_file(file)


def test_describe_model_file_without_a_template_is_known_by_its_name(tmp_path: Path) -> None:
    data = tiny_chat_model().read_bytes()
    file = tmp_path / "llama-2-7b-chat.gguf"
    file.write_bytes(
        data.replace(b"tokenizer.chat_template", b"tokenizer.chat_nothing.").replace(
            b"tiny-chat", b"some-chat"
        )
    )
    family = model_family(FromFile(responses=[], model_path=str(file)))
    assert family.name == "llama2"
    assert family.reason.startswith("No chat template is known.")


def test_describe_model_on_another_machine_is_not_asked_about() -> None:
    llm = Ollama(model="llama2", base_url=NOWHERE).model_copy(
        update={"model": "gpt-oss:120b-cloud"}
    )
    family = model_family(llm)
    assert family.name == "gpt-oss"
    assert "not on your machine" in family.reason


def test_describe_model_object_of_another_type_has_no_family() -> None:
    assert model_family(object()).name is None
    assert model_family(FakeListLLM(responses=[])).name is None


def test_describe_model_result_is_kept_as_long_as_the_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Any] = []
    original = looking._from_object

    def count(model: Any) -> ModelInfo:
        looks.append(model)
        return original(model)

    monkeypatch.setattr(looking, "_from_object", count)
    before = len(looking._seen)
    llm = FromFile(responses=[], model_path=str(tiny_chat_model()))
    assert model_family(llm).name == model_family(llm.bind()).name == "chatml"
    assert len(looks) == 1
    llm.n_ctx = 512
    assert not context_at_least(1024)(llm)
    assert len(looks) == 2
    looks.clear()
    del llm
    gc.collect()
    assert len(looking._seen) <= before


def test_describe_model_failure_is_forgotten_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_FAILURE_SECONDS", 0.0)
    file = tmp_path / "x.gguf"
    file.write_bytes(b"nothing")
    llm = FromFile(responses=[], model_path=str(file))
    assert model_family(llm).name is None
    file.write_bytes(tiny_chat_model().read_bytes())
    assert model_family(llm).name == "chatml"
