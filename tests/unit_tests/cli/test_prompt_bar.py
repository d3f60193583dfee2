"""The bar that `localllm run` and `chat` show while a long prompt is read."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_localllm.cli import prompt_bar
from langchain_localllm.cli.chat_models import print_answer
from langchain_localllm.runtimes.llamafile.server_info import ServerFacts
from tests.unit_tests.fakes import FakeChat


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(prompt_bar, "sys", SimpleNamespace(stderr=(terminal := Terminal())))
    return terminal


def chat(*, llama_cpp: bool) -> FakeChat:
    model = FakeChat()
    model._facts[model.base_url, None] = ServerFacts(
        llama_cpp=llama_cpp, context=4096 if llama_cpp else None
    )
    return model


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("llama_cpp", "asked"), [(True, True), (False, None)])
def test_prompt_bar_only_llama_cpp_is_asked_for_its_progress(
    llama_cpp: bool, asked: bool | None
) -> None:
    model = chat(llama_cpp=llama_cpp)
    print_answer(model, [("user", "Hi")])
    assert (model.asked[0].body or {}).get("return_progress") is asked
    print_answer(model, [("user", "Hi")], silent=True)
    assert "return_progress" not in (model.asked[1].body or {})


def test_prompt_bar_is_shown_for_a_prompt_that_takes_long_and_erased_at_its_end(
    terminal: Terminal,
) -> None:
    config, _ = prompt_bar.progress_call(chat(llama_cpp=True))
    handler: BaseCallbackHandler = config["callbacks"][0]

    def report(processed: int, time_ms: int, name: str = "prompt_progress") -> Any:
        data = {"total": 1100, "cache": 100, "processed": processed, "time_ms": time_ms}
        return handler.on_custom_event(name, data, run_id=None)  # type: ignore[arg-type]  # it does not read the id

    report(200, 100)
    report(1100, 200)
    report(300, 900, "other")
    assert terminal.getvalue() == ""
    report(600, 600)
    report(1100, 900)
    assert terminal.getvalue() == prompt_bar.progress_line(500, 1000) + "\r\x1b[K"


def test_prompt_bar_no_bar_where_stderr_is_not_a_terminal() -> None:
    assert prompt_bar.progress_call(chat(llama_cpp=True)) == (None, {})
