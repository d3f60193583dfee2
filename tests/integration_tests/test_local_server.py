"""LocalServer with the real llama.cpp server: it starts, reports why it does not, and ends in every
way."""

import gc
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import psutil
import pytest

from langchain_localllm.errors import (
    InvalidOptionError,
    MissingDependencyError,
    ModelFileError,
    ServerStartError,
)
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamafile import server as server_module
from langchain_localllm.runtimes.llamafile.server import LocalServer

SERVE = Path(server_module.__file__).with_name("_serve_xllamacpp.py")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(autouse=True)
def no_installed_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A llama-server on this machine's PATH must not change what is tested."""
    folders = os.environ["PATH"].split(os.pathsep)
    kept = [folder for folder in folders if not Path(folder, "llama-server").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))


def ask(server: LocalServer, route: str, body: object = None, key: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {key}"} if key else {}
    )
    data = None if body is None else json.dumps(body).encode()
    with OPENER.open(
        urllib.request.Request(server.base_url + route, data, headers),  # noqa: S310 - http only
        timeout=60,
    ) as answer:
        return json.load(answer)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def group_of(pid: int) -> list[int]:
    """The running processes of a process group."""
    return [other for other in psutil.pids() if _group(other) == pid and is_running(other)]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def write_script(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text).lstrip())
    return path


def stand_in(path: Path) -> Path:
    """A llamafile: takes the options of one and serves the tiny model, here with the server of the
    wheel, as a child."""
    return write_script(
        path,
        f"""
        #!/bin/sh
        [ "$1 $2" = "--server --nobrowser" ] || exit 9
        shift 2
        "{sys.executable}" "{SERVE}" --model "{tiny_chat_model()}" "$@" || exit
        echo never reached
        """,
    )


def stand_in_of_0_10(path: Path) -> Path:
    """A llamafile 0.10, whose server is llama.cpp's and does not know the flags of older ones."""
    return write_script(
        path,
        f"""
        #!/bin/sh
        [ "$1" = "--server" ] || exit 9
        shift
        case " $* " in
            *" --nobrowser "*) echo "error: invalid argument: --nobrowser" >&2; exit 1;;
        esac
        exec "{sys.executable}" "{SERVE}" --model "{tiny_chat_model()}" "$@"
        """,
    )


# It serves.


def test_local_server_is_ready_and_answers() -> None:
    with LocalServer(tiny_chat_model()) as server:
        assert server.is_alive
        assert server.base_url == f"http://127.0.0.1:{server.port}"
        assert ask(server, "/health") == {"status": "ok"}
        answer = ask(server, "/completion", {"prompt": "Hello", "n_predict": 3})
        assert answer["tokens_predicted"] <= 3
        assert repr(server) == f"LocalServer({str(tiny_chat_model())!r}, {server.base_url})"
    assert not server.is_alive
    assert "closed" in repr(server)


def test_local_server_every_slot_has_the_whole_context() -> None:
    with LocalServer(tiny_chat_model(), n_ctx=512, n_parallel=3) as server:
        props = ask(server, "/props")
        assert props["total_slots"] == 3
        assert props["default_generation_settings"]["n_ctx"] == 512


def test_local_server_default_context_is_that_of_the_model() -> None:
    with LocalServer(tiny_chat_model()) as server:
        assert ask(server, "/props")["default_generation_settings"]["n_ctx"] == 2048


def test_local_server_embeddings_of_a_text_as_long_as_the_context() -> None:
    with LocalServer(tiny_embedding_model(), embedding=True) as server:
        tokens = ask(server, "/tokenize", {"content": "river " * 600, "add_special": True})[
            "tokens"
        ]
        text = "river " * int(600 * 500 / len(tokens))
        answer = ask(server, "/v1/embeddings", {"input": ["a river", text]})
    vectors = [item["embedding"] for item in answer["data"]]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert answer["usage"]["prompt_tokens"] > 450


def test_local_server_embeddings_of_a_chat_model_are_pooled() -> None:
    with LocalServer(tiny_chat_model(), embedding=True, n_ctx=1024) as server:
        (item,) = ask(server, "/v1/embeddings", {"input": "word " * 900})["data"]
        assert isinstance(item["embedding"][0], float)


def test_local_server_key_is_wanted_and_hidden() -> None:
    with LocalServer(tiny_chat_model(), api_key="sesame-7") as server:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(server, "/tokenize", {"content": "x"})
        assert ask(server, "/tokenize", {"content": "x"}, key="sesame-7")["tokens"]
        assert "sesame" not in repr(server)
        for pid in group_of(server.pid):
            shown = psutil.Process(pid).cmdline()
            assert str(SERVE) in shown
            assert "sesame-7" not in shown


def test_local_server_key_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_API_KEY", "of another server")
    with LocalServer(tiny_chat_model()) as server:
        assert ask(server, "/tokenize", {"content": "x"})["tokens"]


def test_local_server_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with LocalServer(tiny_chat_model()) as server:
        assert server.is_alive


def test_local_server_two_at_once() -> None:
    with (
        LocalServer(tiny_chat_model()) as one,
        LocalServer(tiny_embedding_model(), embedding=True) as two,
    ):
        assert one.base_url != two.base_url
        one.close()
        assert ask(two, "/health") == {"status": "ok"}


def test_local_server_outlives_the_thread_that_started_it() -> None:
    servers: list[LocalServer] = []
    thread = threading.Thread(target=lambda: servers.append(LocalServer(tiny_chat_model())))
    thread.start()
    thread.join()
    with servers[0] as server:
        time.sleep(1.2)  # longer than the watcher's own period
        assert ask(server, "/health") == {"status": "ok"}


def test_local_server_given_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with LocalServer(tiny_chat_model(), port=port) as server:
        assert server.port == port
    with LocalServer(tiny_chat_model(), port=port) as server:  # free again at once
        assert ask(server, "/health") == {"status": "ok"}


def test_local_server_listens_on_the_loopback_only() -> None:
    with LocalServer(tiny_chat_model()) as server:
        listening = [
            place.laddr
            for place in psutil.Process(server.pid).net_connections()
            if place.status == "LISTEN"
        ]
    assert listening == [("127.0.0.1", server.port)]


# It ends.


def test_local_server_close_twice() -> None:
    server = LocalServer(tiny_chat_model())
    group = group_of(server.pid)
    assert len(group) == 2  # server and watcher
    server.close()
    server.close()
    assert not server.is_alive
    assert wait_until(lambda: not group_of(server.pid))
    assert "listening on" in server.log_tail()


def test_local_server_log_while_it_runs() -> None:
    with LocalServer(tiny_chat_model()) as server:
        assert f"listening on {server.base_url}" in server.log_tail()


def test_local_server_forgotten_object_ends_its_server() -> None:
    server = LocalServer(tiny_chat_model())
    pid = server.pid
    del server
    gc.collect()
    assert wait_until(lambda: not group_of(pid))


PARENT = """
    import os, sys, threading, time
    from langchain_localllm.runtimes.llamafile.server import LocalServer
    server = LocalServer(sys.argv[1])
    {}
    print(server.pid, flush=True)
    {}
"""


def run_parent(
    *, before: str = "", after: str, model: Path | None = None
) -> tuple[subprocess.Popen[str], int]:
    """Starts a program that starts a server; returns it and the server's process id."""
    code = textwrap.dedent(PARENT).format(before, after)
    command = [sys.executable, "-c", code, str(model or tiny_chat_model())]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_local_server_ends_when_its_parent_is_killed(number: signal.Signals) -> None:
    parent, pid = run_parent(after="time.sleep(60)")
    assert is_running(pid)
    parent.send_signal(number)
    parent.communicate()
    assert wait_until(lambda: not group_of(pid))


def test_local_server_llamafile_and_its_children_end_when_the_parent_is_killed(
    tmp_path: Path,
) -> None:
    parent, pid = run_parent(after="time.sleep(60)", model=stand_in(tmp_path / "tiny.llamafile"))
    assert len(group_of(pid)) == 3  # script, server, watcher
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not group_of(pid))


def test_local_server_ends_when_its_parent_just_ends() -> None:
    parent, pid = run_parent(after="")
    parent.communicate(timeout=60)
    assert parent.returncode == 0
    assert wait_until(lambda: not group_of(pid))


def test_local_server_forked_child_neither_ends_nor_keeps_it() -> None:
    fork = "child = os.fork()\n    if not child: time.sleep(1); sys.exit()".replace("\n    ", "\n")
    parent, pid = run_parent(
        before=fork,
        after="os.waitpid(child, 0); print(server.is_alive, flush=True); time.sleep(60)",
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "True\n"  # the fork ended, the server did not
    parent.kill()
    parent.communicate()

    parent, pid = run_parent(
        before=fork.replace("sleep(1)", "sleep(200)"),
        after="print(child, flush=True); time.sleep(200)",
    )
    assert parent.stdout is not None
    sleeping = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    assert wait_until(lambda: not group_of(pid))
    assert sleeping.is_running()
    sleeping.kill()
    parent.stdout.close()
    parent.wait()


def test_local_server_end_of_a_server_that_ignores_sigterm(tmp_path: Path) -> None:
    script = write_script(
        tmp_path / "stubborn.llamafile",
        f"""
        #!{sys.executable}
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        model = {str(tiny_chat_model())!r}
        subprocess.run([sys.executable, {str(SERVE)!r}, "--model", model, *sys.argv[3:]])
        while True: signal.pause()
        """,
    )
    server = LocalServer(script)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began > 2.5, "it was not given the time to end by itself"
    assert wait_until(lambda: not group_of(server.pid))


def test_local_server_that_is_killed_is_not_alive() -> None:
    server = LocalServer(tiny_chat_model())
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_alive)
    server.close()
    assert wait_until(lambda: not group_of(server.pid))


# Other programs than the wheel's server.


def test_local_server_llamafile_that_does_not_know_a_flag_of_older_ones_is_started_without(
    tmp_path: Path,
) -> None:
    with LocalServer(stand_in_of_0_10(tmp_path / "new.llamafile")) as server:
        assert ask(server, "/health") == {"status": "ok"}


def test_local_server_llamafile_is_made_executable_and_served(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "my tiny.llamafile")
    with LocalServer(path, n_ctx=256) as server:
        assert path.stat().st_mode & stat.S_IXUSR
        assert ask(server, "/props")["default_generation_settings"]["n_ctx"] == 256
        group = group_of(server.pid)
        assert len(group) == 3
    assert wait_until(lambda: not any(map(is_running, group)))


def test_local_server_program_that_only_a_shell_can_start(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "no-shebang.llamafile")
    # execve fails, as with a llamafile on some systems
    path.write_text(path.read_text().replace("#!/bin/sh\n", ""))
    with LocalServer(path) as server:
        assert ask(server, "/health") == {"status": "ok"}


def test_local_server_installed_llama_server_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = write_script(
        tmp_path / "llama-server",
        f"""
        #!/bin/sh
        echo "it is me: $@"
        exec "{sys.executable}" "{SERVE}" "$@"
        """,
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with LocalServer(
        tiny_chat_model(), api_key="k", extra_args=["--pooling", "mean", "--host", "127.0.0.3"]
    ) as server:
        assert "it is me" in server.log_tail()
        # whatever extra_args say
        assert f"listening on http://127.0.0.1:{server.port}" in server.log_tail()
        assert "--pooling mean" in server.log_tail()
        assert ask(server, "/tokenize", {"content": "x"}, key="k")["tokens"]


def test_local_server_engine_that_ignores_the_key_is_refused(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "open.llamafile")
    path.write_text(path.read_text().replace("shift 2", "shift 2; unset LLAMA_API_KEY"))
    with pytest.raises(ServerStartError, match="answers without the api_key"):
        LocalServer(path, api_key="secret")


def test_local_server_engine_that_does_not_say_where_it_listens(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "silent.llamafile")
    path.write_text(path.read_text().replace('"$@"', '"$@" >/dev/null 2>&1'))
    with LocalServer(path) as server:
        assert ask(server, "/health") == {"status": "ok"}
        assert server.log_tail() == ""


def test_local_server_port_taken_between_choice_and_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = iter([other.getsockname()[1], server_module._free_port()])
        monkeypatch.setattr(server_module, "_free_port", lambda: next(ports))
        with LocalServer(stand_in(tmp_path / "tiny.llamafile")) as server:
            assert server.port != other.getsockname()[1]
            assert ask(server, "/health") == {"status": "ok"}


# It reports why it does not start.


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            ServerStartError,
            match=f"Port {port} on 127.0.0.1 is in use: stop what uses it, or leave",
        ):
            LocalServer(tiny_chat_model(), port=port)


def write_model(path: Path, architecture: str = "llama", tokenizer: str | None = None) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(64)
    writer.add_token_list(["a", "b"])
    if tokenizer:
        writer.add_tokenizer_model(tokenizer)
    writer.add_tensor("token_embd.weight", np.ones((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"architecture": "mamba9"},
            "does not know the architecture mamba9 of .*: update the engine",
        ),
        ({"architecture": "llama"}, "key not found"),
    ],
)
def test_local_server_models_that_the_engine_refuses(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    path = write_model(tmp_path / "model.gguf", **options)
    with pytest.raises((ModelFileError, ServerStartError), match=message) as caught:
        LocalServer(path)
    assert "\n" not in str(caught.value)


def test_local_server_cut_off_model(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_chat_model().read_bytes()[:-5000])
    with pytest.raises(ModelFileError, match="cut off or damaged"):
        LocalServer(path)


def test_local_server_not_enough_memory(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "tiny.llamafile")
    path.write_text(path.read_text().replace("shift 2", "shift 2; ulimit -v 1000000"))  # 1 GB
    with pytest.raises(ServerStartError, match=r"not enough memory for .*: use a smaller n_ctx"):
        LocalServer(path, n_ctx=10_000_000)


def test_local_server_timeout(tmp_path: Path) -> None:
    script = write_script(
        tmp_path / "slow.llamafile", "#!/bin/sh\necho still warming up\nsleep 300\n"
    )
    with pytest.raises(
        ServerStartError, match=r"not ready after 5 seconds \(last log line: still warming up\)"
    ):
        LocalServer(script, startup_timeout=5)


def test_local_server_program_that_fails_is_noticed_at_once(tmp_path: Path) -> None:
    script = write_script(
        tmp_path / "broken.llamafile",
        "#!/bin/sh\necho 'error: no such option: --server' >&2\nexit 3\n",
    )
    with pytest.raises(
        ServerStartError, match="ended with exit status 3: no such option: --server"
    ):
        LocalServer(script, startup_timeout=1e6)


def test_local_server_program_that_cannot_run(tmp_path: Path) -> None:
    script = write_script(tmp_path / "lost.llamafile", "#!/no/such/interpreter\n")
    with pytest.raises(ServerStartError, match=r"cannot run .*lost\.llamafile: No such file"):
        LocalServer(script)


def test_local_server_no_server_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-localllm\[server\]"'):
        LocalServer(tiny_chat_model())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_ctx": 0}, "n_ctx must be at least 1, not 0"),
        ({"n_parallel": 0}, "n_parallel must be at least 1"),
        ({"threads": -1}, "threads must be at least 1"),
        ({"port": 70000}, "port must be 0 to 65535, not 70000"),
        ({"extra_args": ["--mlock"]}, "extra_args needs an installed llama-server"),
    ],
)
def test_local_server_options_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        LocalServer(tiny_chat_model(), **options)


def test_local_server_failed_start_leaves_no_process(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = write_script(
        tmp_path / "hangs.llamafile", f'#!/bin/sh\necho $$ > "{mark}"\nsleep 300\n'
    )
    with pytest.raises(ServerStartError):
        LocalServer(script, startup_timeout=3)
    assert wait_until(lambda: not group_of(int(mark.read_text())))
