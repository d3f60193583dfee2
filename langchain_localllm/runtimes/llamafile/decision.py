"""Decisions by llama.cpp's server.

Source: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/server-decision.cpp
"""

from typing import Any, ClassVar

from typing_extensions import override

from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.decision import LocalDecisionModel
from langchain_localllm.runtimes.llamafile.api import ask
from langchain_localllm.runtimes.llamafile.chat import ChatLlamafile


class LlamafileDecisionModel(LocalDecisionModel):
    """Answer typed questions with probabilities, by llama.cpp's or an OpenAI-compatible server.

    A decision model answers at `/v1/systemone`. For any other chat model the answers are made from
    the log probabilities of the options. Needs langchain-core 1.8 or later.

    Args:
        method: `"systemone"`, `"logprobs"`, or `"auto"` for what the model can do.
        top_logprobs: Tokens whose log probabilities the server is asked for. vLLM allows 20.
        **options: Those of `ChatLlamafile`, such as `base_url`.

    Example:
        >>> from langchain_localllm import LlamafileDecisionModel
        >>> from langchain_core.decisions import Noul
        >>> model = LlamafileDecisionModel(base_url="http://localhost:8080")
        >>> urgent = Noul(instructions="Is this urgent?")
        >>> question = {"state": "Production is down.", "questions": {"urgent": urgent}}
        >>> response = model.invoke(question)  # doctest: +SKIP
        >>> response.nouls["urgent"].noul  # doctest: +SKIP
        0.97
    """

    CHAT: ClassVar[type[LocalChatModel]] = ChatLlamafile

    @property
    @override
    def _provider(self) -> str:
        return "llamafile"

    @classmethod
    @override
    def _name_of(cls, chat: Any) -> str:
        return chat.model or ""

    @override
    def _ask_systemone(self, body: dict[str, Any]) -> Any:
        return self.chat.client.run(ask(self.chat, "POST", "/v1/systemone", body))

    @override
    async def _aask_systemone(self, body: dict[str, Any]) -> Any:
        return await self.chat.client.arun(ask(self.chat, "POST", "/v1/systemone", body))
