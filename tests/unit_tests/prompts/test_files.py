"""Prompts in files."""

import json
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.prompts import for_model
from langchain_localllm.prompts.files import load_folder, save
from langchain_localllm.prompts.library import CONVERSATION, QUESTION_ANSWERING

LLAMA = PromptTemplate.from_template("[INST] {question} [/INST]")


class Named(FakeListLLM):
    model: str


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_prompt_files_saved_prompt_is_chosen_by_family(form: str, tmp_path: Path) -> None:
    mistral = PromptTemplate.from_template("M {question}")
    tekken = PromptTemplate.from_template("T {question}")
    prompts = {
        "default": QUESTION_ANSWERING.text,
        "chat": QUESTION_ANSWERING.chat,
        "llama2": LLAMA,
        "mistral": mistral,
        "mistral-tekken": tekken,
    }
    files = save(prompts, tmp_path / "new" / "folder", form=form)  # type: ignore[arg-type]  # a parameter
    assert [file.name for file in files] == [f"{key}.{form}" for key in prompts]
    selector = load_folder(tmp_path / "new" / "folder")
    assert selector.get_prompt(FakeListLLM(responses=[])) == QUESTION_ANSWERING.text
    assert selector.get_prompt(FakeListChatModel(responses=[])) == QUESTION_ANSWERING.chat
    assert selector.get_prompt(Named(model="llama2", responses=[]).with_retry()) == LLAMA
    assert selector.get_prompt(Named(model="mistral-nemo", responses=[])) == tekken
    assert selector.get_prompt(Named(model="mistral", responses=[])) == mistral


def test_prompt_files_yaml_file_is_readable(tmp_path: Path) -> None:
    (file,) = save(
        {"default": PromptTemplate.from_template("Wärter:\n{question}\n")}, tmp_path, form="yaml"
    )
    assert "  template: |\n    Wärter:\n    {question}\n" in file.read_text(encoding="utf-8")


def test_prompt_files_adapted_prompt_is_saved_plain(tmp_path: Path) -> None:
    save(
        {
            "default": for_model(QUESTION_ANSWERING.chat, Named(model="qwen3", responses=[])),
            "chat": CONVERSATION.chat,
        },
        tmp_path,
    )
    selector = load_folder(tmp_path)
    assert selector.default_prompt == QUESTION_ANSWERING.chat
    assert selector.get_prompt(FakeListChatModel(responses=[])) == CONVERSATION.chat


def test_prompt_files_key_that_is_not_a_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="no family 'lama2'"):
        save({"lama2": LLAMA}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_prompt_files_prompt_with_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="default cannot be written"):
        save({"default": PromptTemplate.from_template("{x}").partial(x=lambda: "now")}, tmp_path)
    with pytest.raises(InvalidOptionError, match="default cannot be written"):
        save(
            {"default": PromptTemplate.from_template("{{ x }}", template_format="jinja2")}, tmp_path
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"text"',
        (
            '{"lc": 1, "type": "constructor", "id": ["langchain", "llms", "openai", "OpenAI"], '
            '"kwargs": {}}'
        ),
        '{"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}}',
        json.dumps(
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "prompts", "prompt", "PromptTemplate"],
                "kwargs": {
                    "template": "{{ x }}",
                    "template_format": "jinja2",
                    "input_variables": ["x"],
                },
            }
        ),
    ],
)
def test_prompt_files_that_holds_no_prompt_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "default.json").write_text(text)
    with pytest.raises(InvalidOptionError, match=r"default\.json holds no prompt"):
        load_folder(tmp_path)


def test_prompt_files_yaml_runs_no_code(tmp_path: Path) -> None:
    (tmp_path / "default.yaml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(InvalidOptionError, match=r"default\.yaml holds no prompt"):
        load_folder(tmp_path)


def test_prompt_files_folder_without_prompts_or_with_two_for_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="There are no prompts"):
        load_folder(tmp_path / "nowhere")
    save({"default": LLAMA}, tmp_path)
    save({"default": LLAMA}, tmp_path, form="yaml")
    with pytest.raises(InvalidOptionError, match="two files for default"):
        load_folder(tmp_path)


def test_file_of_no_family_is_refused(tmp_path: Path) -> None:
    save({"default": ChatPromptTemplate.from_template("{x}")}, tmp_path)
    (tmp_path / "default.json").rename(tmp_path / "my-model.json")
    with pytest.raises(InvalidOptionError, match="no family 'my-model'"):
        load_folder(tmp_path)
