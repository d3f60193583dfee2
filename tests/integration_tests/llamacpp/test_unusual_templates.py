"""Chat templates at which llama.cpp's own Jinja overflows its stack or does not end."""

from pathlib import Path

import pytest

from langchain_localllm import ChatLlamaCpp, LlamaCppEmbeddings
from langchain_localllm.errors import ChatTemplateError
from langchain_localllm.gguf import trial_load
from langchain_localllm.gguf.header import STRING
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.templates.named import named_template
from tools.engines.gguf_mutations import Header

DEEP = "{{ " + "(" * 20_000 + ")" * 20_000 + " }}"
SELF = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"
ENDLESS = "{% for a in range(1000000000) %}x{% endfor %}"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def with_template(path: Path, template: str) -> Path:
    header = Header.read(Path(tiny_chat_model()))
    header.set("tokenizer.chat_template", STRING, template)
    path.write_bytes(header.write())
    return path


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (DEEP, r"it has an expression of 40,006 characters\. .* crashes .*SIGSEGV"),
        (SELF, r"its macro m calls itself without end\. .* crashes .*SIGSEGV"),
    ],
)
def test_template_that_would_end_the_process_is_refused(
    template: str, reason: str, tmp_path: Path
) -> None:
    path = with_template(tmp_path / "model.gguf", template)
    with pytest.raises(ChatTemplateError, match=reason):
        ChatLlamaCpp(model_path=path, backend="xllamacpp", n_ctx=64)
    with pytest.raises(ChatTemplateError, match=reason):
        LlamaCppEmbeddings(model_path=path, backend="xllamacpp")
    with pytest.raises(ChatTemplateError, match=reason):
        ChatLlamaCpp(
            model_path=tiny_chat_model(), chat_template=template, backend="xllamacpp", n_ctx=64
        )
    template = named_template("chatml").source
    with ChatLlamaCpp(
        model_path=path, chat_template=template, backend="xllamacpp", n_ctx=64, max_tokens=2
    ) as chat:
        assert chat.invoke("Hello").content


def test_template_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_load, "_TEMPLATE_SECONDS", 8)
    with pytest.raises(
        ChatTemplateError, match=r"the number range\(1000000000\. .* did not finish"
    ):
        ChatLlamaCpp(
            model_path=tiny_chat_model(), chat_template=ENDLESS, backend="xllamacpp", n_ctx=64
        )


def test_unusual_template_that_renders_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    template = "{# #}{% if 1000000 in [] %}{% endif %}" + named_template("chatml").source
    for _ in range(2):
        with ChatLlamaCpp(
            model_path=tiny_chat_model(),
            chat_template=template,
            backend="xllamacpp",
            n_ctx=64,
            max_tokens=2,
        ) as chat:
            assert chat.invoke("Hello").content
        monkeypatch.setattr(
            "langchain_localllm.gguf.trial_load.subprocess.run",
            lambda *_, **__: pytest.fail("it was tried again"),
        )
