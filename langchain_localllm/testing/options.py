"""Standard tests: stop sequences, the options of a call, the cache."""

import copy
import json
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache

from langchain_localllm.testing.base import IntegrationTests, each_path, on_paths
from langchain_localllm.testing.paths import PATHS
from langchain_localllm.testing.recorder import Recorder


class OptionTests(IntegrationTests):
    """What is asked for holds on every path."""

    @each_path
    def test_stop(self, llm: Any, path: str) -> None:
        """A call's `stop` ends the answer before the stop sequence.

        Handlers never see it, also when it is split over tokens. If this test fails, let the engine
        stop, and hold back text that may be the beginning of a stop sequence.
        """
        whole, stop = self._whole_and_stop(llm, path)
        notes = Recorder()
        assert (
            PATHS[path](llm, self.prompt, {"callbacks": [notes]}, stop=[stop])
            == whole[: whole.index(stop)]
        )
        assert set(notes.texts) <= {whole[: whole.index(stop)]}

    @each_path
    def test_stop_field(self, llm: Any, path: str) -> None:
        """The constructor's `stop` does the same.

        If this test fails, see whether `_stream` and `_generate` look at the field as well as at
        their argument.
        """
        whole, stop = self._whole_and_stop(llm, path)
        assert PATHS[path](self.make(stop=[stop]), self.prompt) == whole[: whole.index(stop)]

    @each_path
    def test_stop_merged(self, llm: Any, path: str) -> None:
        """A call's `stop` is added to the constructor's; both hold.

        If this test fails, join both lists rather than raising or taking one of them.
        """
        whole, stop = self._whole_and_stop(llm, path)
        expected = whole[: whole.index(stop)]
        assert (
            PATHS[path](self.make(stop=["never in an answer"]), self.prompt, stop=[stop])
            == expected
        )
        assert (
            PATHS[path](self.make(stop=[stop]), self.prompt, stop=["never in an answer"])
            == expected
        )

    @each_path
    def test_stop_is_literal(self, llm: Any, path: str) -> None:
        """A stop sequence is text, not a regular expression.

        If this test fails, use `str.find`: `enforce_stop_tokens` of `langchain_community` splits by
        a regular expression.
        """
        assert PATHS[path](llm, self.prompt, stop=["^.*$", ".*[("]) == PATHS[path](llm, self.prompt)

    def _whole_and_stop(self, llm: Any, path: str) -> tuple[str, str]:
        whole = PATHS[path](llm, self.prompt)
        middle = len(whole) // 2
        return whole, whole[middle : middle + 5]

    @each_path
    def test_call_options(self, llm: Any, path: str) -> None:
        """An option of a call overrides the field for that call and nothing else.

        If this test fails, see whether each method reads its `**kwargs`, and writes nothing to the
        object.
        """
        whole = PATHS[path](llm, self.prompt)
        short = PATHS[path](llm, self.prompt, **self.limit(4))
        assert whole.startswith(short)
        assert 0 < len(short) < len(whole)
        assert PATHS[path](llm, self.prompt) == whole

    @each_path
    def test_unknown_call_option(self, llm: Any, path: str) -> None:
        """An unknown option of a call raises, so that a misspelled one is not silently lost.

        If this test fails, compare the names in `**kwargs` with those that the class knows.
        """
        with pytest.raises(Exception, match="tempature"):
            PATHS[path](llm, self.prompt, tempature=0.5)

    @each_path
    def test_seed(self, llm: Any, path: str) -> None:
        """A seed repeats a random answer, and another seed gives another one.

        If this test fails, see whether `seed` reaches the engine; where it has none, set
        `supports_seed` to `False`. A model that is sure of its answer needs hotter `random_params`.
        """
        if not self.supports_seed:
            pytest.skip("this class takes no seed")
        first, again, *others = (
            PATHS[path](llm, self.prompt, seed=seed, **self.random_params)
            for seed in (7, 7, 8, 9, 10)
        )
        assert again == first
        assert set(others) != {first}

    @each_path
    def test_arguments_unchanged(self, llm: Any, path: str) -> None:
        """A call does not change the caller's lists and dicts.

        If this test fails, copy what you change.
        """
        given = {"stop": ["never in an answer"], **self.limit(4)}
        config = {"tags": ["mine"], "metadata": {"mine": 1}}
        before = copy.deepcopy((given, config))
        PATHS[path](llm, self.prompt, config, **given)
        assert (given, config) == before

    @on_paths(["invoke", "ainvoke", "stream", "astream"])
    def test_bind(self, llm: Any, path: str) -> None:
        """Options and stop sequences that are bound with `.bind()` hold.

        If this test fails, see `test_call_options` and `test_stop`.
        """
        assert PATHS[path](llm.bind(**self.limit(4)), self.prompt) == PATHS[path](
            llm, self.prompt, **self.limit(4)
        )

    @on_paths(["invoke", "stream"])
    def test_json_schema(self, llm: Any, path: str) -> None:
        """With a JSON schema, the answer is JSON that follows it.

        If this test fails, see whether `json_schema_option` names the right option, and whether it
        reaches the engine.
        """
        if not self.json_schema_option:
            pytest.skip("this class takes no JSON schema")
        # an object may have spaces in it, of which small models find no end
        schema = {"type": "string", "enum": ["red", "blue"]}
        assert json.loads(PATHS[path](llm, self.prompt, **{self.json_schema_option: schema})) in {
            "red",
            "blue",
        }

    # --- the cache ---

    @on_paths(["invoke", "ainvoke", "batch", "abatch", "generate", "agenerate"])
    def test_cache(self, path: str) -> None:
        """The same call is answered from the cache, without the engine.

        If this test fails, look for what differs from call to call in `_identifying_params`.
        """
        cache, notes = InMemoryCache(), Recorder()
        first = PATHS[path](self.make(cache=cache), self.prompt)
        assert PATHS[path](self.make(cache=cache), self.prompt, {"callbacks": [notes]}) == first
        assert not notes.by_run
        assert len(cache._cache) == 1

    @on_paths(["invoke", "ainvoke", "batch", "abatch", "generate", "agenerate"])
    def test_cache_knows_options(self, path: str) -> None:
        """An option that changes the answer, of the object or of the call, is in the cache's key.

        If this test fails, put each option in `_identifying_params`. LangChain's key holds the
        object's only: override `generate` and `agenerate` so that a call's options become those of
        a copy.
        """
        llm = self.make(cache=InMemoryCache())
        whole = PATHS[path](llm, self.prompt)
        short = PATHS[path](llm, self.prompt, **self.limit(4))
        assert len(short) < len(whole)
        assert PATHS[path](self.make(cache=llm.cache, **self.limit(4)), self.prompt) == short
        assert PATHS[path](llm, self.prompt) == whole
