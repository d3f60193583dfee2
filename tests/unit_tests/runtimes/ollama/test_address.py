"""Where Ollama is, as OLLAMA_HOST says; Ollama itself reads the variable in the same way."""

import pytest

from langchain_localllm import Ollama, OllamaEmbeddings
from langchain_localllm.runtimes.ollama.options import default_url
from langchain_localllm.transport.address import Address


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - it listens everywhere, and is asked here
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        (":1234", "http://127.0.0.1:1234"),
        ("[::]:1234", "http://[::1]:1234"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("box", "http://box:11434"),
        ("box:", "http://box:11434"),
        ("box:1234/", "http://box:1234"),
        ("'box:1234'", "http://box:1234"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box/ollama", "https://box:443/ollama"),
        ("https://box:1234/ollama/", "https://box:1234/ollama/"),
    ],
)
def test_ollama_address_is_read_from_the_environment(
    variable: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", variable)
    assert default_url() == url
    assert Ollama().base_url == OllamaEmbeddings().base_url == Address.parse(url).url


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - it listens everywhere, and is asked here
        ("my-box.local", "http://my-box.local:11434"),
        ("my-box:1234", "http://my-box:1234"),
        ("http://my-box", "http://my-box"),
        ("http://my-box:11434/v1/", "http://my-box:11434"),
    ],
)
def test_base_url_that_names_only_a_part_is_completed_as_ollamas_client_does(
    base_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert Address.parse(Ollama(base_url=base_url).base_url).url == url
    assert Address.parse(OllamaEmbeddings(base_url=base_url).base_url).url == url


def test_ollama_address_without_the_variable_it_is_ollamas_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert Ollama().base_url == "http://127.0.0.1:11434"
    assert Ollama.model_validate({"base_url": None}).base_url == "http://127.0.0.1:11434"
    assert Ollama(base_url="box:1").base_url == "http://box:1"
