"""The Prompt Hub, without one: what is asked of langsmith, and what comes of its answers."""

import subprocess
import sys
import traceback
from typing import Any

import pytest
import requests
from langchain_core.language_models import FakeListLLM
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langsmith.utils import LangSmithAuthError, LangSmithConnectionError, LangSmithNotFoundError

from langchain_localllm.errors import ConnectionFailedError, InvalidOptionError
from langchain_localllm.prompts import for_model
from langchain_localllm.prompts.hub import pull, push

PLAIN = ChatPromptTemplate.from_template("Why {x}?")


class Client:
    """Answers as `langsmith.Client`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def _answer(self, name: str, **arguments: Any) -> Any:
        self.asked.append((name, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    pull_prompt = push_prompt = _answer


class Named(FakeListLLM):
    model: str


def test_prompt_hub_public_prompt_is_pulled_at_its_commit() -> None:
    client = Client(PLAIN)
    assert pull("owner/name:abc123", client=client) is PLAIN
    assert client.asked == [("owner/name:abc123", {"dangerously_pull_public_prompt": True})]


def test_prompt_hub_own_prompt_needs_no_commit() -> None:
    client = Client(PLAIN)
    pull("name", client=client)
    pull("-/name", client=client)
    assert [arguments for _, arguments in client.asked] == [
        {"dangerously_pull_public_prompt": False}
    ] * 2


def test_prompt_hub_another_person_s_prompt_without_a_commit_is_refused() -> None:
    client = Client(PLAIN)
    with pytest.raises(InvalidOptionError, match="'owner/name:commit'"):
        pull("owner/name", client=client)
    assert not client.asked


@pytest.mark.parametrize("prompt", [PromptTemplate.from_template, ChatPromptTemplate.from_template])
def test_prompt_hub_family_s_tokens_are_warned_about(prompt: Any) -> None:
    with pytest.warns(UserWarning, match="'owner/rag:1' holds tokens of llama2"):
        pull(
            "owner/rag:1",
            client=Client(prompt("[INST]<<SYS>> Be brief.<</SYS>> {question} [/INST]")),
        )


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        (LangSmithNotFoundError("x"), InvalidOptionError, "has no prompt 'mine'"),
        (
            LangSmithConnectionError("x\nAPI Key: lsv2_secret"),
            ConnectionFailedError,
            "cannot be reached",
        ),
        (requests.ConnectionError("x"), ConnectionFailedError, "cannot be reached"),
        (
            LangSmithAuthError("no key\nAPI Key: lsv2_secret"),
            InvalidOptionError,
            "refuses 'mine': no key$",
        ),
    ],
)
def test_prompt_hub_failures_raise_our_errors(
    failure: Exception, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        pull("mine", client=Client(failure))
    assert "secret" not in "".join(traceback.format_exception(raised.value))


def test_prompt_hub_object_that_is_not_a_prompt_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="is dict, not a prompt"):
        pull("mine", client=Client({}))


def test_prompt_hub_prompt_is_pushed_plain_and_private() -> None:
    client = Client("https://hub/mine")
    assert (
        push("mine", for_model(PLAIN, Named(model="qwen3", responses=[])), client=client)
        == "https://hub/mine"
    )
    assert client.asked == [("mine", {"object": PLAIN, "is_public": False})]


def test_prompt_hub_nothing_of_the_hub_is_loaded_unless_asked_for() -> None:
    code = (
        "import sys, langchain_localllm.prompts.library, langchain_localllm.prompts; print('hub' "
        "in str(list(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
