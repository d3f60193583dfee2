"""When a whole answer is tried again."""

from types import SimpleNamespace
from typing import Any

import pytest

from langchain_localllm.base.failover import attempts
from langchain_localllm.errors import ServerError, StreamBrokenError


def broken(others: int) -> StreamBrokenError:
    error = StreamBrokenError("broken off")
    error.other_servers = others
    return error


def tries(run: Any, *outcomes: Exception | None) -> int:
    """Return how many of the outcomes it took until one was final, raising that one if it is an
    error."""
    count = 0
    for attempt in attempts(run):
        with attempt:
            count += 1
            if error := outcomes[count - 1]:
                raise error
    return count


def test_attempts_answer_that_succeeds_ends_them() -> None:
    assert tries(None, None) == 1


def test_attempts_error_of_a_pool_is_tried_once_for_each_other_server() -> None:
    assert tries(None, broken(2), broken(2), None) == 3
    with pytest.raises(StreamBrokenError):
        tries(None, broken(1), broken(1))


@pytest.mark.parametrize("error", [broken(0), ServerError("failed"), ValueError("ours")])
def test_attempts_other_error_is_raised_at_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        tries(None, error)


def test_attempts_answer_whose_tokens_were_seen_is_not_tried_again() -> None:
    with pytest.raises(StreamBrokenError):
        tries(SimpleNamespace(handlers=["one that reads tokens"]), broken(2))
    assert tries(SimpleNamespace(handlers=[]), broken(2), None) == 2
