"""Standard tests of the metadata of results."""

from collections.abc import Mapping
from typing import Any

import pytest

from langchain_localllm.testing.base import IntegrationTests, each_path
from langchain_localllm.testing.paths import PATHS
from langchain_localllm.testing.recorder import Recorder


class ResultTests(IntegrationTests):
    """Test that results carry what the engine reports. The four `..._of` methods read it."""

    def finish_reason_of(self, info: Mapping[str, Any]) -> str | None:
        """Return the reason in a `generation_info`: `stop` or `length`."""
        return info.get("finish_reason")

    def usage_of(self, info: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return the tokens of the prompt and of the answer in a `generation_info`."""
        usage = info.get("usage")
        return usage and (usage["prompt_tokens"], usage["completion_tokens"])

    def model_name_of(self, info: Mapping[str, Any]) -> str | None:
        """Return the model's name in a `generation_info`."""
        return info.get("model_name")

    def seconds_of(self, info: Mapping[str, Any]) -> float | None:
        """Return how long the engine generated, in a `generation_info`."""
        timings: Mapping[str, float] = info.get("timings", {})
        return timings.get("generation")

    def _infos(self, path: str, **kwargs: Any) -> list[Mapping[str, Any]]:
        """Return what the results of a call carry; there is one for each run."""
        notes = Recorder()
        PATHS[path](self.make(**self.limit(6)), self.prompt, {"callbacks": [notes]}, **kwargs)
        assert notes.results
        return [result.generations[0][0].generation_info or {} for result in notes.results]

    @each_path
    def test_finish_reason(self, path: str) -> None:
        """The result says that the limit of tokens ended the answer, or a stop sequence.

        If this test fails, put `finish_reason` in the `generation_info` of the last chunk; `LLM`
        drops it, so subclass `BaseLLM`.
        """
        assert {self.finish_reason_of(info) for info in self._infos(path)} == {"length"}
        whole = PATHS[path](self.make(), self.prompt)
        stopped = self._infos(path, stop=[whole[1:4]])
        assert {self.finish_reason_of(info) for info in stopped} == {"stop"}

    @each_path
    def test_usage(self, path: str) -> None:
        """The result counts the tokens of the prompt and of the answer.

        If this test fails, put `usage` with `prompt_tokens` and `completion_tokens` in the
        `generation_info` of the last chunk.
        """
        for info in self._infos(path):
            usage = self.usage_of(info)
            assert usage is not None
            assert usage[0] > 1
            assert usage[1] == 6

    @each_path
    def test_model_name(self, path: str) -> None:
        """The result names the model.

        If this test fails, put `model_name` in the `generation_info` of the last chunk.
        """
        assert all(self.model_name_of(info) for info in self._infos(path))

    @each_path
    def test_timings(self, path: str) -> None:
        """The result says how long the engine worked.

        If this test fails, put `timings` with the seconds of `generation` in the `generation_info`
        of the last chunk.
        """
        assert all((self.seconds_of(info) or 0) > 0 for info in self._infos(path))

    @each_path
    def test_logprobs(self, path: str) -> None:
        """With `logprobs_params`, the result carries a log probability for each token.

        If this test fails, put a list with a dict for each token under `logprobs` in the
        `generation_info`.
        """
        if not self.logprobs_params:
            pytest.skip("this class has no log probabilities")
        for info in self._infos(path, **self.logprobs_params):
            assert len(info["logprobs"]) == 6

    def test_token_count(self, llm: Any) -> None:
        """`get_num_tokens` counts as the engine does.

        If this test fails, override `get_token_ids` with the engine's tokenizer: LangChain's
        default is that of GPT-2. Where there is none, raise an error that says so, and set
        `supports_token_count` to `False`.
        """
        if not self.supports_token_count:
            pytest.skip("this class counts no tokens")
        counted = llm.get_num_tokens(self.prompt)
        assert len(llm.get_token_ids(self.prompt)) == counted
        assert (self.usage_of(self._infos("invoke")[0]) or [counted])[0] == counted
