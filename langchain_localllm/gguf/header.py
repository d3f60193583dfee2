"""Read and check the header of a GGUF file (values, tensors and their types) before it is loaded.

Only the header is read, which takes milliseconds for a file of any size. The format is described at
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; files before version 2 (2023) are
refused, as the engines do.
"""

import mmap
import struct
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final

from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf.split_files import SPLIT_FILE, part_names

__all__ = [
    "GGUFInfo",
    "Tensor",
    "check_gguf",
    "file_kind",
    "is_llamafile",
    "look_into_llamafile",
    "read_file_header",
    "read_header",
]

_NEWEST_VERSION: Final = 3

# the first bytes of Cosmopolitan Libc programs, such as llamafiles
_APE_MAGIC: Final = (b"MZqFpD", b"jartsr", b"APEDBG")

# The formats before GGUF, as the first four bytes of the file (a little-endian number, so the names
# read backwards).
_BEFORE_GGUF: Final = {b"lmgg": "ggml", b"fmgg": "ggmf", b"tjgg": "ggjt", b"algg": "ggla"}

UINT32, INT32, FLOAT32, BOOL, STRING, LIST, UINT64 = 4, 5, 6, 7, 8, 9, 10
"""Types of values in the header, by their numbers in the file."""
SCALAR_CODES: Final = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""Code of `struct` for each type but texts and lists."""
_MOST_ITEMS: Final = 1 << 26
"""The most items of a list, tensors or values in a header; a larger count means damage, and would
take minutes to read."""
_MOST_DIMENSIONS: Final = 4
_DEEPEST_LIST: Final = 8
"""The deepest nesting of lists."""
_LONGEST_LIST: Final = 4096
"""Keep lists of numbers up to this length: those with one number per layer."""
RANK: Final = 4
"""llama.cpp's number of the pooling that makes a score."""
_TOKENS: Final = "tokenizer.ggml.tokens"
_OTHER_KINDS: Final = {
    "adapter": (
        "a LoRA adapter",
        (
            "pass the base model as the model, and this file as `lora_path` of LlamaCpp or "
            "ChatLlamaCpp"
        ),
    ),
    "control vector": (
        "a control vector",
        "pass the model file; control vectors are not supported",
    ),
    "imatrix": (
        "an importance matrix",
        "pass the model file; only llama-quantize reads this file, as `--imatrix`",
    ),
    "mmproj": (
        "a vision projector",
        "pass the model file as the model, and this file as `mmproj_path` of ChatLlamaCpp",
    ),
}
"""Kinds of GGUF files that are not models: their name, and how to use them."""

# Values per block -> tensor type -> bytes per block. Types that are not listed count as empty.
_BLOCK_SIZES: Final = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},  # F32, F16, I8 to I64, F64, BF16
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 9: 40, 20: 18, 39: 17},  # Q4_0 to Q8_1, IQ4_NL, MXFP4
    64: {40: 36},  # NVFP4
    128: {41: 18},  # Q1_0
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292}  # Q2_K to Q8_K
    # IQ2_XXS to IQ1_M, TQ1_0, TQ2_0
    | {16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82, 23: 136, 29: 56, 34: 54, 35: 66},
}
BLOCKS: Final = {
    kind: (values, size) for values, kinds in _BLOCK_SIZES.items() for kind, size in kinds.items()
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Describe one tensor of the file.

    Attributes:
        shape: Its dimensions in GGUF's order: the contiguous one first.
        size: Bytes in the file.
        kind: The tensor type, as ggml numbers them.
        offset: Where its data begins, in bytes after the header.
    """

    shape: tuple[int, ...]
    size: int
    kind: int = 0
    offset: int = 0


@dataclass(frozen=True)
class GGUFInfo:
    """Hold the header of a GGUF file.

    Attributes:
        metadata: Single values by key. Lists (such as the vocabulary) are left out.
        list_lengths: The length of each list by key.
        special_tokens: The texts of the BOS and EOS tokens, under `bos` and `eos`, if the file has
            them.
        lists: Short lists of numbers, such as one number per layer, by key.
        tensors: The tensors by name; of a split model, those of this part.
        list_positions: The offset of each list in the file, by key.
        value_types: The GGUF type of each value, by key.
    """

    metadata: dict[str, Any]
    list_lengths: dict[str, int]
    special_tokens: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)
    tensors: dict[str, Tensor] = field(default_factory=dict, repr=False)
    list_positions: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    value_types: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def part_count(self) -> int:
        """The number of files of the model."""
        count = self.metadata.get("split.count", 1)
        return count if isinstance(count, int) else 1

    @property
    def architecture(self) -> str:
        """Name of the architecture, such as `llama` or `bert`; empty if the file does not say."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def context_length(self) -> int | None:
        """The context that the model was trained with, in tokens.

        `None` if the file does not say.
        """
        return self._of_architecture("context_length")

    @property
    def pooling_type(self) -> int | None:
        """The pooling type of an embedding model (1 mean, 2 CLS, 3 last, 4 rank).

        `None` if the file does not say.
        """
        return self._of_architecture("pooling_type") or None

    @property
    def ranks(self) -> bool:
        """Whether the model is a reranker, which scores pairs of texts and makes no vectors."""
        return self.pooling_type == RANK

    @property
    def has_classifier(self) -> bool:
        """Whether the model has a classification head, by which it can rank.

        It may have one even where the header does not say so.
        """
        return any(name.startswith("cls.") for name in self.tensors)

    @property
    def embeds(self) -> bool:
        """Whether this is an embedding model: pooling is set, or attention is not causal."""
        return (
            self.pooling_type is not None
            or self.metadata.get(f"{self.architecture}.attention.causal") is False
        )

    def _of_architecture(self, name: str) -> int | None:
        value = self.metadata.get(f"{self.architecture}.{name}")
        return int(value) if isinstance(value, int) else None


def check_gguf(path: str | Path) -> GGUFInfo:
    """Check that a file is a complete GGUF language model, and return its header.

    Args:
        path: The file; of a model in several parts, the first one.

    Raises:
        ModelFileError: It is missing, a folder, empty, of another or an older format, cut off,
            without a vocabulary, or a part of the model is missing. The message says which, and
            what to do.

    Example:
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> from langchain_localllm.gguf.header import check_gguf
        >>> check_gguf(tiny_embedding_model()).architecture
        'bert'
    """
    path = Path(path).expanduser()
    info = read_file_header(path)
    _check_parts(path, info)
    kind, advice = _other_kind(info)
    if kind:
        raise ModelFileError(f"{path} is {kind}, not a language model: {advice}.")
    if not info.list_lengths.get(_TOKENS):
        raise ModelFileError(
            f"{path} has no vocabulary, so no engine can tokenize text with it: use a complete "
            "model file."
        )
    return info


def file_kind(info: GGUFInfo) -> str:
    """Return what a file holds, with an article, such as `a LoRA adapter`."""
    return _other_kind(info)[0] or "a language model"


def _other_kind(info: GGUFInfo) -> tuple[str, str]:
    """Return what kind of file this is and how to use it.

    Two empty strings for a language model.
    """
    architecture, kind = (
        info.metadata.get("general.architecture"),
        info.metadata.get("general.type"),
    )
    if architecture == "clip" or kind == "mmproj":
        return _OTHER_KINDS["mmproj"]
    if architecture == "controlvector" or "adapter.type" in info.metadata:
        return _OTHER_KINDS["control vector" if architecture == "controlvector" else "adapter"]
    if kind == "imatrix" or "imatrix.chunk_count" in info.metadata:
        return _OTHER_KINDS["imatrix"]
    return _OTHER_KINDS.get(str(kind), ("", ""))


def read_file_header(path: Path) -> GGUFInfo:
    """Return the header of any GGUF file.

    Raises:
        ModelFileError: It is missing, a folder, empty, of another or an older format, or cut off.
    """
    with open_model_file(path) as file:
        return _read_header(path, file)


def check_all_parts(path: str | Path) -> GGUFInfo:
    """Work like `check_gguf`, with the tensors of all parts of a split model.

    Raises:
        ModelFileError: As `check_gguf`, or another part is damaged.
    """
    path = Path(path).expanduser()
    info = check_gguf(path)
    others = []
    for name in part_names(path.name, info.part_count)[1:]:
        other = path.with_name(name)
        with open_model_file(other) as file:
            others.append(_read_header(other, file))
    return with_parts(info, others)


def with_parts(first: GGUFInfo, others: Iterable[GGUFInfo]) -> GGUFInfo:
    """Return the first part's header, with the tensors of the other parts added."""
    tensors = {**first.tensors}
    for other in others:
        tensors.update(other.tensors)
    return replace(first, tensors=tensors)


def is_llamafile(path: Path) -> bool:
    """Return whether a file is a llamafile, by its name or by its first bytes.

    Raises:
        ModelFileError: It is missing, a folder, not readable or empty.
    """
    with open_model_file(path) as file:
        return path.suffix == ".llamafile" or file.read(6) in _APE_MAGIC


def look_into_llamafile(path: Path) -> GGUFInfo | None:
    """Return the header of the model inside a llamafile, or `None` if the llamafile has no model.

    Raises:
        ModelFileError: The llamafile is cut off or damaged.
    """
    with open_model_file(path) as file:
        begins_as_program = file.read(6) in _APE_MAGIC
        try:
            with zipfile.ZipFile(file) as archive:
                entries = [
                    entry for entry in archive.infolist() if entry.filename.endswith(".gguf")
                ]
        except zipfile.BadZipFile:
            if begins_as_program:  # the ZIP directory is at the end
                raise ModelFileError(f"{path} is cut off or damaged: download it again.") from None
            return None
        if not entries or entries[0].compress_type != zipfile.ZIP_STORED:
            return None
        file.seek(entries[0].header_offset + 26)  # the lengths of the name and the extra field
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        file.seek(name_length + extra_length, 1)
        return _read_header(path, file)


def open_model_file(path: Path) -> BinaryIO:
    """Open a model file for reading.

    Raises:
        ModelFileError: It is missing, a folder, not readable or empty.
    """
    if path.is_dir():
        found = sorted(path.glob("*.gguf"))
        hint = (
            f"pass one of its files, for example {found[0]}"
            if found
            else "pass the path of a model file"
        )
        raise ModelFileError(f"{path} is a folder: {hint}.")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ModelFileError(f"There is no model file {path}: check the path.") from None
    except OSError as error:
        raise ModelFileError(f"The model file {path} cannot be read: {error.strerror}.") from None
    if not file.read(1):
        file.close()
        raise ModelFileError(f"The model file {path} is empty: download it again.")
    file.seek(0)
    return file


def _read_header(path: Path, file: BinaryIO) -> GGUFInfo:
    magic = file.read(4)
    if magic in _BEFORE_GGUF:
        name = _BEFORE_GGUF[magic]
        raise ModelFileError(
            f"{path} is a model in the {name} format from before GGUF: fetch the model as a "
            "GGUF file."
        )
    if magic != b"GGUF":
        raise ModelFileError(f"{path} is not a GGUF model file: fetch the model as a GGUF file.")
    version = int.from_bytes(file.read(4), "little")
    if not 1 < version <= _NEWEST_VERSION:
        raise ModelFileError(
            f"{path} has GGUF version {version}, which the engines do not read: fetch a newer file."
        )
    start = file.tell() - 8
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _parse(_Reader(data, start), len(data))
        except _UNREADABLE as error:
            reason = (
                str(error)
                if isinstance(error, _DamagedError) and error.args
                else f"it has {len(data):,} bytes"
            )
    raise ModelFileError(f"{path} is cut off or damaged ({reason}): download it again.")


class _DamagedError(Exception):
    """The header has counts or sizes that the file cannot hold."""


_UNREADABLE: Final = (struct.error, UnicodeDecodeError, KeyError, OverflowError, _DamagedError)


def read_lists(path: Path, info: GGUFInfo, keys: Iterable[str]) -> dict[str, Sequence[Any]]:
    """Read lists of any length from a file's header, and return them by key; strings are bytes.

    Args:
        path: The file.
        info: Its header.
        keys: The keys of the lists; those that the file does not have are left out.
    """
    with (
        open_model_file(path) as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        reader = _Reader(data, 0)
        places = {key: info.list_positions[key] for key in keys if key in info.list_positions}
        return {
            key: reader.all_strings(place) or reader.numbers(place) for key, place in places.items()
        }


def tokens_with_nul(path: Path, info: GGUFInfo) -> list[int]:
    """Return the ids of the tokens whose text has a NUL character in it.

    Args:
        path: The model file.
        info: Its header.
    """
    # the byte in GPT-2's alphabet
    nul = "\u0100".encode() if info.metadata.get("tokenizer.ggml.model") == "gpt2" else b"\0"
    tokens = read_lists(path, info, [_TOKENS]).get(_TOKENS, ())
    return [number for number, token in enumerate(tokens) if nul in token or token == b"<0x00>"]


def read_header(data: bytes, size: int) -> GGUFInfo | None:
    """Parse the header from the first bytes of a file; return `None` if more bytes are needed.

    Args:
        data: The beginning of the file.
        size: Bytes of the whole file.

    Raises:
        ModelFileError: It is not a GGUF file.
    """
    if data[:4] != b"GGUF" or len(data) < 24:  # noqa: PLR2004 - magic, version and two counts
        raise ModelFileError("This is not a GGUF model file.")
    try:
        return _parse(_Reader(data, 0), size)
    except _UNREADABLE:
        return None


def _parse(reader: "_Reader", size: int) -> GGUFInfo:
    tensor_count, value_count = reader.count(), reader.count()
    metadata: dict[str, Any] = {}
    types: dict[str, int] = {}
    list_lengths: dict[str, int] = {}
    places: dict[str, int] = {}
    lists: dict[str, tuple[Any, ...]] = {}
    for _ in range(value_count):
        key = reader.string()
        (types[key],) = (kind,) = reader.take("I")
        if kind == LIST:
            places[key] = reader.position
            list_lengths[key] = reader.skip_list()
            if list_lengths[key] <= _LONGEST_LIST:
                lists[key] = reader.numbers(places[key])
        else:
            metadata[key] = (
                reader.string() if kind == STRING else reader.take(SCALAR_CODES[kind])[0]
            )
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= _MOST_ITEMS:
        raise _DamagedError(f"general.alignment is {alignment!r}, which is not a valid number")
    tensors = _read_tensors(reader, tensor_count, alignment, size)
    special = {}
    for name in ("bos", "eos"):
        number = metadata.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(number, int) and 0 <= number < list_lengths.get(_TOKENS, 0):
            special[name] = reader.item_of_strings(places[_TOKENS], number)
    lists = {key: values for key, values in lists.items() if values}
    return GGUFInfo(metadata, list_lengths, special, lists, tensors, places, types)


def _read_tensors(
    reader: "_Reader", count: int, alignment: int, file_size: int
) -> dict[str, Tensor]:
    """Return the tensors; raise if the data of one would end after the file."""
    end = 0
    tensors = {}
    for _ in range(count):
        name = reader.string()
        (dimensions,) = reader.take("I")
        if dimensions > _MOST_DIMENSIONS:
            raise _DamagedError
        shape = reader.take(f"{dimensions}Q")
        kind, offset = reader.take("IQ")
        values, block = BLOCKS.get(kind, (1, 0))
        size = prod(shape) // values * block
        if name in tensors:
            raise _DamagedError(f"it has two tensors named {name!r}")
        tensors[name] = Tensor(shape, size, kind, offset)
        end = max(end, offset + size)
    if not count:
        return {}  # a vocabulary without weights
    header = reader.position - reader.start
    header += -header % max(alignment, 1)
    if reader.start + header + end > file_size:
        raise _DamagedError
    return tensors


class _Reader:
    """Read the header's values one after another; reading past the end raises `struct.error`."""

    def __init__(self, data: mmap.mmap | bytes, start: int) -> None:
        self.data = data
        self.start = start
        self.position = start + 8  # after the magic and the version

    def take(self, codes: str) -> tuple[Any, ...]:
        """Read numbers, little-endian, by their struct codes."""
        values = struct.unpack_from(f"<{codes}", self.data, self.position)
        self.position += struct.calcsize(f"<{codes}")
        return values

    def count(self) -> int:
        """Read a count of items."""
        (count,) = self.take("Q")
        if count > _MOST_ITEMS:
            raise _DamagedError
        return int(count)

    def string(self) -> str:
        """Read a string."""
        (length,) = self.take("Q")
        start = self.position
        self._move(length)
        return self.data[start : self.position].decode()

    def skip_list(self, depth: int = 0) -> int:
        """Skip the next list and return its number of items."""
        (kind,) = self.take("I")
        count = self.count()
        if kind == STRING:
            self._skip_strings(count)
        elif kind == LIST:
            if depth == _DEEPEST_LIST:
                raise _DamagedError
            for _ in range(count):
                self.skip_list(depth + 1)
        else:
            self._move(count * struct.calcsize(f"<{SCALAR_CODES[kind]}"))
        return int(count)

    def numbers(self, place: int) -> tuple[Any, ...]:
        """Return the numbers of the list at a position.

        An empty tuple for a list of another type.
        """
        kind, count = struct.unpack_from("<IQ", self.data, place)
        return (
            struct.unpack_from(f"<{count}{SCALAR_CODES[kind]}", self.data, place + 12)
            if kind in SCALAR_CODES
            else ()
        )

    def all_strings(self, place: int) -> list[bytes]:
        """Return the strings of the list at a position.

        An empty list for a list of another type.
        """
        kind, count = struct.unpack_from("<IQ", self.data, place)
        unpack, data, position, found = struct.Struct("<Q").unpack_from, self.data, place + 12, []
        for _ in range(count if kind == STRING else 0):
            start = position + 8
            position = start + unpack(data, position)[0]
            found.append(data[start:position])
        return found

    def item_of_strings(self, place: int, number: int) -> str:
        """Return one string of the list at a position, without moving the reader."""
        back, self.position = self.position, place
        self.take("IQ")
        self._skip_strings(number)
        text = self.string()
        self.position = back
        return text

    def _skip_strings(self, count: int) -> None:
        """Skip strings in a tight loop: a vocabulary and its merges can have half a million."""
        unpack, data, position = struct.Struct("<Q").unpack_from, self.data, self.position
        for _ in range(count):
            position += 8 + unpack(data, position)[0]
        self.position = position
        self._move(0)

    def _move(self, size: int) -> None:
        self.position += size
        if self.position > len(self.data):
            raise _DamagedError


def _check_parts(path: Path, info: GGUFInfo) -> None:
    """Raise if a part of a split model is missing."""
    count = info.part_count
    if count <= 1 or not SPLIT_FILE.fullmatch(path.name):
        return
    names = part_names(path.name, count)
    if path.name != names[0]:
        raise ModelFileError(
            f"{path} is one of {count} parts of a model: pass the first one, {names[0]}."
        )
    for name in names:
        if not path.with_name(name).exists():
            raise ModelFileError(
                f"{path} is the first of {count} parts, but {name} is not in the same folder: "
                "download that too."
            )
