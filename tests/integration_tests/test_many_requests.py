"""More requests at once than the process may open files, in a process with a limit of its own."""

import subprocess
import sys
from typing import Final

import pytest

from langchain_localllm import LocalServer

FILES: Final = 128
REQUESTS: Final = 300
MANY: Final = """
import asyncio, resource, sys
from langchain_localllm import ChatLlamafile, Llamafile

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), hard))
make = {"text": Llamafile, "chat": ChatLlamafile}[sys.argv[2]]
model = make(base_url=sys.argv[1], max_tokens=1)
answers = asyncio.run(model.abatch(["Hi"] * int(sys.argv[4])))
print(len(answers))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("kind", ["chat", "text"])
def test_requests_beyond_the_limit_of_open_files_wait_for_each_other(
    kind: str, chat_server: LocalServer
) -> None:
    arguments = [chat_server.base_url, kind, str(FILES), str(REQUESTS)]
    done = subprocess.run(
        [sys.executable, "-c", MANY, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{REQUESTS}\n"), done.stderr
