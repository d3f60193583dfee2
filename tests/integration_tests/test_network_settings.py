"""Check that sync and async code follow the same settings: proxies, certificates, keys,
compression, gateways."""

import gzip
import ssl
import subprocess
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from langchain_localllm import (
    ChatLlamafile,
    ChatOllama,
    Llamafile,
    LlamafileEmbeddings,
    OllamaEmbeddings,
    errors,
)
from langchain_localllm.base.options import warn_once
from langchain_localllm.testing import paths
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.proxy import proxy_url

from .scripted import Answer, ScriptedServer, as_json
from .wires import WIRES

CHAT = WIRES["ChatLlamafile"]
HELLO = "Hello 東京!"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    warn_once.cache_clear()  # a server of an earlier test may have had the same port
    for name in (*BUNDLES, *PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["invoke", "astream"])
def path(request: pytest.FixtureRequest) -> paths.Path:
    return paths.PATHS[request.param]


# --- proxies ---


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxied"),
    [
        ("http://10.9.8.7:8080", "10.0.0.0/8,192.168.0.0/16", False),
        ("http://10.9.8.7:8080", " 192.168.0.0/16 , 10.0.0.0/8 ", False),
        ("http://11.9.8.7:8080", "10.0.0.0/8", True),
        ("http://10.9.8.7:8080", "10.9.8.7", False),
        ("http://[fd00::1]:8080", "fd00::/8", False),
        ("http://[fe00::1]:8080", "fd00::/8", True),
        ("http://gpu.example.org", "example.org", False),
        ("http://gpu.example.org", ".example.org", False),
        ("http://gpu.example.org:8080", "gpu.example.org:8080", False),
        ("http://gpu.example.org", "*", False),
        ("http://gpu.example.org", "*.example.org", False),
        ("http://gpu.example.org", "other.org example.org", False),
        ("http://gpu.example.org.", "EXAMPLE.org", False),
        ("http://gpu.example.org:8080", "gpu.example.org:9090", True),
        ("http://my-example.org", "example.org,*.example.org", True),
        ("http://10.9.8.7:8080", "10.9.8.7:8080", False),
        ("http://10.9.8.7:8080", "10.9.8.7:9090", True),
        ("http://[fd00::1]:8080", "[fd00::1]:8080", False),
        ("https://10.9.8.7", "10.9.8.7:443", False),
        ("http://gpu.example.org", "other.org,not/a/network", True),
        ("http://gpu.example.org", "", True),
        ("http://127.0.0.1:8080", "", False),
        ("http://localhost:8080", "", False),
    ],
)
def test_connection_no_proxy_is_followed(
    url: str, no_proxy: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert proxy_url(Address.parse(url)) == ("http://proxy.example:3128" if proxied else None)


@pytest.mark.parametrize(
    ("variable", "value", "url", "proxy"),
    [
        ("HTTP_PROXY", "proxy:3128", "http://host", "http://proxy:3128"),
        ("all_proxy", "http://proxy:3128", "http://host", "http://proxy:3128"),
        ("https_proxy", "http://proxy:3128", "https://host", "http://proxy:3128"),
        ("https_proxy", "http://proxy:3128", "http://host", None),
    ],
)
def test_connection_proxies_are_found(
    variable: str, value: str, url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert proxy_url(Address.parse(url)) == proxy


def test_connection_proxy_of_another_kind_is_refused(
    path: paths.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(errors.InvalidOptionError, match="socks5 proxy"):
        path(ChatLlamafile(base_url="http://model.example"), "Hi")


def test_connection_proxy_that_does_not_answer_is_named(
    path: paths.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:hidden@127.0.0.1:9")
    with pytest.raises(errors.ConnectionFailedError, match="HTTP_PROXY") as caught:
        path(ChatLlamafile(base_url="http://model.example", max_retries=0), "Hi")
    assert "hidden" not in str(caught.value)


# --- certificates ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "own.pem", folder / "key.pem"
    made = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=own -addext "
        "subjectAltName=IP:127.0.0.1"
    )
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made.split(), *files], check=True, capture_output=True)  # noqa: S607 - any openssl will do
    return certificate, key


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[str]:
    """The address of a chat server behind https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ScriptedServer(CHAT.hello(), tls=context) as server:
        yield server.base_url


@pytest.mark.parametrize("variable", BUNDLES[:3])
def test_connection_custom_certificate_from_the_environment(
    path: paths.Path,
    secure: str,
    certificate: tuple[Path, Path],
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(certificate[0]))
    assert path(ChatLlamafile(base_url=secure), "Hi") == HELLO


def test_connection_custom_certificate_as_an_option(
    path: paths.Path, secure: str, certificate: tuple[Path, Path]
) -> None:
    assert path(ChatLlamafile(base_url=secure, verify=str(certificate[0])), "Hi") == HELLO
    assert path(ChatLlamafile(base_url=secure, verify=False), "Hi") == HELLO


def test_connection_context_of_the_callers_is_used_as_it_is(
    path: paths.Path, secure: str, certificate: tuple[Path, Path]
) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    held = context.get_ca_certs()
    chat = ChatLlamafile(base_url=secure, verify=context)
    assert path(chat, "Hi") == HELLO
    assert path(chat.bind(temperature=0), "Hi") == HELLO
    assert context.get_ca_certs() == held
    # what it does not trust is refused
    with pytest.raises(errors.WrongServerError, match="not trusted: self-signed certificate"):
        path(ChatLlamafile(base_url=secure, verify=ssl.create_default_context()), "Hi")


def test_connection_context_may_leave_out_the_hosts_name(
    path: paths.Path, secure: str, certificate: tuple[Path, Path]
) -> None:
    url = secure.replace("127.0.0.1", "localhost")  # the certificate is for the address
    context = ssl.create_default_context(cafile=str(certificate[0]))
    with pytest.raises(errors.WrongServerError, match="not trusted"):
        path(ChatLlamafile(base_url=url, verify=context), "Hi")
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.check_hostname = False
    assert path(ChatLlamafile(base_url=url, verify=context), "Hi") == HELLO


def test_connection_context_may_hold_a_clients_certificate(
    path: paths.Path, certificate: tuple[Path, Path]
) -> None:
    wants = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wants.load_cert_chain(*certificate)
    wants.load_verify_locations(certificate[0])
    wants.verify_mode = ssl.CERT_REQUIRED
    wants.maximum_version = ssl.TLSVersion.TLSv1_2  # refuses at the handshake
    context = ssl.create_default_context(cafile=str(certificate[0]))
    with ScriptedServer(CHAT.hello(), tls=wants) as server:
        with pytest.raises(errors.ModelCallError):
            path(ChatLlamafile(base_url=server.base_url, verify=context, max_retries=0), "Hi")
        context.load_cert_chain(*certificate)
        assert path(ChatLlamafile(base_url=server.base_url, verify=context), "Hi") == HELLO
    # as langchain_ollama takes it
    kwargs: dict[str, Any] = {"client_kwargs": {"verify": context}}
    assert ChatOllama(**kwargs).verify is context


def test_connection_verify_false_does_not_warn(path: paths.Path, secure: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            assert path(ChatLlamafile(base_url=secure, verify=False), "Hi") == HELLO


@pytest.mark.parametrize("verify", [None, True])
def test_connection_unknown_certificate_is_refused_with_a_fix(
    path: paths.Path, secure: str, verify: bool | None
) -> None:
    with pytest.raises(
        errors.WrongServerError,
        match=r"not trusted: self-signed certificate.*`verify`.*SSL_CERT_FILE",
    ):
        path(ChatLlamafile(base_url=secure, verify=verify), "Hi")


def test_connection_option_goes_before_the_environment(
    path: paths.Path, secure: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with pytest.raises(errors.WrongServerError, match="not trusted"):
        path(ChatLlamafile(base_url=secure, verify=True), "Hi")


def test_connection_certificates_that_do_not_exist_are_refused(
    path: paths.Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.pem"
    for make in (ChatLlamafile, Llamafile, LlamafileEmbeddings, ChatOllama, OllamaEmbeddings):
        with pytest.raises(errors.InvalidOptionError, match=r"missing\.pem, which does not exist"):
            make(verify=str(missing))
    monkeypatch.setenv("SSL_CERT_FILE", str(missing))
    with pytest.raises(errors.InvalidOptionError, match=r"`SSL_CERT_FILE` is .*missing\.pem"):
        path(ChatLlamafile(base_url="https://127.0.0.1:9"), "Hi")
    missing.write_text("no certificate")
    with pytest.raises(errors.InvalidOptionError, match="no certificates that can be read"):
        path(ChatLlamafile(base_url="https://127.0.0.1:9"), "Hi")


# --- keys ---


@pytest.mark.parametrize("key", ["", " "])
def test_connection_empty_key_is_not_sent(path: paths.Path, key: str) -> None:
    with ScriptedServer(CHAT.hello()) as server:
        assert path(ChatLlamafile(base_url=server.base_url, api_key=SecretStr(key)), "Hi") == HELLO
    assert all("authorization" not in request.headers for request in server.requests)


# --- compression ---

PACKED = {
    "gzip": gzip.compress(CHAT.whole()),
    "deflate": zlib.compress(CHAT.whole()),
    "identity": CHAT.whole(),
    "": CHAT.whole(),
    "utf-8": CHAT.whole(),
    "none": CHAT.whole(),
}


@pytest.mark.parametrize("encoding", PACKED)
def test_connection_answer_that_a_gateway_compressed_is_read(
    path: paths.Path, encoding: str
) -> None:
    data = PACKED[encoding]
    halves = (data[: len(data) // 2], data[len(data) // 2 :])
    with ScriptedServer(
        Answer(halves, headers={"Content-Type": "text/event-stream", "Content-Encoding": encoding})
    ) as server:
        assert path(ChatLlamafile(base_url=server.base_url), "Hi") == HELLO


def test_connection_compressed_errors_and_json_are_read(path: paths.Path) -> None:
    refusal = gzip.compress(b'{"error": {"message": "no such thing"}}')
    with (
        ScriptedServer(Answer([refusal], 400, {"Content-Encoding": "gzip"})) as server,
        pytest.raises(errors.InvalidRequestError, match="no such thing"),
    ):
        path(ChatLlamafile(base_url=server.base_url), "Hi")


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress"])
def test_connection_compression_that_cannot_be_read_is_named(
    path: paths.Path, encoding: str
) -> None:
    with (
        ScriptedServer(Answer([b"x"], headers={"Content-Encoding": encoding})) as server,
        pytest.raises(errors.WrongServerError, match="compress"),
    ):
        path(ChatLlamafile(base_url=server.base_url, max_retries=0), "Hi")


# --- Ollama behind a gateway ---


@pytest.mark.parametrize(
    "refusal",
    [
        Answer([b"<h1>Forbidden</h1>"], 403),
        Answer([b"404 page not found"], 404),
        as_json({"error": "Not Found"}, 404),
        Answer([b""], 405),
        as_json({"error": "method not allowed"}, 405),
    ],
)
@pytest.mark.parametrize("num_ctx", [None, 2048])
def test_connection_ollama_is_used_behind_a_gateway_that_hides_its_models(
    path: paths.Path, refusal: Answer, num_ctx: int | None
) -> None:
    with ScriptedServer(WIRES["ChatOllama"].hello()) as server:
        server.asides = {"/api/show": refusal}
        with pytest.warns(UserWarning, match="does not say what 'm' is"):
            assert (
                path(ChatOllama(base_url=server.base_url, model="m", num_ctx=num_ctx), "Hi")
                == HELLO
            )
    assert {request.body["options"].get("num_ctx") for request in server.requests} == {num_ctx}


def test_connection_ollama_embeds_behind_a_gateway_that_hides_its_models() -> None:
    with ScriptedServer(as_json({"embeddings": [[3.0, 4.0]]})) as server:
        server.asides = {"/api/show": Answer([b"no"], 403)}
        with pytest.warns(UserWarning, match="does not say"):
            assert OllamaEmbeddings(base_url=server.base_url, model="m").embed_query("a") == [
                0.6,
                0.8,
            ]
    assert "num_ctx" not in server.requests[0].body["options"]


def test_connection_missing_model_is_still_missing_behind_a_server_that_says_so(
    path: paths.Path,
) -> None:
    with ScriptedServer(WIRES["ChatOllama"].hello()) as server:
        server.asides = {"/api/show": as_json({"error": "model 'm' not found"}, 404)}
        with pytest.raises(errors.ModelMissingError, match="ollama pull m"):
            path(ChatOllama(base_url=server.base_url, model="m"), "Hi")


def test_connection_to_a_host_without_an_address_names_it(path: paths.Path) -> None:
    model = Llamafile(base_url="http://lama-server.invalid:8080", max_retries=0)
    with pytest.raises(errors.ConnectionFailedError, match="No address is known for the host in"):
        path(model, "Hi")
