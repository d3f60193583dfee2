"""Share what the decision models have in common.

That is: questions as requests to the engine, and LangChain's interface of decision models.
"""

import importlib.metadata
import importlib.util
import json
import string
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from langchain_core.messages import BaseMessage, HumanMessage, convert_to_openai_messages
from pydantic import Field, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.base.closing import Closing
from langchain_localllm.base.option_probabilities import (
    choice_confidence,
    option_probabilities,
    score_confidence,
)
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    MissingDependencyError,
    ModelCallError,
    ModelMissingError,
    ServerError,
    WrongServerError,
)

_HAS_DECISIONS: Final = importlib.util.find_spec("langchain_core.decisions") is not None
if TYPE_CHECKING or _HAS_DECISIONS:
    from langchain_core.decisions import (
        BaseDecisionModel,
        Choice,
        ClassifierResponse,
        Noul,
        Question,
        Score,
        State,
    )
else:  # langchain-core before 1.8: making an object says so
    from langchain_core.load.serializable import Serializable as BaseDecisionModel

Way = Literal["systemone", "logprobs"]
"""How questions are answered."""

_LABELS: Final = string.ascii_uppercase + string.ascii_lowercase
_OWN: Final = frozenset({"method", "top_logprobs", "name"})
_PROMPT: Final = (
    "{state}\n\n{instructions}\n{options}\nAnswer with the letter of one option and nothing else."
)
_NOT_OFFERED: Final = ("not a decision model", "not supported by the backend")
"""What the engine says of a model without a head for decisions."""


class LocalDecisionModel(Closing, BaseDecisionModel):
    """Answer typed questions about a text, messages or JSON, with probabilities, on a local engine.

    A decision model, whose GGUF file llama.cpp answers at `/v1/systemone`, answers by itself. Any
    other chat model gets each question as a list of lettered options. The probabilities are then
    those that it gives to the letters as its first token, as a share of their sum. Each question is
    asked twice, with the options in both orders, because models prefer some letters.

    Options other than the two below are those of the chat class.
    """

    CHAT: ClassVar[type[LocalChatModel]]
    """The chat class whose engine is asked."""

    model: str = ""
    """The model's name, as in traces and responses. Default: as the engine names it."""
    method: Literal["auto", "systemone", "logprobs"] = "auto"
    """How questions are answered: by the engine's `systemone`, by log probabilities, or by what the
    model can do."""
    top_logprobs: int = Field(default=100, ge=1)
    """Tokens whose log probabilities the engine is asked for. Some servers allow no more than
    20."""
    chat: Any = Field(default=None, exclude=True, repr=False)
    """The chat model that is asked."""

    _way: dict[str, Way] = PrivateAttr(default_factory=dict)  # under "way", what the model can do

    def __init__(self, **options: Any) -> None:
        if not _HAS_DECISIONS:
            version = importlib.metadata.version("langchain-core")
            raise MissingDependencyError(
                f"{type(self).__name__} needs langchain-core 1.8 or later, and {version} is "
                "installed: "
                'pip install "langchain-core>=1.8"'
            )
        own = {name: options.pop(name) for name in _OWN & options.keys()}
        chat = options.pop("chat", None) or self.CHAT(**options)
        if not isinstance(chat, self.CHAT):
            raise InvalidOptionError(
                f"`chat` is of type {type(chat).__name__}. Pass a {self.CHAT.__name__}."
            )
        super().__init__(**{**own, "chat": chat, "model": self._name_of(chat)})

    @classmethod
    @abstractmethod
    def _name_of(cls, chat: Any) -> str:
        """Return the model's name in traces."""

    @abstractmethod
    def _ask_systemone(self, body: dict[str, Any]) -> Any:
        """Ask the engine's `/v1/systemone`."""

    async def _aask_systemone(self, body: dict[str, Any]) -> Any:
        return await _in_thread(self._ask_systemone, body)

    @override
    def close(self) -> None:
        self.chat.close()

    @override
    async def aclose(self) -> None:
        await self.chat.aclose()

    @override
    def _classify(self, state: "State", questions: "dict[str, Question]") -> "ClassifierResponse":
        body = _body(state, questions)
        if (way := self._chosen_way()) != "logprobs":
            try:
                return self._response(self._ask_systemone(body))
            except ModelCallError as error:
                self._require_fallback(way, error)
        asked = [prompt for name in questions for prompt in _prompts(state, questions[name])]
        answers = self.chat.batch(asked, **self._call_options())
        return self._of_answers(questions, answers)

    @override
    async def _aclassify(
        self, state: "State", questions: "dict[str, Question]"
    ) -> "ClassifierResponse":
        body = _body(state, questions)
        if (way := self._chosen_way()) != "logprobs":
            try:
                return self._response(await self._aask_systemone(body))
            except ModelCallError as error:
                self._require_fallback(way, error)
        asked = [prompt for name in questions for prompt in _prompts(state, questions[name])]
        answers = await self.chat.abatch(asked, **self._call_options())
        return self._of_answers(questions, answers)

    def _chosen_way(self) -> Way | None:
        """Return what was asked for or found out, or `None` before that."""
        return self._way.get("way") if self.method == "auto" else self.method

    def _require_fallback(self, way: Way | None, error: ModelCallError) -> None:
        """Remember that the model makes no decisions by itself.

        Raises the error if it says something else, or is asked to.
        """
        missing = isinstance(error, WrongServerError | ModelMissingError) or any(
            said in str(error) for said in _NOT_OFFERED
        )
        if way == "systemone" or not missing:
            raise error
        self._way["way"] = "logprobs"

    def _response(self, answer: Any) -> "ClassifierResponse":
        try:
            response = ClassifierResponse.model_validate(
                {**answer, "model": self.model or answer["model"]}
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(f"The answer of /v1/systemone is not valid: {error}") from error
        self._way["way"] = "systemone"
        return response

    def _call_options(self) -> dict[str, Any]:
        options = {
            "max_tokens": 1,
            "temperature": 0.0,
            "logprobs": True,
            "top_logprobs": self.top_logprobs,
        }
        return options if self.chat.reasoning is not None else {**options, "reasoning": False}

    def _of_answers(
        self, questions: "Mapping[str, Question]", answers: Sequence[Any]
    ) -> "ClassifierResponse":
        """Return the response made of the log probabilities of two answers for each question."""
        found = {}
        for number, (name, question) in enumerate(questions.items()):
            forward, backward = answers[2 * number : 2 * number + 2]
            count = len(_options(question))
            first = option_probabilities(forward.response_metadata.get("logprobs"), _LABELS[:count])
            second = option_probabilities(
                backward.response_metadata.get("logprobs"), _LABELS[:count]
            )
            found[name] = _answer(
                question,
                [(one + two) / 2 for one, two in zip(first, reversed(second), strict=True)],
            )
        usage = [answer.usage_metadata or {} for answer in answers]
        counts = {
            key: sum(each.get(key, 0) for each in usage)
            for key in ("input_tokens", "output_tokens")
        }
        model = self.model or str(answers[0].response_metadata.get("model_name") or "")
        return ClassifierResponse.model_validate(
            {"model": model, "answers": found, "usage": counts}
        )


def _options(question: "Question") -> list[tuple[Any, Any]]:
    """Return a question's options: key and description."""
    if isinstance(question, Noul):
        criteria = question.criteria
        return [("yes", criteria and criteria.true), ("no", criteria and criteria.false)]
    if isinstance(question, Choice):
        return list(question.criteria.items())
    if isinstance(question, Score):
        return list(enumerate(question.criteria))
    raise InvalidRequestError(
        f"Questions of type {question.type!r} are not supported. Use Noul, Choice or Score."
    )


def _prompts(state: "State", question: "Question") -> list[list[BaseMessage]]:
    """Return the question with its options in both orders."""
    options = _options(question)
    if len(options) > len(_LABELS):
        raise InvalidRequestError(
            f"The question has {len(options)} options. At most {len(_LABELS)} are possible."
        )
    return [[HumanMessage(_prompt(state, question, order))] for order in (options, options[::-1])]


def _prompt(state: "State", question: "Question", options: Iterable[tuple[Any, Any]]) -> str:
    lines = [
        f"{label}: {key}" + ("" if description is None else f" - {_text(description)}")
        for label, (key, description) in zip(_LABELS, options, strict=False)
    ]
    return _PROMPT.format(
        state=_text(_plain(state)),
        instructions=_text(question.instructions),
        options="\n".join(lines),
    )


def _answer(question: "Question", probabilities: list[float]) -> dict[str, Any]:
    options = [key for key, _ in _options(question)]
    if isinstance(question, Noul):
        return {"type": "noul", "noul": probabilities[0]}
    answer = {
        "type": question.type,
        "probabilities": dict(zip(options, probabilities, strict=True)),
    }
    if isinstance(question, Choice):
        best = options[max(range(len(options)), key=probabilities.__getitem__)]
        return {**answer, "choice": best, "confidence": choice_confidence(probabilities)}
    expected = sum(level * share for level, share in enumerate(probabilities))
    legend = dict(_options(question))
    return {
        **answer,
        "score": expected,
        "legend": legend,
        "confidence": score_confidence(probabilities),
    }


def _body(state: "State", questions: "Mapping[str, Question]") -> dict[str, Any]:
    """Return the request for `/v1/systemone`, after a check of the questions."""
    if not questions:
        raise InvalidRequestError("There are no questions. Give at least one.")
    for question in questions.values():
        _options(question)
    asked = {name: question.model_dump(mode="json") for name, question in questions.items()}
    return {"state": _plain(state), "questions": asked}


def _plain(state: Any) -> Any:
    """Return the state as JSON, its messages in OpenAI's form."""
    if isinstance(state, BaseMessage):
        return convert_to_openai_messages(state)
    if isinstance(state, Mapping):
        return {str(name): _plain(value) for name, value in state.items()}
    if isinstance(state, Sequence) and not isinstance(state, str | bytes):
        return [_plain(value) for value in state]
    return state


def _text(value: Any) -> str:
    """JSON as text for a chat model; a message that holds only text is that text."""
    if isinstance(value, dict) and set(value) == {"role", "content"}:
        value = value["content"]
    if _holds_media(value):
        raise InvalidRequestError(
            "Only decision models accept images and audio. Give a state of text, or use a "
            "decision model."
        )
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _holds_media(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("type") in {"image", "image_url", "audio", "input_audio", "file"} or any(
            map(_holds_media, value.values())
        )
    return isinstance(value, list) and any(map(_holds_media, value))


async def _in_thread(function: Any, *args: Any) -> Any:
    from langchain_core.runnables.config import run_in_executor

    return await run_in_executor(None, function, *args)
