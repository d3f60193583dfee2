"""Serve on 127.0.0.1 like the Hugging Face Hub: `HF_ENDPOINT` names the address."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

REPOSITORY: Final = "made-here/tiny-GGUF"
_COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Offers one repository.

    Attributes:
        files: Content by path.
        announced: Hashes that differ from the content's, by path.
        sizes: Sizes that differ from the content's, by path, in the list of files.
        cut_after: Bytes of an answer after which the connection is cut, as often as `cuts` says.
        cuts: How often still.
        ranges: The first byte of each part that was asked for.
        sent: Bytes of files that were sent.
        status: A status to answer everything with, where it is not 0.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.announced: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.cut_after = 0
        self.cuts = 0
        self.ranges: list[int] = []
        self.sent = 0
        self.status = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def sha256(self, path: str) -> str:
        """Return the hash that it reports for a file."""
        return self.announced.get(path) or hashlib.sha256(self.files[path]).hexdigest()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.server.status:
            self._send(self.server.status, b"{}")
        elif path.startswith(f"/api/models/{REPOSITORY}"):
            self._send(
                200, json.dumps(self._about()).encode(), {"Content-Type": "application/json"}
            )
        elif path.startswith(f"/{REPOSITORY}/resolve/main/"):
            self._send_file(path.removeprefix(f"/{REPOSITORY}/resolve/main/"))
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _about(self) -> dict[str, Any]:
        hub = self.server
        files = [
            {
                "rfilename": path,
                "size": hub.sizes.get(path, len(data)),
                "lfs": self._lfs(path, hub.sizes.get(path, len(data))),
            }
            for path, data in hub.files.items()
        ]
        return {
            "id": REPOSITORY,
            "modelId": REPOSITORY,
            "sha": _COMMIT,
            "siblings": files,
            "private": False,
            "tags": [],
        }

    def _lfs(self, path: str, size: int) -> dict[str, Any]:
        return {"sha256": self.server.sha256(path), "size": size, "pointerSize": 134}

    def _send_file(self, path: str) -> None:
        data = self.server.files.get(path)
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {
            "ETag": f'"{self.server.sha256(path)}"',
            "X-Repo-Commit": _COMMIT,
            "Accept-Ranges": "bytes",
        }
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        if not asked:
            self._send(200, data, headers)
            return
        first, _, last = asked.partition("-")
        start, end = int(first), min(int(last or len(data)) + 1, len(data))
        self.server.ranges.append(start)
        if start >= len(data):
            self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        else:
            self._send(
                206,
                data[start:end],
                {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"},
            )

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        hub = self.server
        if hub.cuts and 0 < hub.cut_after < len(body):
            hub.cuts -= 1
            self.wfile.write(body[: hub.cut_after])
            hub.sent += hub.cut_after
            self.close_connection = True
            return
        self.wfile.write(body)
        hub.sent += len(body) if status in {200, 206} else 0

    def log_message(self, *args: Any) -> None:
        """Say nothing on stderr."""


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[Hub]:
    """Run a hub with these files."""
    server = Hub(files)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
