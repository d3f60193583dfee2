"""An Ollama of any version, for what the real one of the tests (0.9.3) does not do yet.

Written from Ollama's `api/types.go`, `server/routes.go` and `server/sched.go` of the versions 0.10
to 0.33. A token is a word or a digit.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from tests.integration_tests.scripted import Answer, Request, as_json

LEVELS: Final = {
    (0, 22): {"low", "medium", "high", "max"},
    (0, 11): {"low", "medium", "high"},
    (0,): set[str](),
}
"""What `think` accepts in addition to a boolean, from a version on."""
_LOADED: Final = as_json({"model": "m", "response": "", "done": True, "done_reason": "load"})
TOO_LONG: Final = as_json({"error": "the input length exceeds the context length"}, 400)


def _tokens(text: str) -> int:
    return len(re.findall(r"\d|[^\s\d]+", text))


@dataclass
class ReplayedOllama:
    """A server with one model.

    Attributes:
        version: Its version.
        default: The context of a model for which neither a request nor the Modelfile sets one.
        trained: The context that the model was made for.
        modelfile: The `num_ctx` of the Modelfile.
        message: What the model answers in a chat, a message for each line of the stream.
        logprobs: What the answer's first line reports.
        loading: What a request is answered with that only loads the model.
        url: Its address.
        loads: The contexts with which the model was loaded, one after the other.
        bodies: The requests that were answered, without those that only load the model.
        paths: All requests.
    """

    version: str = "0.33.0"
    default: int = 4096
    trained: int = 131_072
    modelfile: int | None = None
    message: tuple[dict[str, Any], ...] = ({"content": "Yes."},)
    logprobs: Any = None
    loading: Answer = _LOADED
    url: str = ""
    loads: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        self.paths.append(request.path.removeprefix("/api/"))
        body = request.body or {}
        match request.path:
            case "/api/show":
                capabilities = ["completion", "tools", "thinking", "embedding"]
                parameters = (
                    f"num_ctx                        {self.modelfile}" if self.modelfile else ""
                )
                known = {
                    "model_info": {"llama.context_length": self.trained},
                    "capabilities": capabilities,
                }
                named = {"renderer": "gemma4", "parser": "gemma4", "requires": "0.30.0"}
                return as_json(
                    {**known, **named, "parameters": parameters, "template": "{{ .Prompt }}"}
                )
            case "/api/tags":
                details = {"family": "llama", "context_length": self.trained}
                row = {
                    "name": "m:latest",
                    "size": 1,
                    "digest": "1",
                    "modified_at": "2026-11-28T00:00:00Z",
                    "details": details,
                }
                return as_json({"models": [row | {"capabilities": ["completion", "tools"]}]})
            case "/api/version":
                return as_json({"version": self.version})
            case "/api/ps":
                return as_json({"models": [self._loaded()] if self.loads else []})
            case "/api/embed":
                return self._embed(body)
            case _:
                return self._answer(body)

    def _loaded(self) -> dict[str, Any]:
        row = {
            "name": "m:latest",
            "model": "m:latest",
            "size": 1,
            "size_vram": 0,
            "expires_at": "2026-11-28T00:00:00Z",
        }
        return row | ({"context_length": self.loads[-1]} if self._is_from(0, 10) else {})

    def _is_from(self, *version: int) -> bool:
        return tuple(map(int, self.version.split("."))) >= version

    def _load(self, body: dict[str, Any]) -> int:
        context = min(
            body["options"].get("num_ctx") or self.modelfile or self.default, self.trained
        )
        if self.loads[-1:] != [context]:
            self.loads.append(context)
        return context

    def _answer(self, body: dict[str, Any]) -> Answer:
        think = body.get("think")
        accepted = next(levels for version, levels in LEVELS.items() if self._is_from(*version))
        if isinstance(think, str) and think not in accepted:
            words = (
                f"invalid think value: {think!r}"
                if accepted
                else "cannot unmarshal string into Go struct field .think of type bool"
            )
            return as_json({"error": words}, 400)
        context = self._load(body)
        if not body.get("prompt", "messages" in body):
            return self.loading
        self.bodies.append(body)
        count = _tokens(
            body.get("prompt") or " ".join(message["content"] for message in body["messages"])
        )
        if count > context and self._is_from(0, 12, 6) and body.get("truncate") is False:
            return TOO_LONG
        return self._stream(body, min(count, context))

    def _stream(self, body: dict[str, Any], count: int) -> Answer:
        end = {"done": True, "done_reason": "stop", "prompt_eval_count": count, "eval_count": 2}
        if "prompt" in body:
            events: list[dict[str, Any]] = [
                {"response": "Yes.", "done": False},
                {"response": "", **end},
            ]
        else:
            events = [
                {"message": {"role": "assistant", "content": "", **part}, "done": False}
                for part in self.message
            ]
            events.append({"message": {"role": "assistant", "content": ""}, **end})
        if body.get("logprobs"):
            events[0]["logprobs"] = self.logprobs
        return Answer([json.dumps({"model": "m", **event}).encode() + b"\n" for event in events])

    def _embed(self, body: dict[str, Any]) -> Answer:
        context = self._load(body)
        if not body["input"]:
            return as_json({"model": "m", "embeddings": []})
        self.bodies.append(body)
        counts = [_tokens(text) for text in body["input"]]
        if max(counts) > context and body.get("truncate") is False:
            return TOO_LONG
        vector = [1.0, 0.0, 0.0][: body.get("dimensions") or 3]
        return as_json(
            {"model": "m", "embeddings": [vector] * len(counts), "prompt_eval_count": sum(counts)}
        )
