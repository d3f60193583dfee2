"""Prompts on the disk: what was read once is not read again after a restart."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pytest
from langchain_core.messages import HumanMessage

from langchain_localllm import ChatLlamaCpp, LlamaCpp
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from langchain_localllm.runtimes.llamacpp.disk_cache import DiskCache, cache_key
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from tools.engines.images import block, png, projector
from tools.engines.models import with_window

SYSTEM: Final = (
    "You sell lamps. Answer with one short sentence that names the colour of the lamp. Never "
    "speak of boats. "
) * 3
AGAIN: Final = """
import json, sys
from langchain_localllm import ChatLlamaCpp
path, backend, folder, system, question = sys.argv[1:]
chat = ChatLlamaCpp(
    model_path=path, backend=backend, n_ctx=512, temperature=0, max_tokens=12, cache_dir=folder
)
with chat:
    answer = chat.invoke([("system", system), ("human", question)])
    print(json.dumps([answer.text, answer.usage_metadata["input_token_details"]["cache_read"]]))
"""
both: Final = pytest.mark.parametrize("backend", get_args(Backend))


def ask(
    folder: Path,
    backend: Backend,
    question: str = "Repeat: red lamp",
    path: Path | None = None,
    **options: Any,
) -> tuple[str, int]:
    """Load the model, ask, and free it; returns the answer and the tokens of the prompt that were
    not read."""
    given: dict[str, Any] = {
        "n_ctx": 512,
        "temperature": 0,
        "max_tokens": 12,
        "cache_dir": folder,
        **options,
    }
    with ChatLlamaCpp(model_path=path or tiny_chat_model(), backend=backend, **given) as chat:
        answer = chat.invoke([("system", SYSTEM), ("human", question)])
        assert answer.usage_metadata is not None
        return answer.text, answer.usage_metadata["input_token_details"]["cache_read"]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@both
def test_cache_dir_another_process_reads_only_what_is_new_and_gives_the_same_answer(
    backend: Backend, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    answer, cached = ask(folder, backend)
    assert cached == 0
    for question, expected in (
        ("Repeat: red lamp", answer),
        ("Repeat: green boat", ask(tmp_path / "other", backend, "Repeat: green boat")[0]),
    ):
        command = [
            sys.executable,
            "-c",
            AGAIN,
            str(tiny_chat_model()),
            backend,
            str(folder),
            SYSTEM,
            question,
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        again, cached = json.loads(run.stdout)
        assert cached > 60
        assert again == expected


@both
def test_cache_dir_only_the_user_can_read_the_files(backend: Backend, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cache"
    ask(folder, backend)
    (saved,) = files(folder)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (folder, saved.parent)} == {0o700}


@both
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-100],
        lambda data: data[:-2000] + b"\0" * 1000 + data[-1000:],
        lambda _: b"",
        lambda _: b"qsgg",
        lambda _: b"x" * 500,
    ],
    ids=["cut", "changed", "empty", "begun", "other"],
)
def test_cache_dir_damaged_file_is_not_used(
    backend: Backend, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    answer, _ = ask(tmp_path, backend)
    (saved,) = files(tmp_path)
    saved.write_bytes(damage(saved.read_bytes()))
    assert ask(tmp_path, backend) == (answer, 0)
    assert ask(tmp_path, backend)[1] > 60  # it was replaced


@both
def test_cache_dir_folder_can_be_deleted_while_it_is_in_use(
    backend: Backend, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    ask(folder, backend)
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), backend=backend, n_ctx=512, max_tokens=4, cache_dir=folder
    ) as chat:
        shutil.rmtree(folder)
        assert chat.invoke([("system", SYSTEM), ("human", "Hello!")]).text
    assert not files(tmp_path)


@both
def test_cache_dir_files_are_written_while_nothing_is_asked(
    backend: Backend, tmp_path: Path
) -> None:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), backend=backend, n_ctx=512, max_tokens=4, cache_dir=tmp_path
    ) as chat:
        chat.invoke([("system", SYSTEM), ("human", "Hello!")])
        deadline = time.monotonic() + 30
        while (
            not (saved := [path for path in files(tmp_path) if path.suffix == ".state"])
            and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        assert saved


@both
def test_cache_dir_other_settings_and_other_models_do_not_share_files(
    backend: Backend, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    data = bytearray(tiny_chat_model().read_bytes())
    data[-5000:] = bytes(5000)
    other.write_bytes(data)
    folder = tmp_path / "cache"
    ask(folder, backend)
    assert ask(folder, backend, type_k="q8_0")[1] == 0
    assert ask(folder, backend, path=other)[1] == 0
    assert ask(folder, backend, n_threads=2, n_batch=128)[1] > 60


@both
def test_cache_dir_model_with_a_sliding_window_gives_the_same_answers(
    backend: Backend, tmp_path: Path
) -> None:
    path = with_window(tiny_chat_model(), tmp_path / "window.gguf", 16)
    for question in ("Repeat: red lamp", "Repeat: green boat", "Repeat: red lamp"):
        fresh = ask(tmp_path / question, backend, question, path)[0]
        assert ask(tmp_path / "cache", backend, question, path)[0] == fresh


@both
def test_cache_dir_prompts_with_images_are_not_written(backend: Backend, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    mmproj = projector(tmp_path / "mmproj.gguf")
    question = HumanMessage([{"type": "text", "text": SYSTEM}, block(png(200, 0, 0))])
    with ChatLlamaCpp(
        model_path=tiny_chat_model(),
        mmproj_path=mmproj,
        backend=backend,
        n_ctx=1024,
        max_tokens=4,
        cache_dir=folder,
    ) as seeing:
        assert seeing.invoke([question]).text
    assert not files(folder)


def test_cache_dir_text_and_chats_share_the_files(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "model_path": tiny_chat_model(),
        "backend": "xllamacpp",
        "n_ctx": 512,
        "cache_dir": tmp_path,
    }
    for expected in (False, True):
        with LlamaCpp(**given, max_tokens=2) as llm:
            info = llm.generate([SYSTEM]).generations[0][0].generation_info
            assert info is not None
            assert (info["usage"].get("cached_tokens", 0) > 60) is expected


def test_cache_dir_folder_that_cannot_be_made_and_a_draft_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidOptionError, match="cache_dir"):
        LlamaCpp(model_path=tiny_chat_model(), cache_dir=tmp_path / "file")
    with pytest.raises(InvalidOptionError, match="draft_model_path"):
        LlamaCpp(
            model_path=tiny_chat_model(), cache_dir=tmp_path, draft_model_path=tiny_chat_model()
        )


def test_cache_dir_memory_for_earlier_prompts_can_be_set() -> None:
    for backend in get_args(Backend):
        with LlamaCpp(
            model_path=tiny_chat_model(), backend=backend, n_ctx=512, max_tokens=2, cache_ram_mib=1
        ) as llm:
            assert llm.engine_settings().cache_ram_mib == 1
            assert llm.invoke("The lamp is")


# --- the files ---


def tokens(number: int, count: int = 32) -> list[int]:
    return [number] * count


def state(size: int = 1000) -> Any:
    return np.arange(size, dtype=np.uint8)


def test_cache_dir_files_take_no_more_than_their_limit_and_the_oldest_go(tmp_path: Path) -> None:
    store = DiskCache(tmp_path, "key", 5000)
    for number in range(8):
        store.write(tokens(number), state())
        time.sleep(0.01)  # so that the times differ
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 5000
    kept = DiskCache(tmp_path, "key", 5000)
    assert kept.best(tokens(7), 16)
    assert kept.best(tokens(0), 16) is None
    DiskCache(tmp_path, "other key", 1500).write(tokens(9), state())
    assert len(files(tmp_path)) == 1


def test_cache_dir_file_holds_what_was_written(tmp_path: Path) -> None:
    DiskCache(tmp_path, "key", 10**6).write([*tokens(1), 5], state(), 7)
    store = DiskCache(tmp_path, "key", 10**6)
    file = store.best([*tokens(1), 9], 16)
    assert file is not None
    assert (file.tokens, file.first) == ([*tokens(1), 5], 7)
    read = store.read(file)
    assert read is not None
    assert read.tolist() == state().tolist()
    assert store.is_empty


def test_cache_dir_longer_sequence_replaces_its_beginning(tmp_path: Path) -> None:
    store = DiskCache(tmp_path, "key", 10**6)
    store.write(tokens(1), state())
    store.write([*tokens(1), 5], state())
    store.write(tokens(2, 4), state())  # too short
    assert len(files(tmp_path)) == 1


def test_cache_dir_files_of_a_killed_process_are_ignored_and_later_deleted(tmp_path: Path) -> None:
    store = DiskCache(tmp_path, "key", 10**6)
    left = store.new_path()
    left.write_bytes(b"qsgg")
    assert DiskCache(tmp_path, "key", 10**6).is_empty
    assert left.exists()
    hours_ago = time.time() - 10_000
    os.utime(left, (hours_ago, hours_ago))
    DiskCache(tmp_path, "key", 10**6)
    assert not left.exists()


def test_cache_dir_full_disk_or_deleted_folder_raises_nothing(tmp_path: Path) -> None:
    store = DiskCache(tmp_path / "cache", "key", 10**6)
    shutil.rmtree(tmp_path / "cache")
    store.write(tokens(1), state())
    assert not files(tmp_path)


def test_cache_dir_key_depends_on_the_model_and_what_the_cache_holds(tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    shutil.copy(tiny_chat_model(), copy)
    info = check_gguf(copy)
    settings = EngineSettings(path=copy, context={"n_threads": 1})
    key = cache_key(settings, info, "engine 1", 512)
    assert key == cache_key(
        EngineSettings(path=copy, context={"n_threads": 2, "n_batch": 5}), info, "engine 1", 1024
    )
    others = [
        cache_key(settings, info, "engine 2", 512),
        cache_key(EngineSettings(path=copy, context={"type_k": 8}), info, "engine 1", 512),
        cache_key(
            EngineSettings(path=copy, model={"kv_overrides": {"a": 1}}), info, "engine 1", 512
        ),
        cache_key(EngineSettings(path=copy, lora=((str(copy), 1.0),)), info, "engine 1", 512),
        cache_key(EngineSettings(path=copy, lora=((str(copy), 0.5),)), info, "engine 1", 512),
    ]
    assert len({key, *others}) == 6


FORK: Final = """
import os, sys
from langchain_localllm import LlamaCpp
path, folder = sys.argv[1:]
llm = LlamaCpp(model_path=path, backend="xllamacpp", n_ctx=512, max_tokens=2, cache_dir=folder)
llm.invoke("The lamp is")
child = os.fork()
if child == 0:
    sys.exit(3)  # ends as a program does, with all that is to be done at the end
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), llm.get_num_tokens("The lamp") > 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_cache_dir_fork_that_ends_leaves_the_engine_to_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORK, str(tiny_chat_model()), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "3 True\n"
