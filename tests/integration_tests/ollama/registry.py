"""A registry of models on 127.0.0.1, as much of it as Ollama asks for when it pulls one."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "made-here/tiny"


class Registry(ThreadingHTTPServer):
    """Offers one model.

    Attributes:
        stops_after: Bytes of a file after which it sends no more, until `go_on` is set.
        ranges: The first byte of each part of the model's file that was asked for.
    """

    daemon_threads = True

    def __init__(self, model: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        config = json.dumps(
            {
                "model_format": "gguf",
                "model_family": "llama",
                "architecture": "amd64",
                "os": "linux",
            }
        ).encode()
        self.blobs = {_digest(data): data for data in (model, config)}
        self.model_digest = _digest(model)
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": _layer("application/vnd.docker.container.image.v1+json", config),
                "layers": [_layer("application/vnd.ollama.image.model", model)],
            }
        ).encode()
        self.stops_after: int | None = None
        self.go_on = threading.Event()
        self.ranges: list[int] = []

    @property
    def model_name(self) -> str:
        """The model's name, as Ollama needs it for a private registry."""
        return f"127.0.0.1:{self.server_port}/{NAME}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes is not an error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        owner = self.server
        if self.path == f"/v2/{NAME}/manifests/latest":
            self._send(200, owner.manifest)
        elif (data := owner.blobs.get(self.path.rpartition("/")[2])) is None:
            self._send(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
        elif self.command == "HEAD":
            self._send(200, data)
        elif self.path.startswith(
            "/v2/"
        ):  # files are elsewhere, which Ollama knows by another host's name
            self._send(
                307,
                b"",
                Location=f"http://localhost:{owner.server_port}/elsewhere/{self.path.rpartition('/')[2]}",
            )
        else:
            self._send_part(data)

    def _send_part(self, data: bytes) -> None:
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        if _digest(data) == self.server.model_digest:
            self.server.ranges.append(int(first))
        self._send(206, data[int(first) : int(last) + 1])

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = self.server.stops_after if status == 206 else None
        self.wfile.write(body[:stop])
        if stop is not None and len(body) > stop:
            self.wfile.flush()
            self.server.go_on.wait(20)
            self.wfile.write(body[stop:])

    def log_message(self, *args: Any) -> None:
        """Say nothing on stderr."""


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _layer(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


@contextmanager
def registry(model: bytes) -> Iterator[Registry]:
    """Run a registry that offers this file."""
    server = Registry(model)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
