"""The suite that needs no engine beyond what the constructor needs."""

import copy

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseLLM
from langchain_core.load import dumps

from langchain_localllm.testing.base import LLMTests


class LLMUnitTests(LLMTests):
    """Checks how a text LLM is constructed.

    Example:
        ```text
        from langchain_localllm.testing import LLMUnitTests

        class TestMyLLM(LLMUnitTests):
            @property
            def llm_class(self):
                return MyLLM

            @property
            def llm_params(self):
                return {"model": "my-model"}
        ```
    """

    def test_init(self) -> None:
        """The class is a `BaseLLM` and can be constructed from `llm_params`.

        If this test fails, check `llm_params`, and `max_tokens_option` and `greedy_params` if your
        class spells them otherwise.
        """
        assert issubclass(self.llm_class, BaseLLM)
        assert self.make()._llm_type

    @pytest.mark.parametrize(
        "option", ["temperature", "max_tokens", "timeout", "seed", "stop", "top_k", "top_p"]
    )
    def test_common_options(self, option: str) -> None:
        """The common options of runtimes are accepted under their common names.

        So models can be exchanged. If this test fails, add a field or an alias of that name.
        """
        values = {
            "temperature": 0.5,
            "max_tokens": 8,
            "timeout": 30.0,
            "seed": 7,
            "stop": ["END"],
            "top_k": 20,
            "top_p": 0.5,
        }
        if option == "seed" and not self.supports_seed:
            pytest.skip("this class takes no seed")
        assert self.llm_class(**{**self.llm_params, option: values[option]})

    def test_unknown_argument(self) -> None:
        """An unknown argument raises, so that a misspelled option is not silently lost.

        If this test fails, set `model_config = ConfigDict(extra="forbid")`.
        """
        with pytest.raises(Exception, match="tempature"):
            self.make(tempature=0.5)

    def test_callbacks_argument(self) -> None:
        """Handlers given to the constructor are kept.

        If this test fails, see whether your constructor hands `callbacks` on to `BaseLLM`.
        """
        handler = BaseCallbackHandler()
        assert self.make(callbacks=[handler]).callbacks == [handler]

    def test_constructor_arguments_unchanged(self) -> None:
        """The constructor does not change the caller's dicts and lists.

        If this test fails, copy what you change: `{**kwargs}` instead of `kwargs.pop`.
        """
        given = {**self.llm_params, **self.secret_params}
        before = copy.deepcopy(given)
        self.llm_class(**given)
        assert given == before

    def test_secrets(self) -> None:
        """Keys and passwords are not in `repr`, nor in what is traced or serialized.

        If this test fails, make the field a `SecretStr`, or give it `Field(repr=False)` and leave
        it out of `_identifying_params`.
        """
        llm = self.llm_class(**{**self.llm_params, **self.secret_params})
        for shown in (
            repr(llm),
            str(llm),
            str(llm._identifying_params),
            str(llm.dict()),
            dumps(llm),
        ):
            assert "hidden" not in shown
