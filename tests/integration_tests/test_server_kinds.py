"""Servers of other makers, played as their documentation and source tell; none of them can run
here.

Sources: llama.cpp's router: https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("Using
multiple models"). llama-swap: https://github.com/mostlygeek/llama-swap (internal/server/server.go,
internal/swaputil/http.go).
vLLM: https://docs.vllm.ai/en/stable/serving/online_serving.html; Ray Serve LLM:
https://docs.ray.io/en/master/serve/llm/. LM Studio:
https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618 (an unknown path is answered with
200).
LocalAI: https://localai.io/docs/features/; PrivateGPT: https://github.com/zylon-ai/private-gpt (1.0
    has no OpenAI chat any more).
KoboldCpp: https://github.com/LostRuins/koboldcpp (koboldcpp.py, "/props").
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from langchain_localllm import ChatLlamafile, Llamafile, LlamafileEmbeddings, LocalServer, errors
from langchain_localllm.model_info.introspect import describe_model

from .scripted import Answer, Request, ScriptedServer, as_json
from .wires import HELLO, WIRES

SAYS_HELLO: Final = "".join(HELLO)
EVENTS: Final = {"Content-Type": "text/event-stream; charset=utf-8"}
PROPS: Final = {"default_generation_settings": {"n_ctx": 512}, "total_slots": 4}
VECTOR: Final = {
    "data": [{"index": 0, "object": "embedding", "embedding": [0.6, 0.8]}],
    "model": "m",
    "object": "list",
}
OWN: Final = ("/completion", "/tokenize")
"""Paths of llama.cpp's own API."""


def sse(*events: dict[str, Any]) -> Answer:
    return Answer(
        [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
        + [b"data: [DONE]\n\n"],
        headers=EVENTS,
    )


def openai_text(model: str) -> Answer:
    texts = [
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "model": model,
            "choices": [{"index": 0, "text": text}],
        }
        for text in HELLO
    ]
    end = {"model": model, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}
    return sse(
        *texts,
        end,
        {"model": model, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    )


def openai_chat(model: str) -> Answer:
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        *({"content": text} for text in HELLO),
    ]
    choices = [
        *({"index": 0, "delta": delta} for delta in deltas),
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    return sse(
        *(
            {"object": "chat.completion.chunk", "model": model, "choices": [choice]}
            for choice in choices
        )
    )


def listed(*names: str, **more: Any) -> Answer:
    return as_json(
        {"object": "list", "data": [{"id": name, "object": "model", **more} for name in names]}
    )


@dataclass(frozen=True)
class Kind:
    """A kind of server.

    Attributes:
        missing: What a path is answered with that it does not have.
        props: Its `/props`, where it has that path; as llama.cpp's where `own`.
        models: Its `/v1/models`.
        own: Whether it speaks llama.cpp's own API, too.
        wants_model: What it answers to a request that names none of its models; `None` where it
            does not mind.
        name: The model to ask for.
    """

    missing: Callable[[Request], Answer]
    models: Answer
    own: bool = False
    props: Answer | None = None
    wants_model: Answer | None = None
    name: str | None = None

    def __call__(self, request: Request) -> Answer:
        url = urlsplit(request.path)
        asked = (
            parse_qs(url.query).get("model", [None])[0]
            if request.body is None
            else request.body.get("model")
        )
        if url.path == "/v1/models":
            return self.models
        if self.wants_model and asked != self.name:
            return self.wants_model
        if url.path == "/props":
            return as_json(PROPS) if self.own else self.props or self.missing(request)
        if url.path in OWN:
            return self._own(url.path) if self.own else self.missing(request)
        name = asked or "m"
        answers = {
            "/v1/completions": openai_text(name),
            "/v1/chat/completions": openai_chat(name),
            "/v1/embeddings": as_json(VECTOR),
        }
        return answers.get(url.path) or self.missing(request)

    @staticmethod
    def _own(path: str) -> Answer:
        return WIRES["Llamafile"].hello() if path == "/completion" else as_json({"tokens": [1, 2]})


def fastapi(_: Request) -> Answer:
    return as_json({"detail": "Not Found"}, 404)


def plain(_: Request) -> Answer:
    return Answer([b"404 page not found\n"], 404, {"Content-Type": "text/plain; charset=utf-8"})


def lm_studio(request: Request) -> Answer:
    return as_json({"error": f"Unexpected endpoint or method. ({request.method} {request.path})"})


def llama_cpp_error(status: int, message: str, kind: str) -> Answer:
    return as_json({"error": {"code": status, "message": message, "type": kind}}, status)


NOT_FOUND: Final = llama_cpp_error(404, "File Not Found", "not_found_error")
KINDS: Final = {
    "llama-server": Kind(
        lambda _: NOT_FOUND, listed("/models/m.gguf", owned_by="llamacpp"), own=True
    ),
    "llama-server, router": Kind(
        lambda _: NOT_FOUND,
        listed("ggml-org/gemma:Q4_K_M", "b", owned_by="llamacpp", status={"value": "loaded"}),
        own=True,
        wants_model=llama_cpp_error(
            400, "model name is missing from the request", "invalid_request_error"
        ),
        name="ggml-org/gemma:Q4_K_M",
    ),
    "llama-swap": Kind(
        plain,
        listed("qwen", "b", owned_by="llama-swap"),
        own=True,
        wants_model=as_json({"error": "no router found for model", "src": "llama-swap"}, 404),
        name="qwen",
    ),
    "vLLM": Kind(fastapi, listed("meta-llama/Llama-3", owned_by="vllm", max_model_len=4096)),
    "vLLM, named": Kind(
        fastapi, listed("meta-llama/Llama-3", owned_by="vllm"), name="meta-llama/Llama-3"
    ),
    "Ray Serve LLM": Kind(
        fastapi, listed("qwen-0.5b", owned_by="organization-owner"), name="qwen-0.5b"
    ),
    "LM Studio": Kind(
        lm_studio,
        listed("google/gemma-3-4b", "nomic", owned_by="organization_owner"),
        name="google/gemma-3-4b",
    ),
    "LocalAI": Kind(
        lambda _: as_json({"error": {"code": 404, "message": "Resource not found"}}, 404),
        listed("gpt-4", "b"),
    ),
    "LiteLLM": Kind(
        fastapi,
        listed("qwen", "b"),
        wants_model=llama_cpp_error(
            400,
            "{'error': '/chat/completions: Invalid model name passed in model=None. Call "
            "`/v1/models` to view available models for your key.'}",
            "None",
        ),
        name="qwen",
    ),
    "KoboldCpp": Kind(
        lambda _: Answer([b"Error: KoboldCpp HTTP Server is running"], 404),
        listed("koboldcpp/m", owned_by="koboldcpp"),
        props=as_json(
            {
                "chat_template": "",
                "id": 0,
                "id_task": -1,
                "total_slots": 1,
                "modalities": {"vision": False, "audio": False},
                "model_path": "koboldcpp/m",
                "n_ctx": 512,
                "default_generation_settings": {"n_ctx": 512},
            }
        ),
    ),
    "PrivateGPT 0.6": Kind(fastapi, listed("private-gpt"), name="private-gpt"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_server_each_kind_of_server_is_found_out_by_asking_once(kind: str) -> None:
    played = KINDS[kind]
    with ScriptedServer(played) as server:
        llm = Llamafile(base_url=server.base_url, model=played.name, max_tokens=9)
        chat = ChatLlamafile(base_url=server.base_url, model=played.name)
        vectors = LlamafileEmbeddings(base_url=server.base_url, model=played.name)
        for _ in range(3):
            assert list(llm.stream("a")) == HELLO
        assert llm.invoke("a", stop=["b"]) == SAYS_HELLO
        assert [request.path for request in server.requests[-2:]] == [
            "/completion" if played.own else "/v1/completions"
        ] * 2
        asked = [urlsplit(request.path).path for request in server.requests]
        assert asked.count("/props") == (0 if played.own else 1)
        sent = server.requests[-1].body
        assert (sent["n_predict"] if played.own else sent["max_tokens"]) == 9
        assert chat.invoke("a").text == SAYS_HELLO
        assert vectors.embed_query("a") == pytest.approx([0.6, 0.8])
        if played.own:
            assert llm.get_num_tokens("a") == 2


@pytest.mark.parametrize("kind", ["llama-server, router", "llama-swap", "LiteLLM"])
@pytest.mark.parametrize("model", [None, "another"])
@pytest.mark.parametrize("make", [Llamafile, ChatLlamafile])
def test_server_with_several_models_names_them_where_none_fits(
    kind: str, model: str | None, make: Any
) -> None:
    with ScriptedServer(KINDS[kind]) as server, pytest.raises(errors.ModelMissingError) as caught:
        make(base_url=server.base_url, model=model).invoke("a")
    assert f"{KINDS[kind].name}, b" in str(caught.value)


def test_server_that_lists_models_but_answers_no_text_is_reported() -> None:
    """PrivateGPT 1.0: its chat is Anthropic's API, and its texts are at `/v1/complete`."""
    only_lists = {"/v1/models": listed("private-gpt")}
    with ScriptedServer(lambda request: only_lists.get(request.path) or fastapi(request)) as server:
        for make in (Llamafile, ChatLlamafile):
            with pytest.raises(errors.WrongServerError, match=server.base_url):
                make(base_url=server.base_url).invoke("a")


def test_server_usage_and_reason_of_openais_completions_are_read() -> None:
    with ScriptedServer(KINDS["vLLM"]) as server:
        result = Llamafile(base_url=server.base_url).generate(["a"])
    info = result.generations[0][0].generation_info or {}
    assert (info["finish_reason"], info["model_name"]) == ("stop", "meta-llama/Llama-3")
    assert result.llm_output is not None
    assert result.llm_output["token_usage"]["completion_tokens"] == 4


@pytest.mark.parametrize("name", ["meta-llama/Llama-3", None])
def test_server_context_is_read_from_the_list_of_models_once(name: str | None) -> None:
    with ScriptedServer(KINDS["vLLM"]) as server:
        chat = ChatLlamafile(base_url=server.base_url, model=name)
        early = ChatLlamafile(base_url=server.base_url, model=name, validate_model_on_init=True)
        expected = {"structured_output": True, "max_input_tokens": 4096}
        assert chat.profile == early.profile == expected
        assert describe_model(Llamafile(base_url=server.base_url, model=name)).context == 4096
    kind = KINDS["vLLM, named"]
    with ScriptedServer(kind) as server:
        chat = ChatLlamafile(base_url=server.base_url, model=kind.name)
        for _ in range(2):
            assert chat.profile == {"structured_output": True}
        assert [request.path for request in server.requests].count("/v1/models") == 1
        other = Llamafile(base_url=server.base_url, model="another")
        assert describe_model(other).context is None


def test_server_schema_goes_by_openais_name() -> None:
    with ScriptedServer(KINDS["vLLM"]) as server:
        Llamafile(base_url=server.base_url, json_schema={"type": "object"}).invoke("a")
        assert server.requests[-1].body["response_format"]["json_schema"]["schema"] == {
            "type": "object"
        }


def test_server_schema_is_kept_to_by_llama_cpps_server_behind_a_gateway_for_openais_api(
    chat_server: LocalServer,
) -> None:
    def gateway(request: Request) -> Answer:
        if request.path != "/v1/completions":
            return NOT_FOUND
        answer = requests.post(chat_server.base_url + request.path, json=request.body, timeout=60)
        return Answer(
            [answer.content], answer.status_code, {"Content-Type": answer.headers["Content-Type"]}
        )

    with ScriptedServer(gateway) as server:
        llm = Llamafile(
            base_url=server.base_url,
            temperature=0,
            max_tokens=16,
            json_schema={"enum": ["red", "blue"]},
        )
        assert json.loads(llm.invoke("The lamp is")) in {"red", "blue"}
        assert server.requests[-1].path == "/v1/completions"


def test_server_that_wants_another_kind_of_schema_gets_openais_only() -> None:
    def sglang(request: Request) -> Answer:
        if request.path == "/v1/completions" and isinstance(request.body.get("json_schema"), dict):
            return as_json(
                {
                    "message": (
                        "[{'loc': ('body', 'json_schema'), 'msg': 'Input should be a valid "
                        "string'}]"
                    )
                },
                400,
            )
        return KINDS["vLLM"](request)

    with ScriptedServer(sglang) as server:
        assert (
            Llamafile(base_url=server.base_url, json_schema={"type": "object"}).invoke("a")
            == SAYS_HELLO
        )
        assert server.requests[-1].body["response_format"]["json_schema"]["schema"] == {
            "type": "object"
        }
