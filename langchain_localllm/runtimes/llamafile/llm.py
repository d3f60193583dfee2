"""The text LLM on llama.cpp's server."""

from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.llm import LocalLLM
from langchain_localllm.base.token_stream import TokenStream
from langchain_localllm.errors import WrongServerError
from langchain_localllm.runtimes.llamafile.answer_decoder import CompletionDecoder
from langchain_localllm.runtimes.llamafile.api import name_if_listed, open_stream
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader
from langchain_localllm.runtimes.llamafile.management import LlamaServerClient
from langchain_localllm.runtimes.llamafile.options import LlamafileOptions
from langchain_localllm.runtimes.llamafile.payload import as_openai, completion_payload
from langchain_localllm.runtimes.llamafile.server_info import server_facts
from langchain_localllm.transport.operations import Plan

_OF_A_GAP: Final = frozenset({"input_extra", "suffix"})


class Llamafile(LlamafileOptions, LlamaServerClient, LocalLLM):
    """A text LLM on a llamafile, llama.cpp's server, or any other OpenAI-compatible server.

    Such servers are LM Studio, vLLM and others. The prompt reaches the model as it is, without a
    chat template; `ChatLlamafile` applies the model's own.

    Example:
        >>> from langchain_localllm import Llamafile, LocalServer
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with LocalServer(tiny_chat_model()) as server:
        ...     llm = Llamafile(base_url=server.base_url, temperature=0, max_tokens=16)
        ...     pieces = list(llm.stream("The first man on the moon was"))
        >>> "".join(pieces) != ""
        True
    """

    suffix: str | None = None
    """Text after the answer, for models that fill a gap in code: the prompt is what comes before
    it. llama.cpp's server reads only as much of both as its `--batch-size`, by default 2,048
    tokens: the end of the prompt and the beginning of the suffix."""
    input_extra: list[dict[str, str]] | None = None
    """With `suffix`, other files that the model is shown first: `[{"filename": "a.py", "text":
    "..."}]`. For llama.cpp's server."""

    @property
    @override
    def _llm_type(self) -> str:
        return "llamafile"

    @override
    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        client = self.client
        read_error = ErrorReader(client.address.url)
        count, fields = self.n or 1, self.response_fields
        payload = {
            **completion_payload(self.payload(_OF_A_GAP), prompt, stop),
            **(self.extra_body or {}),
        }
        if count > 1 and fields is not None:
            payload["response_fields"] = [*fields, "index"]  # which answer ends
        decoder = CompletionDecoder(
            read_error, answer_count=count, keep_tokens=bool(self.return_tokens), fields=fields
        )
        return HttpHandle(client, self._opening(payload, read_error), decoder)

    def _request(self, payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the path and the body of a request to llama.cpp's own API."""
        if self.suffix is None:
            return "/completion", payload
        gap = {"input_prefix": payload["prompt"], "input_suffix": self.suffix, "prompt": ""}
        return "/infill", {
            **payload,
            **gap,
            **({"input_extra": self.input_extra} if self.input_extra else {}),
        }

    def _opening(self, payload: dict[str, Any], read_error: ErrorReader) -> Plan[Any]:
        """Send the request to llama.cpp's own path, or where there is none to OpenAI's.

        What the server is, is asked once.
        """
        place = self.base_url, self.model
        facts = self._facts.get(place)
        if facts is None or facts.llama_cpp:
            try:
                return (yield from open_stream(self, *self._request(payload), read_error))
            except WrongServerError:
                # of several servers the one that refused
                asked = self.with_options({"base_url": read_error.url})
                name = yield from name_if_listed(asked)
                facts = yield from server_facts(asked, self._facts)
                if facts.llama_cpp or (name is None and len(self.pool) > 1):
                    raise  # another server must not hide a wrong address
                facts = replace(facts, model=name)
                if name:
                    self._facts[place] = facts
        named = {"model": facts.model, **payload} if facts.model else payload
        if self.suffix is not None:
            named = {**named, "suffix": self.suffix}
        return (yield from open_stream(self, "/v1/completions", as_openai(named), read_error))
