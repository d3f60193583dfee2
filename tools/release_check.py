"""Build the package, and try the wheel with each extra alone in a clean environment.

`python -m tools.release_check` does all; names of extras after it do only these. It prints a line
for each and ends with exit code 1 if any fails. Nothing is published.
"""

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PLAIN: Final = "(none)"
_LEFT_OUT: Final = {"all"}
"""All of them together."""
_SHIPPED: Final = (
    "py.typed",
    "models/tiny-chat.gguf",
    "models/tiny-embed.gguf",
    "models/tiny-chat.md",
    "models/tiny-embed.md",
)
_CHAT: Final = "assert chat.invoke('Repeat: red lamp').text.strip(), 'no answer'"
_MODEL: Final = "from langchain_localllm.models import tiny_chat_model, tiny_embedding_model; "
# What is tried, by extra. Each runs in an environment that holds the wheel, that extra and nothing
# else.
TRIED: Final = {
    PLAIN: (
        "import langchain_localllm as l; l.Ollama(model='llama3.2'); "
        "l.ChatLlamafile(base_url='http://localhost:8080')"
    ),
    "agents": (
        "from langchain.agents import create_agent; from langchain_localllm import ChatOllama; "
        "create_agent(ChatOllama(model='llama3.2'), [])"
    ),
    "chroma": "from langchain_chroma import Chroma; import langchain_localllm.rag",
    "classic": (
        "from langchain_classic.chains import LLMChain; from langchain_core.prompts import "
        "PromptTemplate; from langchain_localllm import Ollama; "
        "LLMChain(llm=Ollama(model='llama3.2'), prompt=PromptTemplate.from_template('{x}'))"
    ),
    "cli": (
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'langchain_localllm.cli', "
        "'--help'], check=True)"
    ),
    "gguf": "from langchain_localllm.gguf.header import check_gguf; "
    + _MODEL
    + "assert check_gguf(tiny_chat_model())",
    "gpt4all": _MODEL
    + "from langchain_localllm import ChatGPT4All; chat = ChatGPT4All(model=tiny_chat_model()); "
    + _CHAT,
    "llama-cpp-python": _MODEL
    + (
        "from langchain_localllm import ChatLlamaCpp; chat = "
        "ChatLlamaCpp(model_path=tiny_chat_model(), backend='llama-cpp-python'); "
    )
    + _CHAT,
    "llamacpp": _MODEL
    + (
        "from langchain_localllm import ChatLlamaCpp; chat = "
        "ChatLlamaCpp(model_path=tiny_chat_model()); "
    )
    + _CHAT,
    "mcp": (
        "import langchain_localllm.web.mcp_server, langchain_localllm.web.openai_api.app, "
        "langchain_localllm.web.serving"
    ),
    "migrate": "from langchain_localllm.migrate import migrate_code; "
    "assert 'localllm' in migrate_code('from langchain.llms import Ollama').code",
    "notebooks": (
        "import ipykernel, matplotlib.pyplot; from langchain_localllm.extras import require; "
        "require('notebooks')"
    ),
    "qdrant": "import langchain_qdrant, langchain_localllm.rag",
    "rag": (
        "from langchain_localllm.rag import load_documents, split_documents; assert "
        "split_documents(load_documents(['{docs}']))"
    ),
    "ray": "import ray.data, langchain_localllm",
    "server": _MODEL
    + (
        "from langchain_localllm import ChatLlamafile, LocalServer; server = "
        "LocalServer(tiny_chat_model()); chat = ChatLlamafile(base_url=server.base_url); "
    )
    + _CHAT
    + "; server.close()",
    "ui": (
        "import langchain_localllm.rag, langchain_localllm.web.security, "
        "langchain_localllm.web.serving"
    ),
}


def extras() -> list[str]:
    """Return the extras that users install, and none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [PLAIN, *(name for name in project["optional-dependencies"] if name not in _LEFT_OUT)]


def build(folder: Path) -> Path:
    """Build the source archive, the wheel from it, check both, and return the wheel."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    archive, wheel = next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))
    run(sys.executable, "-m", "twine", "check", "--strict", archive, wheel)
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in _SHIPPED if f"langchain_localllm/{name}" not in names]
    if missing:
        raise RuntimeError(f"The wheel lacks {', '.join(missing)}.")
    with tarfile.open(archive) as files:
        inside = {name.partition("/")[2] for name in files.getnames()}
    if not {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= inside:
        raise RuntimeError("The source archive lacks a file of the root.")
    return wheel


def attempt(wheel: Path, extra: str) -> str:
    """Install the wheel with an extra in a clean environment and try it.

    Returns what went wrong, or an empty text.
    """
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        python = Path(name, "bin", "python")
        wanted = wheel if extra == PLAIN else f"{wheel}[{extra}]"
        try:
            run(
                python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-compile",
                "--disable-pip-version-check",
                wanted,
            )
            run(python, "-c", TRIED[extra].replace("{docs}", str(ROOT / "docs/handbook")), cwd=name)
            run(python, "-m", "pip", "check", cwd=name)
        except RuntimeError as error:
            return str(error)
    return ""


def run(*command: str | Path, cwd: str | Path = ROOT) -> None:
    """Run a command; its output is in the error when it fails."""
    ran = subprocess.run(  # noqa: S603 - ours
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError((ran.stdout + ran.stderr)[-3000:])


def main(wanted: list[str]) -> int:
    """Build once, try each extra; the exit code."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        print(f"built and checked {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
        for extra in wanted or extras():
            wrong = attempt(wheel, extra)
            failed += bool(wrong)
            print(f"{extra:10} {'FAILS: ' + wrong if wrong else 'works'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
