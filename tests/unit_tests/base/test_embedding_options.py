"""What each option of the embedding classes over HTTP moves in the request, and LangChain's unit
suite for them."""

from typing import Any, Final

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_localllm import LlamafileEmbeddings, OllamaEmbeddings
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.base.option_roles import NotSent, options_marked
from tests.unit_tests.embedding_fakes import FakeLlamafile, FakeOllama, body_of
from tests.unit_tests.option_cases import LLAMAFILE, OLLAMA

Moved = dict[str, tuple[Any, dict[str, Any]]]

COMMON: Final[Moved] = {
    "query_prefix": ("q: ", {"input": ["q: Hi"]}),
    "document_prefix": ("p: ", {}),
    "batch_size": (1, {}),
    "show_progress": (True, {}),
    "max_concurrency": (1, {}),
    **{
        name: (LLAMAFILE[name].value, {}) for name in sorted(options_marked(ServerOptions, NotSent))
    },
}
LLAMAFILE_MOVED: Final[Moved] = {
    **COMMON,
    "model": ("tiny", {"model": "tiny"}),
    "dimensions": (1, {}),
    "truncate": (True, {}),
    "extra_body": (
        {"user": "me", "encoding_format": "float"},
        {"user": "me", "encoding_format": "float"},
    ),
    "normalize": (True, {}),  # False asks in another way, see test_embedding_servers.py
}
LOADING: Final = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap")
OLLAMA_MOVED: Final[Moved] = {
    **COMMON,
    "model": ("tiny", {"model": "tiny"}),
    "keep_alive": ("10m", {"keep_alive": "10m"}),
    "truncate": (True, {"truncate": True}),
    "dimensions": (2, {"dimensions": 2}),
    "extra_body": ({"new_field": 1}, {"new_field": 1}),
    "normalize": (True, {}),
    **{name: (OLLAMA[name].value, {"options": {name: OLLAMA[name].value}}) for name in LOADING},
    **{name: (OLLAMA[name].value, {}) for name in ("auth", "allow_remote")},
    "validate_model_on_init": (False, {}),  # no server is there
}
CLASSES: Final[dict[str, tuple[Any, Moved, dict[str, Any]]]] = {
    "LlamafileEmbeddings": (
        FakeLlamafile,
        LLAMAFILE_MOVED,
        {"input": ["Hi"], "encoding_format": "base64"},
    ),
    "OllamaEmbeddings": (
        FakeOllama,
        OLLAMA_MOVED,
        {"model": "llama2", "options": {}, "truncate": False, "input": ["Hi"]},
    ),
}


class TestStandard(EmbeddingsUnitTests):
    """LangChain's standard suite."""

    made: type[Embeddings]

    @pytest.fixture(autouse=True, params=[LlamafileEmbeddings, OllamaEmbeddings])
    def _choose(self, request: pytest.FixtureRequest) -> None:
        self.made = request.param

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return self.made

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "tiny"}


@pytest.mark.parametrize("name", CLASSES)
def test_embedding_options_every_field_has_a_case(name: str) -> None:
    made, moved, _ = CLASSES[name]
    assert set(moved) == set(made.model_fields)


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, (_, moved, _) in CLASSES.items() for option in moved],
)
def test_embedding_options_moves_the_request(name: str, option: str) -> None:
    made, moved, empty = CLASSES[name]
    value, expected = moved[option]
    model = made(**{option: value})
    model.embed_query("Hi")
    assert [body_of(send) for send in model.asked] == [empty | expected]


@pytest.mark.parametrize("name", OllamaEmbeddings.REMOVED)
def test_embedding_options_unused_arguments_are_accepted(name: str) -> None:
    with pytest.warns(UserWarning, match=f"`{name}`"):
        OllamaEmbeddings.model_validate({name: 1})


def test_embedding_options_old_timeout_is_read() -> None:
    make: Any = LlamafileEmbeddings
    assert make(request_timeout=1.5).timeout == 1.5
