"""Bad input on the real engines, by tables: the input, the error, and that the object works for the
next call.

What a server can do wrong is in `tests/integration_tests/test_faults.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from gguf import GGUFWriter
from langchain_core.callbacks import BaseCallbackHandler

import langchain_localllm
from langchain_localllm.base.local_engine.options import InProcessOptions
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelFileError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.testing.paths import PATHS

from .engines import ENGINES, Engine, class_name

PROMPT: Final = "The lamp on the table is"
TEXT_CLASSES: Final = {
    engine: getattr(langchain_localllm, class_name(engine, "text")) for engine in ENGINES
}
IN_PROCESS: Final = sorted(
    runtime for runtime, model in TEXT_CLASSES.items() if issubclass(model, InProcessOptions)
)


@pytest.fixture(params=sorted(TEXT_CLASSES))
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(runtime: str, engines: Callable[[str], Engine]) -> Callable[..., Any]:
    """Makes a text model that answers with a few tokens."""
    settings = {**engines(runtime).arguments, "temperature": 0, "max_tokens": 8}
    return lambda **kwargs: TEXT_CLASSES[runtime](**{**settings, **kwargs})


@pytest.fixture
def file_argument(runtime: str, engines: Callable[[str], Engine]) -> str:
    """The argument that names the model file."""
    return next(
        name for name, value in engines(runtime).arguments.items() if str(value).endswith(".gguf")
    )


# --- files ---


def no_file(_: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    path.write_bytes(tiny_chat_model().read_bytes()[:-10_000])


def of_before_gguf(path: Path) -> None:
    path.write_bytes(b"tjgg\x03\0\0\0" + bytes(100))


def of_a_web_page(path: Path) -> None:
    path.write_text("<html>Not found</html>")


def unknown_architecture(path: Path) -> None:
    path.write_bytes(tiny_chat_model().read_bytes().replace(b"llama", b"lamas"))


def no_vocabulary(path: Path) -> None:
    write_header(path, tokens=0)


def no_weights(path: Path) -> None:
    write_header(path, tokens=300)


def write_header(path: Path, *, tokens: int) -> None:
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(512)
    if tokens:
        writer.add_token_list([f"token {number}" for number in range(tokens)])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


FILES: Final[dict[str, tuple[Callable[[Path], None], str]]] = {
    "missing.gguf": (no_file, "no model file"),
    "folder.gguf": (Path.mkdir, "is a folder"),
    "empty.gguf": (empty, "is empty: download it again"),
    "truncated.gguf": (truncated, "cut off or damaged.*download it again"),
    "page.gguf": (of_a_web_page, "not a GGUF model file"),
    "ggml-model.ggmlv3.q4_0.bin": (
        of_before_gguf,
        "from before GGUF: fetch the model as a GGUF file",
    ),
    "unknown-architecture.gguf": (unknown_architecture, "lamas"),
    "no-vocabulary.gguf": (no_vocabulary, "has no vocabulary"),
    "no-weights.gguf": (no_weights, "no-weights.gguf"),
}


@pytest.mark.parametrize("runtime", IN_PROCESS, indirect=True)
@pytest.mark.parametrize("name", FILES)
def test_model_unusable_file_is_refused(
    name: str, tmp_path: Path, make: Callable[..., Any], file_argument: str
) -> None:
    write, message = FILES[name]
    path = tmp_path / name
    write(path)
    with pytest.raises(ModelFileError, match=message) as caught:
        make(**{file_argument: str(path)})
    assert name in str(caught.value)
    model = make()
    with pytest.raises(ModelFileError, match=message):
        model.with_options({file_argument: str(path)}).invoke(PROMPT)
    assert model.invoke(PROMPT)


# --- requests ---


class Raising(BaseCallbackHandler):
    """A callback with a mistake."""

    raise_error = True

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        raise LookupError("a mistake in a callback")


@dataclass(frozen=True)
class Fault:
    """A request and the error that it brings."""

    error: type[Exception]
    prompt: str = PROMPT
    options: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)


FAULTS: Final = {
    "an empty prompt": Fault(InvalidRequestError, prompt=""),
    "half of a surrogate pair": Fault(InvalidRequestError, prompt="a \ud800 b"),
    "a prompt longer than the context": Fault(ContextLengthError, prompt="lamp " * 2000),
    "an empty stop sequence": Fault(InvalidOptionError, options={"stop": [""]}),
    "a value out of range": Fault(InvalidOptionError, options={"top_p": 2}),
    "a value of a wrong type": Fault(InvalidOptionError, options={"temperature": "hot"}),
    "an unknown option": Fault(InvalidOptionError, options={"tempature": 1}),
    "a callback that raises": Fault(LookupError, config={"callbacks": [Raising()]}),
}


@pytest.mark.parametrize("path", sorted(PATHS))
@pytest.mark.parametrize("name", FAULTS)
def test_model_request_that_cannot_be_answered(
    name: str, path: str, runtime: str, make: Callable[..., Any], engines: Callable[[str], Engine]
) -> None:
    fault = FAULTS[name]
    model = make(**(engines(runtime).fresh if fault.error is ContextLengthError else {}))
    whole = model.invoke(PROMPT)
    with pytest.raises(fault.error):
        PATHS[path](model, fault.prompt, fault.config or None, **fault.options)
    assert PATHS[path](model, PROMPT) == whole


@pytest.mark.parametrize("path", sorted(PATHS))
def test_model_nul_character_does_not_cut_the_prompt(path: str, make: Callable[..., Any]) -> None:
    model = make()
    prompt = f"{PROMPT}\0 and the lamp under the table is"
    try:
        PATHS[path](model, prompt)
    except InvalidRequestError:
        pass  # refused is right, too
    else:
        read, whole = (
            model.generate([text]).generations[0][0].generation_info["usage"]["prompt_tokens"]
            for text in (PROMPT, prompt)
        )
        assert whole > read + 1
    assert PATHS[path](model, PROMPT)
