"""Each option of the text class, on the real engine."""

import json
import warnings
from pathlib import Path
from typing import Any, Final

import pytest
from llama_cpp.llama_grammar import LlamaGrammar
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

from langchain_localllm import LlamaCpp
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError, ModelFileError
from tools.engines.models import lora_adapter

PROMPT: Final = "The lamp on the table is"
SCHEMA: Final = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
AnyArguments: Final[Any] = LlamaCpp
"""The class, for arguments that are not fields."""


# --- grammars ---


def test_text_of_several_bytes_comes_in_whole_characters(llm: LlamaCpp) -> None:
    text = "né 3 € 😀 日本"
    pieces = list(llm.stream(PROMPT, grammar=f'root ::= "{text}"', max_tokens=60))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_llamacpp_grammar_can_be_an_object_or_a_file(llm: LlamaCpp, tmp_path: Path) -> None:
    path = tmp_path / "answer.gbnf"
    path.write_text('root ::= "yes"')
    assert llm.invoke(PROMPT, grammar_path=path) == "yes"
    assert llm.invoke(PROMPT, grammar=LlamaGrammar.from_string('root ::= "no"')) == "no"
    with pytest.raises(InvalidOptionError, match="cannot be used together"):
        llm.invoke(PROMPT, grammar="root ::= [a-z]", grammar_path=path)
    with pytest.raises(InvalidOptionError, match="cannot be read"):
        llm.invoke(PROMPT, grammar_path=tmp_path / "missing.gbnf")


@pytest.mark.parametrize("temperature", [0, 1])
def test_json_schema_is_followed(llm: LlamaCpp, temperature: float) -> None:
    answers = llm.batch(
        [PROMPT] * 4, json_schema=SCHEMA, temperature=temperature, max_tokens=200, logit_bias={}
    )
    for answer in answers:
        assert isinstance(json.loads(answer)["age"], int)


@pytest.mark.parametrize("temperature", [0, 1])
def test_llamacpp_grammar_that_nothing_satisfies_fails_its_request_only(
    llm: LlamaCpp, temperature: float
) -> None:
    model = llm.engine.model
    banned = {token: False for token in range(model.size) if model.piece(token)[:1] == b"q"}
    with pytest.raises(InvalidRequestError, match="cannot be satisfied"):
        llm.invoke(PROMPT, grammar='root ::= "q"', logit_bias=banned, temperature=temperature)
    assert llm.invoke(PROMPT)


@pytest.mark.parametrize("grammar", ["", "root ::= (", "answer ::= [a-z]", "root ::= root [a]"])
def test_llamacpp_grammar_that_does_not_parse_is_refused(llm: LlamaCpp, grammar: str) -> None:
    with pytest.raises(InvalidRequestError, match="grammar"):
        llm.invoke(PROMPT, grammar=grammar)
    assert llm.invoke(PROMPT)


# --- what is reported ---


def test_llamacpp_logprobs_are_those_of_the_model(llm: LlamaCpp) -> None:
    tokens = llm.generate([PROMPT], logprobs=3, max_tokens=5).generations[0][0].generation_info
    assert tokens is not None
    assert len(tokens["logprobs"]) == 5
    for token in tokens["logprobs"]:
        best = [other["logprob"] for other in token["top_logprobs"]]
        assert best == sorted(best, reverse=True)
        assert token["logprob"] == best[0] <= 0
        assert len(best) == 3


def test_special_tokens_are_not_printed(llm: LlamaCpp) -> None:
    control = llm.get_token_ids("<|im_start|>")
    assert len(control) == 1
    answer = llm.generate(
        [PROMPT], logit_bias={control[0]: 1000.0}, max_tokens=5, logprobs=0
    ).generations[0][0]
    assert answer.text == ""
    assert answer.generation_info is not None
    assert [token["id"] for token in answer.generation_info["logprobs"]] == control * 5


# --- sampling ---


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 1},
        {"top_p": 0.0},
        {"min_p": 1.0},
        {"typical_p": 0.001},
        {"temperature": 0.0},
        {"repeat_penalty": 5.0, "temperature": 0},
        {"frequency_penalty": 5.0, "temperature": 0},
        {"presence_penalty": 9.0, "temperature": 0},
        {"mirostat": 1, "mirostat_tau": 1.0},
        {"mirostat_mode": 2, "mirostat_tau": 1.0, "mirostat_eta": 0.2},
        {"logit_bias": {300: 1000.0}},
    ],
    ids="-".join,
)
def test_llamacpp_each_sampling_option_changes_the_answer(
    llm: LlamaCpp, options: dict[str, Any]
) -> None:
    hot = {"temperature": 3, "top_k": 0, "top_p": 1, "min_p": 0, "seed": 3}
    base: dict[str, Any] = (
        {"temperature": 0} if len(options) > 1 and "temperature" in options else hot
    )
    assert llm.invoke(PROMPT, **{**base, **options}) != llm.invoke(PROMPT, **base)


def test_llamacpp_token_outside_the_vocabulary_cannot_be_biased(llm: LlamaCpp) -> None:
    with pytest.raises(InvalidRequestError, match="vocabulary ends"):
        llm.invoke(PROMPT, logit_bias={10**7: 1.0})


# --- loading ---


def test_llamacpp_draft_model_changes_the_speed_only(
    llm: LlamaCpp, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = LlamaPromptLookupDecoding(num_pred_tokens=5)
    with AnyArguments(
        model_path=model_file,
        n_ctx=512,
        temperature=0,
        max_tokens=24,
        model_kwargs={"draft_model": draft},
    ) as guessing:
        context = guessing.engine._worker._context
        decode, sizes = context.decode, list[int]()

        def noted(parts: Any) -> Any:
            sizes.append(len(parts[0].tokens))
            return parts

        monkeypatch.setattr(context, "decode", lambda parts: decode(noted(parts)))
        answer = guessing.invoke("one two three one two three one two")
        assert max(sizes[1:]) > 1
        assert len(sizes) < 24
        assert answer == llm.invoke("one two three one two three one two")


def test_llamacpp_adapter_is_applied_by_its_scale(
    llm: LlamaCpp, model_file: Path, tmp_path: Path
) -> None:
    adapter = lora_adapter(model_file, tmp_path / "adapter.gguf")
    answers = []
    for scale in (0.0, 100.0):
        with LlamaCpp(
            model_path=model_file,
            lora_path=adapter,
            lora_scale=scale,
            n_ctx=512,
            temperature=0,
            max_tokens=24,
        ) as adapted:
            answers.append(adapted.invoke(PROMPT))
    assert answers[0] == llm.invoke(PROMPT)
    assert answers[1] != answers[0]
    with pytest.raises(ModelFileError, match="not a LoRA adapter"):
        LlamaCpp(model_path=model_file, lora_path=model_file)


@pytest.mark.parametrize("kind", ["f32", "q8_0", 8])
def test_llamacpp_cache_can_have_other_types(kind: str | int, model_file: Path) -> None:
    with LlamaCpp(
        model_path=model_file, type_k=kind, type_v=kind, flash_attn=True, n_ctx=512, max_tokens=8
    ) as llm:
        assert llm.invoke(PROMPT)


def test_llamacpp_unknown_cache_type_is_refused(model_file: Path) -> None:
    with pytest.raises(InvalidOptionError, match="is not a cache type"):
        LlamaCpp(model_path=model_file, type_k="q3_z")


def test_llamacpp_context_that_does_not_fit_into_memory_is_refused(model_file: Path) -> None:
    with pytest.raises(InvalidOptionError, match="smaller `n_ctx`"):
        LlamaCpp(model_path=model_file, n_ctx=2_000_000_000)


def test_llamacpp_removed_arguments_are_accepted_with_a_warning(model_file: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        AnyArguments(
            model_path=model_file,
            n_ctx=512,
            f16_kv=True,
            n_parts=-1,
            logits_all=False,
            vocab_only=False,
            streaming=True,
        )
        AnyArguments(model_path=model_file, n_ctx=512, f16_kv=True)
    assert len([warning for warning in caught if "f16_kv" in str(warning.message)]) <= 1


def test_llamacpp_model_kwargs_are_arguments_like_others(model_file: Path) -> None:
    with AnyArguments(model_path=model_file, model_kwargs={"n_ctx": 300, "n_ubatch": 64}) as llm:
        assert llm.n_ctx == 300
    with pytest.raises(InvalidOptionError, match="given twice"):
        AnyArguments(model_path=model_file, n_ctx=512, model_kwargs={"n_ctx": 300})
    with pytest.raises(InvalidOptionError, match="has no option `n_ctxt`"):
        AnyArguments(model_path=model_file, model_kwargs={"n_ctxt": 300})


# --- the prompt ---


def test_llamacpp_echo_begins_with_the_prompt(llm: LlamaCpp) -> None:
    assert llm.invoke(PROMPT, echo=True) == PROMPT + llm.invoke(PROMPT)


def test_llamacpp_model_that_was_not_made_for_it_does_not_fill_gaps(llm: LlamaCpp) -> None:
    with pytest.raises(InvalidRequestError, match="suffix"):
        llm.invoke("def f():", suffix="return 1")


def test_cache_key_holds_the_grammar_and_not_its_path(llm: LlamaCpp, tmp_path: Path) -> None:
    path = tmp_path / "answer.gbnf"
    path.write_text('root ::= "yes"')
    by_path, by_text = (
        llm.with_options({"grammar_path": path}),
        llm.with_options({"grammar": 'root ::= "yes"'}),
    )
    assert by_path._identifying_params == by_text._identifying_params
    assert "n_threads" not in llm._identifying_params


# --- what others bring ---


@pytest.mark.parametrize(
    "draft", [lambda _: 1 / 0, lambda _: None, object()], ids=["raises", "nothing", "no function"]
)
def test_llamacpp_draft_model_that_fails_fails_its_request_only(llm: LlamaCpp, draft: Any) -> None:
    expected = llm.invoke(PROMPT)
    with pytest.raises(InvalidRequestError, match="`draft_model` failed"):
        llm.invoke(PROMPT, draft_model=draft)
    assert llm.invoke(PROMPT) == expected


def test_llamacpp_invalid_draft_tokens_are_skipped(llm: LlamaCpp) -> None:
    for guess in (10**7, -1):
        assert llm.invoke(PROMPT, draft_model=lambda _, guess=guess: [guess]) == llm.invoke(PROMPT)


@pytest.mark.parametrize(
    "given",
    [
        {"type_k": 99},
        {"type_v": "q9_9"},
        {"tensor_split": [1.0] * 1000},
        {"kv_overrides": {"k" * 200: 1}},
        {"kv_overrides": {"general.name": "n" * 200}},
        {"kv_overrides": {"llama.context_length": 2**70}},
        {"n_threads": 10**6},
        {"type_v": "q8_0", "flash_attn": False},
    ],
    ids="-".join,
)
def test_llamacpp_settings_that_llama_cpp_has_no_room_for_are_refused(
    model_file: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(InvalidOptionError):
        AnyArguments(model_path=model_file, n_ctx=256, **given)
