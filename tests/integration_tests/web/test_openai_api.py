"""`localllm rag serve`: the documents behind OpenAI's API, by the package openai, LangChain's
clients and ours."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
import uvicorn
from langchain_core.language_models import FakeListChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from langchain_localllm import ChatLlamafile
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.openai_api.app import MODEL, PUBLIC, DocumentAPI
from langchain_localllm.web.openai_api.requests import ChatRequest
from langchain_localllm.web.security import Guard, RequestLimits, address_of, listen
from tests.integration_tests.web.conftest import serving
from tests.integration_tests.web.endless import Endless

KEY = "sesame"
HEADERS = {"Authorization": f"Bearer {KEY}"}
QUESTION = "Who is the warden?"


@contextmanager
def served(rag: LocalRAG, **options: Any) -> Iterator[str]:
    """Serve an index in a thread; the address of the API."""
    sock = listen("127.0.0.1", 0)
    app = Guard(
        DocumentAPI(rag, **options).app(),
        key=KEY,
        public=PUBLIC,
        limits=RequestLimits(max_bytes=100_000),
    )
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield f"{address_of(sock)}/v1"
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        sock.close()


@pytest.fixture(scope="module")
def address(rag: LocalRAG) -> Iterator[str]:
    with served(rag) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0, timeout=60) as client:
        yield client


def ask(question: str = QUESTION) -> list[Any]:
    return [{"role": "user", "content": question}]


def post(
    address: str, body: Any, path: str = "/chat/completions", **headers: str
) -> requests.Response:
    return requests.post(f"{address}{path}", json=body, headers={**HEADERS, **headers}, timeout=60)


def test_openai_api_models_are_listed_and_others_are_not_found(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == MODEL
    assert len(names) == 2
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError, match="Use documents or"):
        client.models.retrieve("gpt-4o")


def test_openai_api_answer_has_its_sources_as_text_and_as_annotations(
    client: openai.OpenAI, folder: Path
) -> None:
    found = client.chat.completions.create(model=MODEL, messages=ask())
    (choice,) = found.choices
    text = choice.message.content or ""
    assert "Odalys Fenn is the warden." in text
    assert text.endswith("\n\nSources:\n[1] people.md, line 3")
    assert choice.finish_reason == "stop"
    (annotation,) = choice.message.annotations or []
    about = annotation.url_citation
    assert text[about.start_index : about.end_index] == "[1]"
    assert (about.title, about.url) == ("people.md, line 3", (folder / "people.md").as_uri())
    (citation,) = choice.message.citations  # type: ignore[attr-defined]  # a field of this server
    assert citation["quote"] == "Odalys Fenn is the warden."
    assert found.usage
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens > 0


def test_openai_api_stream_has_the_same_answer_then_the_citations_and_the_usage(
    client: openai.OpenAI,
) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=ask())
    chunks = [
        *client.chat.completions.create(
            model=MODEL, messages=ask(), stream=True, stream_options={"include_usage": True}
        )
    ]
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert len(texts) > 4
    assert [chunk.choices[0].delta.role for chunk in chunks if chunk.choices].count(
        "assistant"
    ) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    end = chunks[-2].choices[0]
    assert end.finish_reason == "stop"
    assert end.delta.annotations[0]["url_citation"]["title"] == "people.md, line 3"
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_openai_api_sentences_that_the_model_does_not_cite_get_their_source_or_a_mark(
    rag: LocalRAG, stream: bool
) -> None:
    llm = FakeListChatModel(responses=["Odalys Fenn is the warden. She has 3 boats."])
    with (
        LocalRAG(llm, rag.store.embeddings, rag.store.folder) as silent,
        served(silent) as address,
        openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client,
    ):
        if stream:
            deltas = [
                each.choices[0].delta
                for each in client.chat.completions.create(model=MODEL, messages=ask(), stream=True)
            ]
            text, last = "".join(delta.content or "" for delta in deltas), deltas[-1]
        else:
            last = client.chat.completions.create(model=MODEL, messages=ask()).choices[0].message  # type: ignore[assignment]
            text = last.content or ""
    (annotation,) = last.annotations  # type: ignore[attr-defined]  # a field of this server
    about = annotation["url_citation"] if stream else annotation.url_citation.model_dump()
    marker = text[about["start_index"] : about["end_index"]]
    assert text == (
        f"Odalys Fenn is the warden. {marker} She has 3 boats. [?]\n\nSources:\n{marker} "
        "people.md, line 3"
    )


def test_openai_api_question_that_the_documents_do_not_answer_has_no_sources(
    client: openai.OpenAI,
) -> None:
    message = (
        client.chat.completions.create(model=MODEL, messages=ask("Who wrote Hamlet?"))
        .choices[0]
        .message
    )
    assert message.annotations == []
    assert "Sources:" not in (message.content or "")


def test_openai_api_langchain_clients_chat_stream_and_embed(address: str, rag: LocalRAG) -> None:
    key = SecretStr(KEY)
    chat = ChatOpenAI(base_url=address, api_key=key, model=MODEL, max_retries=0)
    assert "Odalys Fenn" in chat.invoke(QUESTION).text
    assert "Odalys Fenn" in "".join(chunk.text for chunk in chat.stream(QUESTION))
    name = openai.OpenAI(base_url=address, api_key=KEY).models.list().data[1].id
    embeddings = OpenAIEmbeddings(
        base_url=address, api_key=key, model=name, check_embedding_ctx_length=False
    )
    expected = rag.store.embeddings.embed_documents(["boat", "key"])
    for found, right in zip(embeddings.embed_documents(["boat", "key"]), expected, strict=True):
        assert found == pytest.approx(right, abs=1e-6)
    for options in ({}, {"encoding_format": None}, {"encoding_format": "float"}):
        response = post(address, {"input": "boat", **options}, "/embeddings").json()
        assert response["data"][0]["embedding"] == pytest.approx(expected[0], abs=1e-6)


async def test_openai_api_our_chat_class_works_with_it_sync_and_async(address: str) -> None:
    with ChatLlamafile(
        base_url=address.removesuffix("/v1"), api_key=SecretStr(KEY), model=MODEL
    ) as chat:
        assert "Odalys Fenn" in chat.invoke(QUESTION).text
        assert "Odalys Fenn" in "".join([chunk.text async for chunk in chat.astream(QUESTION)])


def test_openai_api_several_requests_at_once_get_their_own_answers(address: str) -> None:
    expected = {
        QUESTION: "Odalys Fenn",
        "How high is the hill?": "143",
        "What is the rowing boat called?": "Dunlin",
    }

    def answer(question: str) -> str:
        return str(
            post(address, {"messages": ask(question)}).json()["choices"][0]["message"]["content"]
        )

    questions = [*expected] * 3
    with ThreadPoolExecutor(len(questions)) as pool:
        for question, text in zip(questions, pool.map(answer, questions), strict=True):
            assert expected[question] in text


def test_openai_api_parameters_without_effect_are_named_and_others_are_kept(address: str) -> None:
    extra = {
        "temperature": 0.7,
        "seed": 3,
        "logit_bias": {"5": 1},
        "made_up": [1],
        "user": None,
        "tools": [],
    }
    found = post(address, {"messages": ask(), "n": 1, "tool_choice": "auto", **extra})
    assert found.status_code == 200
    assert found.headers["X-Ignored-Parameters"] == "logit_bias, made_up, seed, temperature, tools"
    choice = post(address, {"messages": ask(), "stop": ["Fenn"]}).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("[1] Odalys ", "stop")
    choice = post(address, {"messages": ask(), "max_completion_tokens": 3}).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["content"]) < len("[1] Odalys Fenn is the warden.")


def test_openai_api_lone_surrogate_is_replaced(address: str) -> None:
    body = '{"messages": [{"role": "user", "content": "Who is the warden?\\ud83d"}]}'
    found = requests.post(f"{address}/chat/completions", data=body, headers=HEADERS, timeout=60)
    assert "Odalys Fenn" in found.json()["choices"][0]["message"]["content"]
    found = requests.post(
        f"{address}/embeddings", data='{"input": "boat \\ud83d"}', headers=HEADERS, timeout=60
    )
    assert found.status_code == 200


BAD: dict[str, tuple[Any, int, str | None]] = {
    "no messages": ({}, 400, "messages"),
    "empty messages": ({"messages": []}, 400, "messages"),
    "messages of another type": ({"messages": "hello"}, 400, "messages"),
    "unknown role": ({"messages": [{"role": "boss", "content": "x"}]}, 400, "messages.0.role"),
    "answer last": ({"messages": [*ask(), {"role": "assistant", "content": "x"}]}, 400, "messages"),
    "empty question": ({"messages": ask(" ")}, 400, "messages"),
    "picture": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "http://x"}}],
                }
            ]
        },
        400,
        "messages",
    ),
    "several answers": ({"messages": ask(), "n": 2}, 400, "n"),
    "form": (
        {"messages": ask(), "response_format": {"type": "json_object"}},
        400,
        "response_format",
    ),
    "forced tool": ({"messages": ask(), "tool_choice": "required"}, 400, "tool_choice"),
    "no tokens": ({"messages": ask(), "max_tokens": 0}, 400, "max_tokens"),
    "unknown model": ({"messages": ask(), "model": "gpt-4o"}, 404, "model"),
    "list": ([1], 400, None),
    "long": ({"messages": ask("x" * 200_000)}, 413, None),
    "deep": ({"messages": ask(), "x": None}, 400, None),
}


@pytest.mark.parametrize("name", BAD)
def test_openai_api_wrong_requests_get_errors_in_the_form_of_openai(
    address: str, name: str
) -> None:
    body, status, param = BAD[name]
    if name == "deep":
        text = '{"messages": ' + "[" * 20_000
        found = requests.post(f"{address}/chat/completions", data=text, headers=HEADERS, timeout=60)
    else:
        found = post(address, body)
    assert found.status_code == status, found.text
    error = found.json()["error"]
    assert error["message"]
    assert error["type"]
    assert error.get("param") == param


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": [[1, 2, 3]]}, "check_embedding_ctx_length"),
        ({"input": []}, "1 to 2048"),
        ({"input": "x", "dimensions": 3}, "numbers"),
    ],
)
def test_openai_api_texts_that_cannot_be_embedded_are_refused(
    address: str, body: Any, words: str
) -> None:
    found = post(address, body, "/embeddings")
    assert found.status_code == 400
    assert words in found.json()["error"]["message"]


def test_openai_api_requests_without_the_key_or_from_web_pages_are_refused(address: str) -> None:
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer guess"}, 401),
        ({**HEADERS, "Origin": "https://evil.example"}, 403),
        ({**HEADERS, "Host": "evil.example"}, 403),
        ({**HEADERS, "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        found = requests.post(
            f"{address}/chat/completions", json={"messages": ask()}, headers=headers, timeout=60
        )
        assert found.status_code == status, headers
        assert found.json()["error"]["message"]
    health = requests.get(f"{address.removesuffix('/v1')}/health", timeout=60)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert (
        requests.get(f"{address}/responses", headers=HEADERS, timeout=60).json()["error"]["type"]
        == "not_found_error"
    )


def read_stream(address: str) -> list[Any]:
    with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
        return list(client.chat.completions.create(model=MODEL, messages=ask(), stream=True))


@contextmanager
def endless(rag: LocalRAG, fails_after: int = 0, **options: Any) -> Iterator[tuple[str, Endless]]:
    llm = Endless(fails_after=fails_after, begun=threading.Event(), stopped=threading.Event())
    with (
        LocalRAG(llm, rag.store.embeddings, rag.store.folder) as slow,
        served(slow, **options) as address,
    ):
        yield address, llm


@pytest.mark.parametrize("stream", [True, False])
def test_openai_api_client_that_goes_away_stops_the_model(rag: LocalRAG, stream: bool) -> None:
    with endless(rag) as (address, llm):

        async def leave() -> None:
            async with openai.AsyncOpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
                asking = asyncio.ensure_future(
                    client.chat.completions.create(model=MODEL, messages=ask(), stream=stream)
                )
                if stream:
                    await anext(aiter(await asking))  # type: ignore[arg-type]  # it is a stream
                else:
                    assert await asyncio.to_thread(llm.begun.wait, 60)
                    asking.cancel()

        asyncio.run(leave())
        assert llm.stopped.wait(60)


def test_openai_api_answer_that_takes_too_long_ends_with_an_error(rag: LocalRAG) -> None:
    with endless(rag, seconds=1.0) as (address, llm):
        found = post(address, {"messages": ask()})
        assert (found.status_code, found.json()["error"]["code"]) == (504, "timeout")
        with (
            openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client,
            pytest.raises(openai.APIError, match="too long"),
        ):
            list(client.chat.completions.create(model=MODEL, messages=ask(), stream=True))
        # a busy machine may not have begun in time
        assert not llm.begun.is_set() or llm.stopped.wait(60)


def test_openai_api_failure_of_the_engine_reaches_the_client_before_and_in_the_stream(
    rag: LocalRAG,
) -> None:
    with endless(rag, fails_after=2) as (address, _):
        found = post(address, {"messages": ask()})
        assert (found.status_code, found.json()["error"]["type"]) == (500, "server_error")
        assert "out of memory" in found.json()["error"]["message"]
        with (
            openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client,
            pytest.raises(openai.APIError, match="out of memory"),
        ):
            list(client.chat.completions.create(model=MODEL, messages=ask(), stream=True))


def test_openai_api_sources_and_instructions_are_omitted_of_the_conversation() -> None:
    request = ChatRequest.model_validate(
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Is it blue?"}]},
                {
                    "role": "assistant",
                    "content": "Yes [1].\n\nSources:\n[1] boats.md, line 3\n[2] a b.md",
                },
                {"role": "tool", "content": "5", "tool_call_id": "1"},
                {"role": "user", "content": "And the other?"},
            ]
        }
    )
    assert request.question() == {
        "question": "And the other?",
        "chat_history": [("human", "Is it blue?"), ("ai", "Yes [1].")],
    }


@pytest.mark.parametrize("host", ["..study", "x" * 64])
def test_openai_api_name_that_cannot_be_looked_up_is_refused(host: str) -> None:
    with pytest.raises(InvalidOptionError, match="Cannot listen on"):
        listen(host, 0)


def test_openai_api_command_serves_the_index_with_its_key(rag: LocalRAG, folder: Path) -> None:
    assert rag.store.exists
    with serving("rag", "serve", "--store", folder / ".localllm", "--port", "0") as (
        about,
        process,
    ):
        with openai.OpenAI(
            base_url=about["address"], api_key=about["api_key"], max_retries=0
        ) as client:
            assert "Odalys Fenn" in (
                client.chat.completions.create(model=MODEL, messages=ask())
                .choices[0]
                .message.content
                or ""
            )
        assert requests.get(f"{about['address']}/models", timeout=60).status_code == 401
        assert process.poll() is None
