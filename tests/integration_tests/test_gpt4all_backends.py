"""GPT4All's classes on the gpt4all package and on llama.cpp: which one runs a file, and that both
answer alike."""

import gc
import re
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from gguf import GGUFWriter, PoolingType

from langchain_localllm import ChatGPT4All, GPT4All, GPT4AllEmbeddings, LlamaCpp
from langchain_localllm.base.options import warn_once
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    MissingDependencyError,
    ModelFileError,
)
from langchain_localllm.gguf.header import STRING, GGUFInfo, Tensor, check_gguf
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.gpt4all import binding, llamacpp_engine, options
from langchain_localllm.runtimes.gpt4all.backend import (
    ARCHITECTURES,
    FORMER_BACKENDS,
    PRE_TOKENIZERS,
    check_supported,
)
from langchain_localllm.runtimes.gpt4all.engine import GPT4AllEngine
from langchain_localllm.runtimes.gpt4all.llamacpp_engine import LlamaCppEngine
from langchain_localllm.runtimes.gpt4all.vocabulary import Vocabulary
from tools.engines.gguf_mutations import Header
from tools.engines.models import recurrent, with_newer_type, with_window
from tools.engines.real_models import GEMMA, SMOLLM2

ROOT: Final = Path(__file__).parents[2]
TINY: Final = str(tiny_chat_model())
PROMPT: Final = "<|im_start|>user\nRepeat: red lamp<|im_end|>\n<|im_start|>assistant\n"
LLAMACPP: Final[tuple[Any, ...]] = ("llama-cpp-python", "xllamacpp")
REAL: Final = [path for path in (SMOLLM2, GEMMA) if path.exists()]


@pytest.fixture(autouse=True)
def _advice() -> Iterator[None]:
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The tiny chat model, with a pre-tokenizer that is newer than the package."""
    header = Header.read(Path(TINY))
    header.set("tokenizer.ggml.pre", STRING, "smollm")
    path = tmp_path / "newer.gguf"
    path.write_bytes(header.write())
    return path


def engine_of(model: Any) -> type:
    return type(model.engine)


# --- what the package can load ---


def test_gpt4all_package_reads_the_pre_tokenizers_that_are_listed_and_no_newer_ones(
    tmp_path: Path,
) -> None:
    """The package's own library is asked."""
    binding.binding()
    header, path = Header.read(Path(TINY)), tmp_path / "model.gguf"

    def loads(name: str) -> bool:
        header.set("tokenizer.ggml.pre", STRING, name)
        path.write_bytes(header.write())
        return Vocabulary.load(path) is not None

    assert [name for name in sorted(PRE_TOKENIZERS) if not loads(name)] == []
    assert [
        name for name in ("smollm", "tekken", "gpt-4o", "deepseek-r1-qwen", "qwen35") if loads(name)
    ] == []


def test_gpt4all_package_knows_the_architectures_that_are_listed_and_no_newer_ones(
    tmp_path: Path,
) -> None:
    module = binding.binding()

    def known(architecture: str) -> bool:
        writer = GGUFWriter(path := tmp_path / f"{architecture}.gguf", architecture)
        writer.add_name(architecture)
        writer.add_token_list(["a"])
        writer.add_pooling_type(PoolingType.MEAN)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        try:
            module.LLModel(str(path), 8, 0, "kompute").close()
        except RuntimeError:
            return False
        return True

    assert [name for name in sorted(ARCHITECTURES) if not known(name)] == []
    assert [
        name
        for name in ("qwen3", "gemma3", "mamba", "minicpm", "olmo2", "smollm3", "jina-bert-v2")
        if known(name)
    ] == []


def info_of(
    architecture: str = "llama", tokenizer: str = "llama", pre: str | None = None, kind: int = 0
) -> GGUFInfo:
    metadata = {"general.architecture": architecture, "tokenizer.ggml.model": tokenizer}
    metadata |= {"tokenizer.ggml.pre": pre} if pre else {}
    return GGUFInfo(metadata, {}, tensors={"output.weight": Tensor((32,), 32, kind)})


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (info_of("qwen3"), "does not know the architecture 'qwen3'"),
        (info_of(""), "does not know the architecture ''"),
        (info_of("llama", "rwkv"), "does not know the tokenizer 'rwkv'"),
        (info_of("bert", "t5"), "does not know the tokenizer 't5'"),
        (info_of("qwen2", "gpt2", "deepseek-r1-qwen"), "the pre-tokenizer 'deepseek-r1-qwen'"),
        (info_of(kind=34), "does not know the type 34 of the tensor output.weight"),
        (info_of(kind=39), "does not know the type 39"),
    ],
)
def test_gpt4all_newer_file_is_known_by_its_header(info: GGUFInfo, reason: str) -> None:
    with pytest.raises(
        ModelFileError,
        match=rf"GPT4All cannot load x\.gguf: the package .*{reason}.*backend='llamacpp'",
    ):
        check_supported(Path("x.gguf"), info, embeds=False)


@pytest.mark.parametrize(
    "info",
    [
        info_of(),
        info_of("llama", "gpt2"),
        info_of("llama", "llama", "newest"),  # read for byte-pair vocabularies only
        info_of(kind=30),
        info_of(kind=33),
    ],
)
def test_gpt4all_older_file_is_left_to_the_package(info: GGUFInfo) -> None:
    check_supported(Path("x.gguf"), info, embeds=False)


def test_gpt4all_vectors_of_other_architectures_are_for_llamacpp() -> None:
    with pytest.raises(
        ModelFileError, match="embeds with bert and nomic-bert only, and not with qwen2"
    ):
        check_supported(Path("x.gguf"), info_of("qwen2"), embeds=True)


PACKAGE_ALONE: Final = """
import sys
from langchain_localllm.runtimes.gpt4all.load_once import load_once
load_once(sys.argv[1], embeds=False)
print("loaded")
"""


def test_gpt4all_file_at_which_the_package_ends_the_process_runs_on_llamacpp(
    tmp_path: Path,
) -> None:
    path = with_newer_type(Path(TINY), tmp_path / "mxfp4.gguf")
    alone = subprocess.run(
        [sys.executable, "-c", PACKAGE_ALONE, str(path)], capture_output=True, check=False, cwd=ROOT
    )
    assert alone.returncode not in {0, 1}
    with pytest.warns(UserWarning, match="does not know the type 39 of the tensor"):
        llm = GPT4All(model=path, temperature=0)
    with llm:
        assert engine_of(llm) is LlamaCppEngine
        assert llm.invoke(PROMPT)


# --- which one runs a file ---


def test_gpt4all_package_keeps_what_it_can_load(recwarn: pytest.WarningsRecorder) -> None:
    with (
        GPT4All(model=TINY) as llm,
        ChatGPT4All(model=TINY) as chat,
        GPT4AllEmbeddings(model=tiny_embedding_model()) as embeddings,
    ):
        assert {engine_of(made) for made in (llm, chat, embeddings)} == {GPT4AllEngine}
    assert not recwarn.list


@pytest.mark.parametrize(
    "make",
    [recurrent, lambda model, target: with_window(model, target, 64)],
    ids=["mamba", "gemma3"],
)
def test_gpt4all_newer_architecture_runs_on_llamacpp(
    make: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    path = make(Path(TINY), tmp_path / "newer.gguf")
    with pytest.warns(UserWarning, match="does not know the architecture"):
        llm = GPT4All(model=path, max_tokens=3)
    with llm:
        assert engine_of(llm) is LlamaCppEngine
        assert isinstance(llm.invoke("The lamp"), str)


def test_gpt4all_newer_file_is_reported_once_with_the_reason_and_the_choice(newer: Path) -> None:
    words = r"newer\.gguf runs on llama\.cpp: .*'smollm'.*backend='llamacpp'.*backend='gpt4all'"
    with pytest.warns(UserWarning, match=words) as caught:
        llm = GPT4All(model=newer, temperature=0)
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]
    with llm:
        assert llm.invoke(PROMPT) == "red lamp"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with (
            ChatGPT4All(model=newer, temperature=0) as chat,
            GPT4All(model=newer, backend="llamacpp"),
        ):
            assert chat.invoke("Repeat: red lamp").text == "red lamp"
    with pytest.raises(ModelFileError, match="'smollm'"):
        GPT4All(model=newer, backend="gpt4all")


def test_gpt4all_file_that_the_package_fails_to_load_runs_on_llamacpp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the header says nothing: in a trial in another process, or in this one."""
    for failing in ("require_loadable", "GPT4AllEngine"):
        with monkeypatch.context() as patch:

            def fail(*_: Any, **__: Any) -> None:
                raise ModelFileError("GPT4All ends the process when it loads it (SIGABRT).")

            patch.setattr(options, failing, fail)
            with (
                pytest.warns(UserWarning, match="SIGABRT"),
                GPT4All(model=TINY, n_ctx=64, max_tokens=2) as llm,
            ):
                assert engine_of(llm) is LlamaCppEngine
            with pytest.raises(ModelFileError, match="SIGABRT"):
                GPT4All(model=TINY, n_ctx=64, backend="gpt4all")
        warn_once.cache_clear()


@pytest.mark.parametrize("model", REAL or [Path(TINY)], ids=lambda path: path.name)
def test_gpt4all_real_model_that_is_newer_than_the_package(model: Path) -> None:
    settings: dict[str, Any] = {"model": model, "temperature": 0, "n_predict": 6}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        llm = GPT4All(**settings)
    with llm:
        assert bool(caught) is (model in REAL)
        result = llm.generate(["The capital of France is"])
    (answer,) = result.generations[0]
    assert answer.generation_info is not None
    assert answer.generation_info["usage"]["completion_tokens"] == 6
    assert answer.generation_info["finish_reason"] == "length"
    assert answer.generation_info["model_name"] == model.name


# --- the choice ---


@pytest.mark.parametrize("backend", ["llamacpp", *LLAMACPP])
def test_gpt4all_llamacpp_can_be_chosen(backend: Any, recwarn: pytest.WarningsRecorder) -> None:
    with (
        GPT4All(model=TINY, backend=backend, temperature=0) as llm,
        ChatGPT4All(model=TINY, backend=backend) as chat,
    ):
        assert llm.invoke(PROMPT) == "red lamp"
        assert llm.on_llamacpp().backend == (
            backend if backend in LLAMACPP else LlamaCpp.PREFERRED_BACKEND
        )
        assert chat.engine is llm.engine
    assert not recwarn.list


@pytest.mark.parametrize("name", sorted(FORMER_BACKENDS))
def test_gpt4all_former_backend_values_have_no_effect(name: Any) -> None:
    with pytest.warns(UserWarning, match=f"backend='{name}' of GPT4All has no effect"):
        llm = GPT4All(model=TINY, backend=name)
    with llm:
        assert llm.backend is None
        assert engine_of(llm) is GPT4AllEngine


def test_gpt4all_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidOptionError, match="'gpt4all', 'llamacpp', 'llama-cpp-python' or 'xllamacpp'"
    ):
        GPT4All(model=TINY, backend="llama.cpp")  # type: ignore[arg-type]  # on purpose


LACKING: Final[list[dict[str, Any]]] = [
    {
        "json_schema": {
            "type": "object",
            "properties": {"lamp": {"enum": ["red"]}},
            "required": ["lamp"],
        }
    },
    {"grammar": 'root ::= "yes" | "no"'},
    {"logprobs": 1},
    {"n_probs": 1},
    {"logprobs": True, "top_logprobs": 2},
    {"logit_bias": {"lamp": False}},
]


@pytest.mark.parametrize("given", LACKING, ids=lambda given: next(iter(given)))
@pytest.mark.parametrize("cls", [GPT4All, ChatGPT4All])
def test_gpt4all_option_that_the_package_lacks_is_for_llamacpp(
    cls: Any, given: dict[str, Any]
) -> None:
    with cls(model=TINY, temperature=0, max_tokens=24, **given) as made:
        assert engine_of(made) is LlamaCppEngine
        assert made.backend == "llamacpp"
        assert made.invoke("Repeat: red lamp")
    with pytest.raises(
        InvalidOptionError, match=r"The gpt4all package has no `\w+`.*backend='llamacpp'"
    ):
        cls(model=TINY, backend="gpt4all", **given)
    with (
        cls(model=TINY) as on_package,
        pytest.raises(InvalidOptionError, match=r"has no `\w+`.*backend='llamacpp'"),
    ):
        on_package.invoke("Hi", **given)
    with cls(model=TINY, backend="llamacpp", temperature=0, max_tokens=24) as other:
        assert other.invoke("Repeat: red lamp", **given)


def test_gpt4all_schema_is_enforced_and_logprobs_are_reported() -> None:
    with GPT4All(model=TINY, backend="llamacpp", temperature=0, max_tokens=24) as llm:
        assert llm.invoke("Rain is", grammar='root ::= "yes" | "no"') in {"yes", "no"}
        assert re.fullmatch(r'\{\s*"lamp":\s*"red"\s*\}', llm.invoke("Rain is", **LACKING[0]))
        info = llm.generate(["Rain is"], logprobs=2, max_tokens=3).generations[0][0].generation_info
        assert info is not None
        assert [len(token["top_logprobs"]) for token in info["logprobs"]] == [2, 2, 2]


# --- both answer alike ---


@pytest.fixture(params=LLAMACPP)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[GPT4All, GPT4All]]:
    """The same object on the package and on llama.cpp."""
    settings: dict[str, Any] = {"model": TINY, "temperature": 0, "n_predict": 20}
    with GPT4All(**settings) as package, GPT4All(**settings, backend=request.param) as llamacpp:
        yield package, llamacpp


@pytest.mark.parametrize(
    "prompt", [PROMPT, "The lamp on the table is", "Größe 灯", "Rain <|im_end|> is"]
)
@pytest.mark.parametrize(
    "call",
    [{}, {"max_tokens": 3}, {"stop": ["lamp"]}, {"repeat_penalty": 1.0, "repeat_last_n": -1}],
)
def test_gpt4all_greedy_answers_and_results_are_the_same(
    pair: tuple[GPT4All, GPT4All], prompt: str, call: dict[str, Any]
) -> None:
    one, other = [llm.generate([prompt], **call) for llm in pair]
    (first,), (second,) = one.generations[0], other.generations[0]
    assert first.text == second.text
    assert first.generation_info is not None
    assert second.generation_info is not None
    assert first.generation_info.keys() == second.generation_info.keys()
    for key in ("finish_reason", "normalized_finish_reason", "model_name"):
        assert first.generation_info[key] == second.generation_info[key]
    usages = [info["usage"] for info in (first.generation_info, second.generation_info)]
    assert len({usage["prompt_tokens"] for usage in usages}) == 1
    ends = (
        pair[1].backend == "xllamacpp"
        and first.generation_info["finish_reason"] == "stop"
        and "stop" not in call
    )
    assert (
        usages[1]["completion_tokens"] - usages[0]["completion_tokens"] == ends
    )  # the server counts the token that ends an answer
    assert pair[0].get_token_ids(prompt) == pair[1].get_token_ids(prompt)


@pytest.mark.parametrize("backend", LLAMACPP)
def test_gpt4all_chats_are_the_same(backend: Any) -> None:
    settings: dict[str, Any] = {"model": TINY, "temperature": 0, "max_tokens": 30}
    messages = [("system", "Be brief."), ("human", "Repeat: red <|im_end|> lamp")]
    with ChatGPT4All(**settings) as package, ChatGPT4All(**settings, backend=backend) as llamacpp:
        one, other = package.invoke(messages), llamacpp.invoke(messages)
        assert one.response_metadata.keys() == other.response_metadata.keys()
        assert (
            one.response_metadata["model_provider"]
            == other.response_metadata["model_provider"]
            == "gpt4all"
        )
        # the package enforces nothing
        assert {**(package.profile or {}), "structured_output": True} == llamacpp.profile
        plain = [("human", "Repeat: red lamp")]
        assert package.get_num_tokens_from_messages(
            package._convert_input(plain).to_messages()
        ) == (llamacpp.get_num_tokens_from_messages(llamacpp._convert_input(plain).to_messages()))
        with pytest.raises(InvalidRequestError, match="this class"):
            llamacpp.invoke(
                [
                    (
                        "human",
                        [
                            {
                                "type": "image_url",
                                "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
                            }
                        ],
                    )
                ]
            )


@pytest.mark.parametrize("backend", LLAMACPP)
def test_forced_call_is_enforced(backend: Any) -> None:
    def paint(colour: str, coats: int) -> str:
        """Paint the house."""
        return f"{colour} {coats}"

    with ChatGPT4All(model=TINY, temperature=0, max_tokens=60, backend=backend) as chat:
        (call,) = chat.bind_tools([paint], tool_choice="paint").invoke("Rain is cold.").tool_calls
        assert call["name"] == "paint"
        assert call["args"].keys() == {"colour", "coats"}
        assert isinstance(call["args"]["coats"], int)


def test_gpt4all_defaults_and_options_reach_llamacpp() -> None:
    with GPT4All(model=TINY, backend="llamacpp", n_ctx=256) as llm:
        wanted = llm.on_llamacpp()
        assert (wanted.temperature, wanted.top_k, wanted.top_p, wanted.min_p) == (0.7, 40, 0.1, 0.0)
        assert (wanted.repeat_penalty, wanted.last_n_tokens_size, wanted.max_tokens) == (
            1.18,
            64,
            256,
        )
        assert (wanted.n_ctx, wanted.n_gpu_layers, wanted.n_threads, wanted.seed) == (
            256,
            0,
            None,
            None,
        )
        given = {
            "temp": 0.1,
            "top_k": 2,
            "top_p": 0.5,
            "min_p": 0.2,
            "n_predict": 7,
            "seed": 5,
            "timeout": 9.0,
            "n_batch": 8,
        }
        called = llm.with_options(
            {**given, "repeat_penalty": 1.1, "repeat_last_n": 8, "n_threads": 10_000}
        ).on_llamacpp()
        assert (called.temperature, called.top_k, called.top_p, called.min_p) == (0.1, 2, 0.5, 0.2)
        assert (called.max_tokens, called.seed, called.timeout, called.n_batch) == (
            7,
            5,
            9.0,
            wanted.n_batch,
        )
        assert (called.repeat_penalty, called.last_n_tokens_size) == (1.1, 8)
        assert 1 <= called.n_threads < 10_000
        assert llm.invoke(PROMPT, n_batch=8, seed=3) == llm.invoke(PROMPT, seed=3)
        assert llm.on_llamacpp().engine is wanted.engine


def test_gpt4all_device_that_llamacpp_does_not_have_is_refused() -> None:
    for backend in LLAMACPP:
        with pytest.raises(InvalidRequestError, match=r"cannot use device='cuda'.*device='cpu'"):
            GPT4All(model=TINY, backend=backend, device="cuda")


def test_cache_key_holds_what_answers(newer: Path) -> None:
    with GPT4All(model=TINY) as package, GPT4All(model=TINY, backend="llamacpp") as chosen:
        assert package._identifying_params["backend"] == "gpt4all"
        assert chosen._identifying_params["backend"] == "llamacpp"
    with pytest.warns(UserWarning, match="smollm"), GPT4All(model=newer) as found:
        assert found._identifying_params["backend"] == "llamacpp"


def test_gpt4all_llamacpp_is_shared_and_freed(newer: Path) -> None:
    with pytest.warns(UserWarning, match="smollm"):
        one = GPT4All(model=newer, max_tokens=2)
    other = ChatGPT4All(model=newer, max_tokens=2)
    assert one.engine is other.engine
    engine_closed_error = weakref.ref(one.on_llamacpp().engine)
    one.close()
    assert other.invoke("Hi")
    assert engine_closed_error() is not None
    other.close()
    gc.collect()
    assert engine_closed_error() is None
    assert one.invoke("Hi")
    one.close()


# --- packages that are missing ---


WITHOUT_PACKAGE: Final = """
import sys, warnings
sys.modules |= dict.fromkeys({missing})
warnings.simplefilter("ignore")
{code}
"""


def page_blocks(count: int) -> str:
    """The first examples of docs/gpt4all.md."""
    page = (ROOT / "docs/gpt4all.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:count])


@pytest.mark.parametrize(
    "missing", [["gpt4all"], ["gpt4all", "llama_cpp"]], ids=["llama-cpp-python", "xllamacpp"]
)
def test_gpt4all_page_runs_without_the_package(missing: list[str]) -> None:
    code = WITHOUT_PACKAGE.format(code=page_blocks(2), missing=missing)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("red lamp\nred lamp\n")


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    binding.binding.cache_clear()
    monkeypatch.setitem(sys.modules, "gpt4all", None)
    yield
    binding.binding.cache_clear()


@pytest.mark.usefixtures("no_package")
def test_gpt4all_without_the_package_all_run_on_llamacpp() -> None:
    with pytest.warns(
        UserWarning,
        match=r"tiny-chat\.gguf runs on llama\.cpp: The gpt4all package cannot be loaded",
    ):
        llm = GPT4All(model=TINY, temperature=0)
    with pytest.warns(UserWarning, match=r"tiny-embed\.gguf runs on llama\.cpp"):
        embeddings = GPT4AllEmbeddings(model=tiny_embedding_model())
    with llm, embeddings:
        assert llm.invoke(PROMPT) == "red lamp"
        assert len(embeddings.embed_query("a lamp")) == 256
    with pytest.raises(
        MissingDependencyError, match=r'pip install "langchain-localllm\[gpt4all\]"'
    ):
        GPT4All(model=TINY, backend="gpt4all")


@pytest.mark.usefixtures("no_package")
def test_gpt4all_without_any_package_the_error_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "llamacpp_is_installed", lambda: False)
    with pytest.raises(
        MissingDependencyError, match=r"langchain-localllm\[gpt4all\].*backend='llamacpp'"
    ):
        GPT4All(model=TINY)


def test_gpt4all_llamacpp_is_found_by_either_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert llamacpp_engine.llamacpp_is_installed()
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    assert llamacpp_engine.llamacpp_is_installed()
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert not llamacpp_engine.llamacpp_is_installed()


def test_gpt4all_tiny_models_are_for_the_package() -> None:
    check_supported(Path(TINY), check_gguf(TINY), embeds=False)
    check_supported(tiny_embedding_model(), check_gguf(tiny_embedding_model()), embeds=True)
