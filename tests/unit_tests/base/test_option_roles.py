"""What marks on the fields of options mean."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from langchain_localllm import (
    ChatGPT4All,
    ChatLlamaCpp,
    ChatLlamafile,
    ChatOllama,
    GPT4AllEmbeddings,
    LlamaCppEmbeddings,
    LlamafileEmbeddings,
    LlamafileReranker,
    OllamaEmbeddings,
)
from langchain_localllm.base.option_roles import (
    Connects,
    Loads,
    NotInKey,
    NotSent,
    SpeedsUp,
    options_marked,
)


class Base(BaseModel):
    size: Annotated[int, Loads] = Field(default=1, ge=1)
    address: Annotated[str, Connects] = ""
    heat: float = 0


class Child(Base):
    size: int = 2
    threads: Annotated[int | None, Loads, SpeedsUp] = None


def test_option_field_declared_again_keeps_its_marks() -> None:
    assert options_marked(Child, Loads) == {"size", "threads"}
    assert options_marked(Base, Loads) == {"size"}


def test_option_mark_implies_those_that_it_is_derived_from() -> None:
    assert options_marked(Child, NotInKey) == {"address", "threads"}
    assert options_marked(Child, NotSent) == options_marked(Child, Connects) == {"address"}


def test_option_mark_leaves_the_rules_of_the_field() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Base(size=0)


@pytest.mark.parametrize(
    ("kind", "marked"),
    [
        (ChatOllama, {"auth", "keep_alive", "stop", "timeout"}),
        (ChatLlamafile, {"cache_prompt", "id_slot", "stop", "timeout", "validate_model_on_init"}),
        (
            ChatLlamaCpp,
            {"n_batch", "n_threads", "n_gpu_layers", "cache_dir", "grammar_path", "stop"},
        ),
        (ChatGPT4All, {"device", "n_batch", "n_threads", "ngl", "stop", "timeout"}),
        (OllamaEmbeddings, {"batch_size", "keep_alive", "max_concurrency", "show_progress"}),
        (LlamafileEmbeddings, {"batch_size", "max_concurrency", "show_progress", "timeout"}),
        (LlamafileReranker, {"batch_size", "max_concurrency", "show_progress", "timeout"}),
        (LlamaCppEmbeddings, {"batch_size", "n_batch", "n_threads", "show_progress"}),
        (GPT4AllEmbeddings, {"batch_size", "device", "n_threads", "ngl"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_options_of_speed_and_connection_are_not_in_the_key(kind: Any, marked: set[str]) -> None:
    assert marked <= options_marked(kind, NotInKey)
    assert options_marked(kind, NotInKey).isdisjoint({"base_url", "model", "model_path", "n_ctx"})
