"""Traces name the model and hold its calls and token counts: LangSmith, OpenInference and Langfuse,
with their own clients."""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers import LangChainTracer
from langfuse import Langfuse
from langfuse.langchain import CallbackHandler
from langsmith import Client
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langchain_localllm import ChatLlamaCpp, ChatLlamafile, LlamaCpp, Llamafile, LocalServer
from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.scripted import ScriptedServer, as_json

QUESTION = "What is the weather in Rome?"
MODEL = "tiny-chat.gguf"


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"It is sunny in {city}."


class Trace(NamedTuple):
    """What a trace says of one call."""

    model: str
    tokens: tuple[int, int]
    output: str


@pytest.fixture(scope="module", params=["in process", "server"])
def models(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A chat model with a tool, and a text model."""
    options: dict[str, Any] = {"temperature": 0, "max_tokens": 40}
    if request.param == "in process":
        with (
            ChatLlamaCpp(model_path=tiny_chat_model(), **options) as chat,
            LlamaCpp(model_path=tiny_chat_model(), **options) as text,
        ):
            yield {"chat": chat.bind_tools([get_weather]), "text": text}
    else:
        with LocalServer(tiny_chat_model(), n_ctx=1024) as server:
            chat_on_server = ChatLlamafile(base_url=server.base_url, **options)
            # the server names its model in its first answer
            chat_on_server.invoke("Hi", max_tokens=1)
            text_on_server = Llamafile(base_url=server.base_url, **options)
            text_on_server.invoke("Hi", max_tokens=1)
            yield {"chat": chat_on_server.bind_tools([get_weather]), "text": text_on_server}


Record = Callable[[Callable[[list[BaseCallbackHandler]], None]], Trace]


@pytest.fixture
def langsmith() -> Iterator[Record]:
    with ScriptedServer(as_json({})) as server:
        server.asides = {"/info": as_json({})}
        client = Client(api_url=server.base_url, api_key="none", auto_batch_tracing=False)

        def record(call: Callable[[list[BaseCallbackHandler]], None]) -> Trace:
            call([LangChainTracer(client=client)])
            run: dict[str, Any] = {}
            for request in server.requests:
                run |= {name: value for name, value in request.body.items() if value}
            metadata = run["extra"]["metadata"]
            generation = run["outputs"]["generations"][0][0]
            usage = (
                generation.get("message", {}).get("kwargs", {}).get("usage_metadata")
                or generation["generation_info"]["usage_metadata"]
            )
            assert generation["generation_info"]["timings"]["generation"] > 0
            return Trace(
                metadata["ls_model_name"],
                (usage["input_tokens"], usage["output_tokens"]),
                json.dumps(generation),
            )

        yield record


@pytest.fixture
def openinference() -> Iterator[Record]:
    spans, provider, instrumentor = (
        InMemorySpanExporter(),
        TracerProvider(),
        LangChainInstrumentor(),
    )
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor.instrument(tracer_provider=provider)

    def record(call: Callable[[list[BaseCallbackHandler]], None]) -> Trace:
        call([])
        (span,) = spans.get_finished_spans()
        found: Any = span.attributes
        tokens = found["llm.token_count.prompt"], found["llm.token_count.completion"]
        return Trace(found["llm.model_name"], tokens, found["output.value"])

    yield record
    instrumentor.uninstrument()
    provider.shutdown()


@pytest.fixture
def langfuse() -> Iterator[Record]:
    # a client for each key lives as long as the process
    spans, key = InMemorySpanExporter(), secrets.token_hex(8)
    client = Langfuse(
        public_key=key,
        secret_key=key,
        base_url="http://127.0.0.1:9",
        span_exporter=spans,
        tracer_provider=TracerProvider(),
    )

    def record(call: Callable[[list[BaseCallbackHandler]], None]) -> Trace:
        call([CallbackHandler(public_key=key)])
        client.flush()
        (span,) = spans.get_finished_spans()
        found: Any = {
            name.removeprefix("langfuse.observation."): value
            for name, value in (span.attributes or {}).items()
        }
        usage = json.loads(found["usage_details"])
        assert found["completion_start_time"]
        return Trace(found["model.name"], (usage["input"], usage["output"]), found["output"])

    yield record
    client.shutdown()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ["chat", "text"])
@pytest.mark.parametrize("tracer", ["langsmith", "openinference", "langfuse"])
def test_tracing_trace_holds_the_model_the_tokens_and_the_output(
    tracer: str,
    kind: str,
    models: dict[str, Any],
    request: pytest.FixtureRequest,
    *,
    streamed: bool,
) -> None:
    model = models[kind]
    record: Record = request.getfixturevalue(tracer)

    def call(handlers: list[BaseCallbackHandler]) -> None:
        config: Any = {"callbacks": handlers}
        _ = list(model.stream(QUESTION, config)) if streamed else model.invoke(QUESTION, config)

    trace = record(call)
    assert MODEL in trace.model
    assert "/" not in trace.model
    assert all(count > 0 for count in trace.tokens)
    assert (
        ("get_weather" in trace.output and "Rome" in trace.output)
        if kind == "chat"
        else len(trace.output) > 1
    )
