"""The chat templates and vocabularies of real models, which llama.cpp's source brings.

The source is that of the installed llama-cpp-python, from the package index; about 75 MB are
fetched when a test first needs them.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / ".engines" / "llama-cpp"
_PACKAGE: Final = "llama-cpp-python"
_MODELS: Final = "vendor/llama.cpp/models/"


def install(folder: Path = FOLDER) -> Path:
    """Get `templates/*.jinja` and `ggml-vocab-*.gguf` into a folder, and return it.

    The `done` file in it says that it is whole.
    """
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        wanted = f"{_PACKAGE}=={version(_PACKAGE)}"
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            _PACKAGE,
            "--dest",
            work,
            wanted,
        ]
        subprocess.run(command, check=True)
        with tarfile.open(next(Path(work).glob("*.tar.gz"))) as archive:
            for member in archive:
                _, found, name = member.name.partition(_MODELS)
                if found and member.isfile() and (file := archive.extractfile(member)):
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(file.read())
    (folder / "done").touch()
    return folder
