"""Objects that are replaced while they are used."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from langchain_localllm.errors import StoreError
from langchain_localllm.web.replaceable import Replaceable


def test_replaceable_replaced_object_is_closed_after_its_last_user() -> None:
    said: list[str] = []

    @contextmanager
    def opened(name: str) -> Iterator[str]:
        yield name
        said.append(f"{name} closed")

    part = Replaceable[str]("There is none.")
    part.replace(opened("one"))
    with part.use() as one, part.use():
        part.replace(opened("two"))
        with part.use() as two:
            assert (one, two, said) == ("one", "two", [])
    assert said == ["one closed"]
    part.close()
    part.close()
    assert said == ["one closed", "two closed"]
    with pytest.raises(StoreError, match="There is none"), part.use():
        pass
