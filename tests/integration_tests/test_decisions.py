"""Decision models on real engines: by a decision model's own head, and by the log probabilities of
a chat model."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm import ChatLlamaCpp, LocalServer, init_decision_model
from langchain_localllm.errors import (
    InvalidRequestError,
    MissingDependencyError,
    ModelCallError,
    ModelFileError,
)
from langchain_localllm.models import tiny_chat_model
from tools.engines.models import decision_model

decisions = pytest.importorskip("langchain_core.decisions", reason="langchain-core 1.8 or later")

TEAMS = {"billing": "Payments and invoices.", "technical": "Failures.", "sales": None}
ENGINES = ["xllamacpp", "llama-cpp-python", "server"]


def questions() -> dict[str, Any]:
    return {
        "urgent": decisions.Noul(instructions="Is this urgent?"),
        "team": decisions.Choice(instructions="Which team handles this?", criteria=TEAMS),
        "anger": decisions.Score(
            instructions="How angry is the customer?", criteria=["calm", "annoyed", "furious"]
        ),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    target = tmp_path_factory.mktemp("decisions") / "decision.gguf"
    return {"systemone": decision_model(tiny_chat_model(), target), "logprobs": tiny_chat_model()}


@pytest.fixture(
    scope="module",
    params=[(engine, way) for engine in ENGINES for way in ("systemone", "logprobs")],
    ids="-".join,
)
def model(request: pytest.FixtureRequest, files: dict[str, Path]) -> Iterator[Any]:
    engine, way = request.param
    if engine == "server":
        with (
            LocalServer(files[way], n_ctx=512) as server,
            init_decision_model(f"llamafile:{server.base_url}") as served,
        ):
            yield served
    else:
        with init_decision_model(f"llamacpp:{files[way]}", backend=engine, n_ctx=512) as loaded:
            yield loaded


def test_decision_answers_have_the_options_and_probabilities_that_sum_to_one(model: Any) -> None:
    response = model.invoke({"state": "My invoice is wrong.", "questions": questions()})
    assert 0 <= response.nouls["urgent"].noul <= 1
    team, anger = response.choices["team"], response.scores["anger"]
    assert set(team.probabilities) == set(TEAMS)
    assert team.choice == max(team.probabilities, key=team.probabilities.__getitem__)
    assert [sum(answer.probabilities.values()) for answer in (team, anger)] == pytest.approx([1, 1])
    assert anger.legend == {0: "calm", 1: "annoyed", 2: "furious"}
    assert anger.score == pytest.approx(
        sum(level * share for level, share in anger.probabilities.items())
    )
    assert response.usage["input_tokens"] > 0


def test_decision_async_answers_are_those_of_sync(model: Any) -> None:
    asked = {"state": {"text": "The server is down."}, "questions": questions()}
    one, two = model.invoke(asked), asyncio.run(model.ainvoke(asked))
    assert one.choices["team"].probabilities == pytest.approx(
        two.choices["team"].probabilities, abs=0.05
    )


def test_decision_questions_that_cannot_be_answered_are_refused(model: Any) -> None:
    for wrong in ({}, {"where": decisions.Box(instructions="Where is the boat?")}):
        with pytest.raises(InvalidRequestError):
            model.invoke({"state": "A boat.", "questions": wrong})


def test_decision_systemone_of_a_chat_model_raises_on_request(files: dict[str, Path]) -> None:
    with (
        init_decision_model(
            f"llamacpp:{files['logprobs']}", backend="xllamacpp", n_ctx=512, method="systemone"
        ) as model,
        pytest.raises(ModelCallError, match="not a decision model"),
    ):
        model.invoke({"state": "A boat.", "questions": questions()})


def test_decision_file_that_is_missing_raises_as_in_the_chat_class(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        init_decision_model(f"llamacpp:{tmp_path / 'none.gguf'}")


def test_decision_older_core_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_localllm.base.decision._HAS_DECISIONS", False)
    with pytest.raises(MissingDependencyError, match=r"langchain-core>=1\.8"):
        init_decision_model("llamafile")


def test_decision_router_and_auto_mode_of_langchain_ask_it(files: dict[str, Path]) -> None:
    middleware = pytest.importorskip("langchain.agents.middleware")
    from langchain.agents import create_agent

    with (
        init_decision_model(
            f"llamacpp:{files['systemone']}", backend="xllamacpp", n_ctx=512
        ) as model,
        ChatLlamaCpp(model_path=tiny_chat_model(), backend="xllamacpp", max_tokens=4) as chat,
    ):
        choices = {
            name: middleware.ModelChoice(model=chat, criteria=f"{name} tasks")
            for name in ("easy", "hard")
        }
        router = middleware.ModelRouterMiddleware(
            choices=choices, instructions="Which model?", classifier=model
        )
        agent: Any = create_agent(chat, middleware=[router])
        state = agent.invoke({"messages": [("human", "Hello")]})
        assert state["model_route"].choice in choices
        guard = middleware.AutoModeMiddleware(tools=["delete"], classifier=model)
        call = {"id": "1", "name": "delete", "args": {"path": "/"}}
        request = middleware.ToolCallRequest(
            tool_call=call, tool=None, state={"messages": state["messages"]}, runtime=None
        )
        result = guard.wrap_tool_call(request, lambda _: "executed")
        assert result == "executed" or "classified as risky" in result.content
