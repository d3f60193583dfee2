"""The text LLM on llama.cpp in this process."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from langchain_localllm.base.llm import LocalLLM
from langchain_localllm.base.local_engine.stream import ResponseQueue, WorkerHandle
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.runtimes.llamacpp.options import LlamaCppOptions

if TYPE_CHECKING:
    from langchain_localllm.runtimes.llamacpp.model import Model
    from langchain_localllm.runtimes.llamacpp.server_engine import ServerEngine


class LlamaCpp(LlamaCppOptions, LocalLLM):
    """A text LLM from a GGUF file, by llama.cpp in this process.

    The file is loaded when the object is made, once for all objects with the same file and
    settings. Calls from any thread or event loop are answered together, each with its own options.
    The prompt reaches the model as it is, without a chat template.

    Example:
        >>> from langchain_localllm import LlamaCpp
        >>> from langchain_localllm.models import tiny_chat_model
        >>> with LlamaCpp(model_path=tiny_chat_model(), temperature=0, max_tokens=16) as llm:
        ...     pieces = list(llm.stream("The first man on the moon was"))
        >>> "".join(pieces) != ""
        True
    """

    UNSUPPORTED: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("clip_model_path", "mmproj", "mmproj_path"),
        "it takes texts only. ChatLlamaCpp answers about images.",
    )

    echo: bool | None = None
    """Begin the answer with the prompt."""
    suffix: str | None = None
    """Text after the answer, for models that fill a gap in code."""
    spm_infill: bool | None = None
    """Show such a model the suffix before the prompt."""

    @property
    @override
    def _llm_type(self) -> str:
        return "llamacpp"

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        params = super()._identifying_params
        if self.grammar_path is not None:
            params["grammar"] = self.grammar_text()
        return params

    @override
    def open_answer(self, prompt: str, stop: list[str]) -> TokenStream:
        submit = (
            self._complete(prompt, stop)
            if self._on_server
            else self._generate_on_own_engine(prompt, stop)
        )

        def begin(box: ResponseQueue) -> None:
            if self.echo:
                box.put(StreamEvent(prompt))
            submit(box)

        return WorkerHandle(begin, self.timeout)

    def _complete(self, prompt: str, stop: list[str]) -> Callable[[ResponseQueue], None]:
        from langchain_localllm.runtimes.llamafile.payload import completion_payload

        if not prompt and not self.engine.tokenize(""):
            raise _empty_prompt()
        payload = completion_payload(self.payload(), prompt, stop)
        if self.suffix is not None:
            payload["prompt"] = self._tokens(prompt, self.engine)
        return partial(self.engine.complete, payload)

    def _generate_on_own_engine(
        self, prompt: str, stop: list[str]
    ) -> Callable[[ResponseQueue], None]:
        from langchain_localllm.runtimes.llamacpp.request import Request

        engine = self.engine

        def submit(box: ResponseQueue) -> None:
            request = Request(
                self._tokens(prompt, engine.model),
                self.sampling(),
                stops=stop,
                max_tokens=self.max_tokens,
                logprobs=self.logprobs,
                cache_prompt=self.cache_prompt,
                draft=self.draft(),
                lora=self.lora_scales(),
            )
            engine.submit(request, box)

        return submit

    def _tokens(self, prompt: str, model: "Model | ServerEngine") -> list[int]:
        if self.suffix is None:
            return _not_empty(model.tokenize(prompt))
        before, after, middle = model.infill_tokens
        if before is None or after is None or middle is None:
            raise InvalidRequestError(
                f"{model.name} was not trained to fill gaps: leave `suffix` out, or use a "
                "model for code."
            )
        prefix = [before, *model.tokenize(prompt, begin=False, special=False)]
        suffix = [after, *model.tokenize(self.suffix, begin=False, special=False)]
        gap = [*suffix, *prefix] if self.spm_infill else [*prefix, *suffix]
        return [*model.tokenize(""), *gap, middle]

    @override
    def token_ids(self, text: str) -> list[int]:
        return self.tokens_of(text)


def _not_empty(tokens: list[int]) -> list[int]:
    if not tokens:  # something has to be read before the first token can come
        raise _empty_prompt()
    return tokens


def _empty_prompt() -> InvalidRequestError:
    return InvalidRequestError(
        "The prompt is empty, and the model has no token at which texts begin. Give a prompt."
    )
