"""The child process that reads files for `ChildReader`.

It gets a line of JSON for each file, and writes one for each of its Documents.

The system ends it when a file takes more processor time than is allowed. This works whatever code
runs then, and no thread has to watch it.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.rag.ingest.formats.located import LocatedDocument
from langchain_localllm.rag.ingest.load import iterate_file

READY: Final = b"localllm reader\n"
"""What it writes first."""
_MEMORY: Final = 4 << 30
"""Bytes of memory above which a file is refused."""


def main() -> None:
    """Read the files named on stdin until it ends."""
    _limit_memory()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what libraries print is not an answer
        out.write(READY)
        out.flush()
        for line in sys.stdin.buffer:
            request = json.loads(line)
            signal.setitimer(signal.ITIMER_PROF, request["seconds"])
            for answer in _answers(request["path"], request["ocr"]):
                out.write(json.dumps(answer).encode() + b"\n")
            signal.setitimer(signal.ITIMER_PROF, 0)
            out.flush()


def _answers(path: str, ocr: str) -> Iterator[dict[str, Any]]:
    try:
        yield from map(_answer, iterate_file(path, ocr))
    except LocalLLMError as error:
        cause = error.__cause__
        number = {"errno": [cause.errno, cause.strerror]} if isinstance(cause, OSError) else {}
        yield {"error": type(error).__name__, "message": str(error), **number}
    else:
        yield {"end": True}


def _answer(document: Document) -> dict[str, Any]:
    answer = {"text": document.page_content, "metadata": document.metadata}
    return answer | ({"lines": document.lines} if isinstance(document, LocatedDocument) else {})


def _limit_memory() -> None:
    import resource

    with suppress(OSError, ValueError):  # a lower limit holds already
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
