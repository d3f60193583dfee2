"""The API behind the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from langchain_localllm.rag.ingest.file_keys import readable
from langchain_localllm.web import app as page_app
from langchain_localllm.web.history import History
from langchain_localllm.web.library import Library
from langchain_localllm.web.security import RequestLimits
from tests.unit_tests.web.conftest import CHAT, EMBEDDINGS, TOKEN, client, idle

ENDPOINTS = [
    ("GET", "/"),
    ("GET", "/api/state"),
    ("POST", "/api/ask"),
    ("GET", "/api/files"),
    ("DELETE", "/api/files?source=notes/boats.md"),
    ("PUT", "/api/uploads?name=a.txt"),
    ("POST", "/api/index"),
    ("GET", "/api/document?source=notes/boats.md"),
    ("GET", "/api/page?source=notes/boats.md&page=1"),
    ("GET", "/api/models"),
    ("POST", "/api/models"),
    ("GET", "/api/conversations"),
    ("DELETE", "/api/conversations"),
    ("GET", "/api/conversations/0123456789abcdef"),
    ("DELETE", "/api/conversations/0123456789abcdef"),
]


def events_of(api: TestClient, question: str, conversation: str = "") -> list[dict[str, Any]]:
    response = api.post("/api/ask", json={"question": question, "conversation": conversation})
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.splitlines()]


def joined(events: list[dict[str, Any]], name: str) -> Any:
    parts = [event[name] for event in events if name in event]
    return "".join(parts) if name == "answer" else [each for part in parts for each in part]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_ui_app_every_endpoint_needs_the_token_and_refuses_other_pages(
    api: TestClient, method: str, path: str
) -> None:
    for wrong in (
        {"Authorization": "Bearer wrong"},
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
    ):
        response = api.request(method, path, headers=wrong)
        assert response.status_code == (401 if "Authorization" in wrong else 403)
        assert "swordfish" not in response.text
        assert TOKEN not in response.text


def test_ui_app_every_route_is_covered_by_the_test_above(api: TestClient) -> None:
    guard: Any = api.app
    paths = {
        route.path.replace("{key}", "0123456789abcdef")
        for route in guard._app.routes
        if route.path != "/assets"
    }
    assert paths == {path.partition("?")[0] for _, path in ENDPOINTS}


def test_ui_app_page_may_run_and_fetch_only_what_is_its_own(api: TestClient) -> None:
    response = api.get("/", params={"token": TOKEN}, headers={"Authorization": ""})
    assert response.status_code == 200
    policy = dict(
        part.split(" ", 1) for part in response.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert "http" not in "".join(policy.values())
    assert "<script>" not in response.text
    assert " style=" not in response.text


def test_ui_app_pages_files_name_no_other_host_and_make_no_markup() -> None:
    for path in page_app.STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "innerHTML" not in text, path
        assert "eval(" not in text, path


def test_ui_app_wrong_token_shows_what_to_do(api: TestClient) -> None:
    response = api.get("/", params={"token": "wrong"}, headers={"Authorization": ""})
    assert response.status_code == 401
    assert "localllm ui" in response.text
    assert response.headers["content-type"].startswith("text/html")


def test_ui_app_pages_address_opens_it_with_any_token(library: Library, tmp_path: Path) -> None:
    token = "".join(map(chr, range(ord("!"), ord("~") + 1)))  # all that a key can have
    app = page_app.ui_app(library, History(tmp_path / "conversations"), token=token)
    server = "http://127.0.0.1:8000"
    assert TestClient(app).get(page_app.page_address(server, token)).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "..\\app.py", "x/../../app.py"],
)
def test_ui_app_assets_do_not_leave_their_folder(api: TestClient, path: str) -> None:
    response = api.get(f"/assets/{path}")
    assert response.status_code in {401, 404}
    assert "ui_app" not in response.text


def test_ui_app_answer_streams_with_its_citations_and_is_kept(api: TestClient) -> None:
    events = events_of(api, "Is the boat blue?")
    assert (
        joined(events, "answer")
        == "The <b>boat</b> is blue <script>alert(1)</script> [1]. [?] It flies. [?]"
    )
    assert sum("answer" in event for event in events) > 3
    (cited,) = joined(events, "citations")
    assert (cited["marker"], cited["quote"], cited["heading"]) == (
        1,
        "The boat is blue.",
        "Boats > Small ones",
    )
    assert [each["marker"] for each in joined(events, "invalid_citations")] == [9]
    assert events[-1] == {"status": "done", "fault": "", "refused": False}
    key = events[0]["conversation"]
    kept = api.get(f"/api/conversations/{key}").json()
    assert kept["turns"][0]["answer"] == joined(events, "answer")
    assert kept["turns"][0]["model"] == "stand-in.gguf"
    document = api.get(
        "/api/document", params={"source": cited["source"], "passage": cited["id"]}
    ).json()
    assert document["shown"][document["found"]]["text"] == cited["passage"]


def test_ui_app_follow_up_belongs_to_its_conversation(api: TestClient) -> None:
    key = events_of(api, "Is the boat blue?")[0]["conversation"]
    assert events_of(api, "Does the boat leak?", key)[0]["conversation"] == key
    turns = api.get(f"/api/conversations/{key}").json()["turns"]
    assert [turn["question"] for turn in turns] == ["Is the boat blue?", "Does the boat leak?"]
    assert key in [each["id"] for each in api.get("/api/conversations").json()]
    assert api.delete(f"/api/conversations/{key}").status_code == 200
    assert key not in [each["id"] for each in api.get("/api/conversations").json()]
    assert api.get(f"/api/conversations/{key}").status_code == 400


FOREIGN = [
    "secret.txt",
    "../secret.txt",
    "notes/../secret.txt",
    "/etc/passwd",
    "",
    ".localllm/catalogue.sqlite",
    "notes",
]


@pytest.mark.parametrize("source", FOREIGN)
def test_ui_app_documents_are_served_only_from_the_index(
    api: TestClient, folder: Path, source: str
) -> None:
    for wanted in (source, str(folder / source)):
        response = api.get("/api/document", params={"source": wanted})
        assert response.status_code == 400
        assert "does not hold this document" in response.json()["error"]["message"]
        assert api.get("/api/page", params={"source": wanted, "page": 1}).status_code == 400
        assert api.delete("/api/files", params={"source": wanted}).status_code == 400


def test_ui_app_files_are_listed_with_the_reason_why_one_was_left_out(api: TestClient) -> None:
    found = api.get("/api/files").json()
    assert found["total"] == 3
    assert "broken" in found["files"][0]["problem"]
    assert [
        file["name"]
        for file in api.get("/api/files", params={"words": "NOTES boats"}).json()["files"]
    ] == ["notes/boats.md"]
    assert api.get("/api/files", params={"offset": "x"}).status_code == 400
    assert api.get("/api/page", params={"source": "notes/broken.pdf", "page": 0}).status_code == 400
    assert (
        api.get("/api/page", params={"source": "notes/broken.pdf", "page": 1})
        .json()["error"]["message"]
        .endswith("cannot be drawn.")
    )


def test_ui_app_uploaded_file_is_indexed_answers_and_can_be_removed(library: Library) -> None:
    api = client(library)
    assert (
        api.put(
            "/api/uploads", params={"name": "more/lamps.md"}, content="The lamp is green."
        ).status_code
        == 201
    )
    assert api.post("/api/index", json={"uploads": True}).status_code == 202
    assert idle(library)["report"]["added"] == 1
    (file,) = api.get("/api/files", params={"words": "lamps"}).json()["files"]
    assert (file["name"], file["uploaded"], file["passages"]) == ("more/lamps.md", True, 1)
    assert (
        joined(events_of(api, "Is the lamp green?"), "passages")[0]["passage"]
        == "The lamp is green."
    )
    assert api.delete("/api/files", params={"source": file["source"]}).status_code == 202
    assert idle(library)["fault"] == ""
    assert api.get("/api/files", params={"words": "lamps"}).json()["total"] == 0
    assert not (library.uploads.folder / "more").exists()
    refused = api.delete("/api/files", params={"source": "notes/boats.md"})
    assert refused.status_code == 400
    assert library.path("notes/boats.md").exists()


def test_ui_app_links_that_lead_out_of_a_folder_are_omitted_and_named(
    library: Library, tmp_path: Path
) -> None:
    api = client(library)
    (tmp_path / "notes" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "notes" / "inside.md").symlink_to(tmp_path / "notes" / "boats.md")
    assert api.post("/api/index", json={}).status_code == 202
    assert idle(library)["report"]["outside_links"] == [str(tmp_path / "notes" / "link.txt")]
    assert api.get("/api/files", params={"words": "link"}).json()["total"] == 0
    assert "swordfish" not in str(events_of(api, "What is the password?"))
    (tmp_path / "notes" / "link.txt").unlink()
    api.post("/api/index", json={})
    assert idle(library)["report"]["outside_links"] == []


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x.md", "a/../../x.md", "/etc/x.md", "a//x.md", "a/./x.md", "..\\x.md",
        "C:x.md", "a\0.md", "a\n.md", ".hidden.md",
        "a/.git/x.md", "x" * 300 + ".md", "/".join("a" * 30) + "/x.md", "link/x.md",
    ],
)  # fmt: skip
def test_ui_app_upload_cannot_leave_its_folder(api: TestClient, folder: Path, name: str) -> None:
    uploads = folder / ".localllm" / "uploads"
    uploads.mkdir(exist_ok=True)
    link = uploads / "link"
    if not link.is_symlink():
        link.symlink_to(folder / "notes")
    before = sorted(map(readable, folder.rglob("*")))
    response = api.put("/api/uploads", params={"name": name}, content="text")
    assert response.status_code == 400
    assert sorted(map(readable, folder.rglob("*"))) == before


def test_ui_app_upload_that_is_too_large_leaves_nothing(library: Library) -> None:
    api = client(library)
    guard: Any = api.app
    guard._path_limits = {"/api/uploads": RequestLimits(max_bytes=1000)}
    pieces = (b"x" * 400 for _ in range(3))
    assert api.put("/api/uploads", params={"name": "a.txt"}, content=pieces).status_code == 413
    assert list(library.uploads.folder.iterdir()) == []


async def test_ui_app_upload_whose_client_goes_away_leaves_neither_a_file_nor_an_error(
    library: Library,
) -> None:
    app: Any = client(library).app
    messages = iter(
        [
            {"type": "http.request", "body": b"The lamp", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Any:
        return next(messages)

    async def send(_: Any) -> None:
        pass

    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/api/uploads",
        "query_string": b"name=a.md",
        "headers": headers,
    }
    await app(scope, receive, send)  # an error would be printed with its traceback
    assert list(library.uploads.folder.iterdir()) == []


BAD_ID = '{"question": "x", "conversation": "../../secret"}'


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", "null", "[" * 100_000, '{"question": 5}', '{"question": ""}', BAD_ID, "\udcff"],
)
def test_ui_app_bad_question_is_refused(api: TestClient, body: str) -> None:
    assert api.post("/api/ask", content=body.encode("utf-8", "surrogateescape")).status_code == 400


def test_ui_app_question_with_a_lone_surrogate_is_answered(api: TestClient) -> None:
    response = api.post("/api/ask", content=b'{"question": "Is the boat blue? \\ud800"}')
    assert '"status": "done"' in response.text


BAD_MODELS = [("chat", "/etc/passwd"), ("chat", ""), ("other", CHAT.reference), ("embeddings", "x")]


@pytest.mark.parametrize(("kind", "reference"), BAD_MODELS)
def test_ui_app_model_that_cannot_be_used_is_refused(
    api: TestClient, kind: str, reference: str
) -> None:
    assert api.post("/api/models", json={"kind": kind, "reference": reference}).status_code == 400
    assert api.get("/api/state").json()["models"] == {
        "chat": CHAT.short_name,
        "embeddings": EMBEDDINGS.short_name,
    }


def test_ui_app_another_embedding_model_rebuilds_the_index(library: Library) -> None:
    api = client(library)
    assert (
        api.post(
            "/api/models", json={"kind": "embeddings", "reference": EMBEDDINGS.reference}
        ).status_code
        == 202
    )
    assert idle(library)["report"]["added"] == 2
    assert (
        api.post("/api/models", json={"kind": "chat", "reference": CHAT.reference}).status_code
        == 202
    )
    assert idle(library)["fault"] == ""
    assert events_of(api, "Is the boat blue?")[-1]["status"] == "done"
