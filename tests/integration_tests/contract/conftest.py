"""Every registered text and chat class, on its real engine. A fifth runtime is tested by being
registered."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

import langchain_localllm
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.testing.paths import PATHS, Path
from tools.engines import ollama
from tools.engines.models import never_ending

from .engines import ENGINES, Engine, class_name

Make = Callable[..., Any]
Subject = tuple[str, str]

TEXT: Final[list[Subject]] = [(engine, "text") for engine in ENGINES]
CHAT: Final[list[Subject]] = [(engine, "chat") for engine in ENGINES]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A stream that is left can stop Ollama forever: https://github.com/ollama/ollama/issues/17131.
    # And 0.9.3 dies now and then.
    for item in items:
        if "contract" in item.nodeid and "ollama" in item.name:
            item.add_marker(
                pytest.mark.flaky(
                    reruns=1, only_rerun=["CallTimeoutError", "runner has unexpectedly stopped"]
                )
            )


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """Starts an engine when it is first asked for, and ends all after the last test."""
    folder = tmp_path_factory.mktemp("endless")
    model = never_ending(tiny_chat_model(), folder / "endless.gguf")
    running: dict[str, Engine] = {}
    with ExitStack() as stack:

        def start(runtime: str) -> Engine:
            if runtime not in running:
                running[runtime] = stack.enter_context(ENGINES[runtime](model, folder))
            return running[runtime]

        yield start


@pytest.fixture(autouse=True)
def _ollama_goes_on(request: pytest.FixtureRequest, engines: Callable[[str], Engine]) -> None:
    """For the second try of a test: what is stuck is killed, since it does not let itself be
    unloaded."""
    if getattr(request.node, "execution_count", 1) > 1:
        arguments = engines("ollama").arguments
        ollama.load_anew(arguments["base_url"], arguments["model"])


@pytest.fixture(params=[*TEXT, *CHAT], ids="-".join)
def subject(request: pytest.FixtureRequest) -> Subject:
    """A runtime and a kind."""
    runtime, kind = request.param
    return runtime, kind


@pytest.fixture
def kind(subject: Subject) -> str:
    return subject[1]


@pytest.fixture(params=sorted(PATHS))
def path_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(path_name: str) -> Path:
    return PATHS[path_name]


@pytest.fixture
def engine(subject: Subject, engines: Callable[[str], Engine]) -> Engine:
    return engines(subject[0])


@pytest.fixture
def make(subject: Subject, engine: Engine) -> Make:
    """Makes a model of the kind; greedy, and going on for 24 tokens, unless specified otherwise."""
    runtime, kind = subject
    model_class = getattr(langchain_localllm, class_name(runtime, kind))
    settings: dict[str, Any] = {"temperature": 0, "max_tokens": 24}

    def build(**kwargs: Any) -> Any:
        return model_class(**{**engine.arguments, **settings, **kwargs})

    return build
