"""The chat model on llama.cpp in this process; the template comes from the model file."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from langchain_core.language_models import LangSmithParams
from typing_extensions import override

from langchain_localllm.base.about import About, about_file
from langchain_localllm.base.engine import Handle
from langchain_localllm.base.reading import ReadHandle
from langchain_localllm.base.templated import Prepared, TemplatedChatModel
from langchain_localllm.base.worker import Mailbox, WorkerHandle
from langchain_localllm.runtimes.llamacpp.options import LlamaCppOptions, grammar_of


class ChatLlamaCpp(LlamaCppOptions, TemplatedChatModel):
    """A chat model from a GGUF file, by llama.cpp in this process.

    The file is loaded when the object is made, once for all objects with the same file and settings. Forced tool calls and JSON
    schemas are enforced while the answer is decoded, by a grammar.

    Example:
        >>> from langchain_localllm import ChatLlamaCpp
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with ChatLlamaCpp(model_path=tiny_chat_model(), temperature=0, max_tokens=32) as chat:
        ...     answer = chat.invoke("Hello!")
        >>> answer.response_metadata["finish_reason"]
        'stop'
    """

    RETIRED: ClassVar[Mapping[str, str]] = {
        name: advice for name, advice in LlamaCppOptions.RETIRED.items() if name not in {"chat_format", "streaming"}
    }

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-llamacpp"

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return {**super()._get_ls_params(stop, **kwargs), "ls_model_name": str(kwargs.get("model") or self._path.name)}

    @override
    def about_model(self) -> About:
        return about_file(self._path, self.n_ctx or None)

    @override
    def _identifying_file(self) -> Any:
        return self._path, self.n_ctx

    @override
    def open_answer(self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]) -> Handle:
        from langchain_localllm.runtimes.llamacpp.request import Request

        engine, prepared = self.engine, self.prepare(messages, stop, request)
        sampling = self.sampling()
        if prepared.schema is not None:
            sampling = replace(sampling, grammar=_grammar(prepared))

        def submit(box: Mailbox) -> None:
            asked = Request(
                engine.model.tokenize(prepared.prompt),
                sampling,
                stops=prepared.stops,
                max_tokens=self.max_tokens,
                logprobs=self.logprobs,
                draft=self.draft_model,
            )
            engine.submit(asked, box)

        return ReadHandle(WorkerHandle(submit, self.timeout), prepared.reader)

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """The text's token ids, by the model's own tokenizer."""
        ids: list[int] = self.engine.model.tokenize(text)
        return ids


def _grammar(prepared: Prepared) -> str:
    """The grammar of an answer; a forced call stands between the model's own markers."""
    grammar = grammar_of(prepared.schema or {})
    if prepared.form is None:
        return grammar
    before, after = (text.replace("\n", "\\n") for text in (prepared.form.before, prepared.form.after))
    inner = re.sub(r"^root ::=", "forced-call ::=", grammar, flags=re.MULTILINE)
    return f'root ::= "{before}" forced-call "{after}"\n{inner}'
