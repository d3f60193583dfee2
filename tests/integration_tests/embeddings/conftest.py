"""The four engines with the tiny embedding model, each started when it is first asked for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.models import tiny_embedding_model

from .engines import ENGINES, Arguments, class_of

Make = Callable[..., LocalEmbeddings]


@pytest.fixture(scope="package")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Arguments]]:
    """What a runtime's class is constructed with; its engine runs until the last test."""
    running: dict[str, Arguments] = {}
    with ExitStack() as stack:

        def start(runtime: str) -> Arguments:
            if runtime not in running:
                folder = tmp_path_factory.mktemp(runtime)
                running[runtime] = stack.enter_context(
                    ENGINES[runtime](tiny_embedding_model(), folder)
                )
            return running[runtime]

        yield start


@pytest.fixture(params=sorted(ENGINES))
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(runtime: str, arguments: Callable[[str], Arguments]) -> Make:
    """Makes an object of the runtime's class."""
    return lambda **options: class_of(runtime)(**{**arguments(runtime), **options})


@pytest.fixture
def embeddings(make: Make) -> LocalEmbeddings:
    return make()
