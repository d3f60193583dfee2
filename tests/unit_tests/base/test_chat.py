"""What chat classes share besides messages, tools and structured output."""

import threading
from typing import Any

from langchain_localllm.base.token_stream import TokenStream
from tests.unit_tests.fakes import FakeChat


def test_chat_batch_is_with_the_engine_at_the_same_time() -> None:
    together = threading.Barrier(12)

    class Waiting(FakeChat):
        def open_answer(
            self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
        ) -> TokenStream:
            together.wait(timeout=60)
            return super().open_answer(messages, stop, request)

    assert len(Waiting().batch(["Hi"] * 12)) == 12


def test_chat_batch_keeps_to_the_callers_limit() -> None:
    working: set[int] = set()

    class Noting(FakeChat):
        def open_answer(self, *given: Any) -> TokenStream:
            working.add(threading.get_ident())
            return super().open_answer(*given)

    Noting().batch(["Hi"] * 8, {"max_concurrency": 1})
    assert len(working) == 1
