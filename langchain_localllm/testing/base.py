"""Define what a subclass of the suite must provide."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pytest
from langchain_core.language_models import BaseLLM

from langchain_localllm.testing.paths import PATHS, one_event_loop

_PACKAGE: Final = f"{__package__}."
TRIES: Final = 10
"""How often a time is measured before a test fails, since a busy machine disturbs single
measurements."""


class LLMTests:
    """What both suites share. Implement `llm_class`.

    Override the other properties where the defaults do not fit.
    """

    # --- the class and how to make it ---

    @property
    @abstractmethod
    def llm_class(self) -> type[BaseLLM]:
        """The class to test."""

    @property
    def llm_params(self) -> dict[str, Any]:
        """What the class is constructed with: the model, the server's address, and so on."""
        return {}

    @property
    def greedy_params(self) -> dict[str, Any]:
        """Options with which the same prompt always gets the same answer."""
        return {"temperature": 0}

    @property
    def random_params(self) -> dict[str, Any]:
        """Options with which the same prompt gets a different answer each time."""
        return {"temperature": 2.0}

    @property
    def max_tokens_option(self) -> str:
        """The name of the option that limits the answer's tokens."""
        return "max_tokens"

    def limit(self, tokens: int) -> dict[str, Any]:
        """Return the option that limits an answer to so many tokens."""
        return {self.max_tokens_option: tokens}

    def make(self, **kwargs: Any) -> Any:
        """Return an object of the class, by default greedy with at most 24 tokens of answer."""
        return self.llm_class(
            **{**self.llm_params, **self.greedy_params, **self.limit(24), **kwargs}
        )

    @pytest.fixture
    def llm(self) -> Any:
        """Return the object that most tests call."""
        return self.make()

    # --- what it can do ---

    @property
    def supports_seed(self) -> bool:
        """Whether `seed` makes a random answer repeat."""
        return True

    @property
    def supports_token_count(self) -> bool:
        """Whether `get_num_tokens` counts with the model's own tokenizer."""
        return True

    @property
    def logprobs_params(self) -> Mapping[str, Any]:
        """Options that ask for the log probabilities of the tokens.

        Empty where the class has none.
        """
        return {}

    @property
    def json_schema_option(self) -> str | None:
        """The name of the option that takes a JSON schema for the answer.

        `None` where the class has none.
        """
        return None

    @property
    def secret_params(self) -> Mapping[str, Any]:
        """Arguments of the constructor that hold the word `hidden`, which must not be shown.

        Such as `{"api_key": "hidden"}`.
        """
        return {}

    # --- the suite itself ---

    def test_no_overrides_DO_NOT_OVERRIDE(self) -> None:  # noqa: N802 - the name that langchain-tests gives it
        """No standard test is overridden or removed, unless it is an expected failure.

        That needs a reason.

        If this test fails, remove your method of that name, or mark it with
        `@pytest.mark.xfail(reason="...")`.
        """
        mro = reversed(type(self).__mro__)
        standard = {
            name: test
            for base in mro
            if base.__module__.startswith(_PACKAGE)
            for name, test in vars(base).items()
        }
        changed = [
            name
            for name, test in standard.items()
            if name.startswith("test_") and not self._kept(name, test)
        ]
        assert not changed

    def _kept(self, name: str, test: object) -> bool:
        own = getattr(type(self), name)
        marks = getattr(own, "pytestmark", [])
        return own is test or any(
            mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks
        )


class IntegrationTests(LLMTests):
    """What the tests that call the model share."""

    @pytest.fixture(autouse=True)
    def _loop(self) -> Iterator[None]:
        with one_event_loop():
            yield

    @property
    def prompt(self) -> str:
        """A prompt that the model answers with 24 tokens or more."""
        return "Once upon a time"

    @property
    def prompts(self) -> list[str]:
        """Prompts with different answers."""
        return [f"{self.prompt}, {word}" for word in ("rain", "a boat", "the red door", "bread")]

    @property
    def too_long_prompt(self) -> str:
        """A prompt that is longer than the model's context."""
        return "word " * 200_000

    @property
    def too_long_params(self) -> dict[str, Any]:
        """Options for calls with that prompt."""
        return {}

    @property
    def long_answer(self) -> dict[str, Any]:
        """Options for a long answer: its first tokens must be much quicker than the whole."""
        return self.limit(400)

    def engine_is_busy(self) -> bool | None:
        """Return whether the engine works on an answer.

        `None`, where it can't be asked, measures when it takes the next call.
        """
        return None


def on_paths(names: Iterable[str]) -> pytest.MarkDecorator:
    """Run a test on some paths; its argument `path` is the name of one."""
    return pytest.mark.parametrize("path", sorted(names))


each_path = on_paths(PATHS)
