# ruff: noqa: S311 - generated text, no secret
"""The generator of the tiny models' training text: deterministic, with a real held-out split. Needs
no torch."""

from __future__ import annotations

import random

import pytest

from tools.tiny_models import chat_tasks, chat_tools
from tools.tiny_models.lexicon import LEXICON
from tools.tiny_models.relations import RELATIONS
from tools.tiny_models.template import TEMPLATE, render
from tools.tiny_models.world import is_held_out, make_fact, make_name, make_word

DRAWS = 300


def test_tiny_models_same_seed_same_facts() -> None:
    first = [make_fact(random.Random(4)) for _ in range(3)]
    assert first == [make_fact(random.Random(4)) for _ in range(3)]
    rng = random.Random(4)
    assert len({make_fact(rng).sentence for _ in range(DRAWS)}) > 0.95 * DRAWS


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("relation", sorted(RELATIONS))
def test_tiny_models_facts_are_whole(relation: str, held_out: bool) -> None:
    rng = random.Random(11)
    for _ in range(20):
        fact = make_fact(rng, held_out=held_out, relation=relation)
        assert fact.answer in fact.sentence
        assert "{" not in fact.sentence + fact.question
        assert fact.sentence in fact.sentences
        assert fact.question in fact.questions


def test_tiny_models_names_are_held_out() -> None:
    rng = random.Random(3)
    assert all(not is_held_out(make_word(rng)) for _ in range(DRAWS))
    assert all(is_held_out(make_word(rng, held_out=True)) for _ in range(DRAWS))
    trained = {make_name(rng) for _ in range(DRAWS)}
    assert not trained & {make_name(rng, held_out=True) for _ in range(DRAWS)}


@pytest.mark.parametrize("relation", sorted(RELATIONS))
def test_tiny_models_patterns_are_held_out(relation: str) -> None:
    patterns = RELATIONS[relation]
    for told in (patterns.sentences, patterns.questions):
        assert len(told) >= 4
        assert len(set(told)) == len(told)


def test_passage_count_is_held_out() -> None:
    rng = random.Random(2)
    counts = {
        chat_tasks.passage_count(rng, level) for level in (0.0, 0.3, 0.6, 1.0) for _ in range(DRAWS)
    }
    assert chat_tasks.HELD_OUT_PASSAGES not in counts
    assert {1, 2, 3, 4} <= counts


def test_tiny_models_world_is_large() -> None:
    words = {word for values in LEXICON.values() for value in values for word in value.split()}
    assert len(words) >= 1500
    assert len(RELATIONS) >= 80


@pytest.mark.parametrize("task", list(chat_tasks.MIX), ids=lambda task: task.__name__)
def test_tiny_models_every_task_ends_with_an_answer(task: chat_tasks.Task) -> None:
    for seed in range(40):
        example = task(random.Random(seed), 1.0)
        assert example.messages[-1]["role"] == "assistant"
        assert any(learnt for _, learnt in example.segments())
        assert "{word}" not in str(example.messages)


def test_tiny_models_answers_are_copied_or_refused() -> None:
    rng = random.Random(8)
    for _ in range(60):
        example = chat_tasks.passages(rng, 1.0, held_out=True, count=3, refuse=False)
        assert example.messages[-1]["content"] in example.messages[1]["content"]
        refused = chat_tasks.passages(rng, 1.0, held_out=True, count=3, refuse=True)
        assert refused.messages[-1]["content"] == chat_tasks.REFUSAL


def test_tiny_models_calls_fit_their_tools() -> None:
    rng = random.Random(9)
    for _ in range(DRAWS):
        job = chat_tools.make_job(rng)
        parameters = job.tool["function"]["parameters"]
        assert set(job.arguments) <= set(parameters["properties"])
        assert set(parameters.get("required", [])) <= set(job.arguments)


def test_tiny_models_python_and_jinja_render_alike() -> None:
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(autoescape=False)
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": False}
    environment.filters["tojson"] = lambda value: __import__("json").dumps(
        value, ensure_ascii=False
    )
    template = environment.from_string(TEMPLATE)
    rng = random.Random(12)
    for task in chat_tasks.MIX:
        for _ in range(15):
            example = task(rng, 1.0)
            if not example.raw:
                text = "".join(piece for piece, _ in render(example.messages, example.tools))
                assert template.render(messages=example.messages, tools=example.tools) == text
