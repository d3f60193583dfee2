"""Files that the page sends."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from langchain_localllm.web.uploads import UploadError, Uploads


def test_uploads_removed_upload_leaves_the_folder_of_uploads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uploads = Uploads(Path("uploads"))
    (tmp_path / "uploads" / "notes").mkdir(parents=True)
    path = tmp_path / "uploads" / "notes" / "a.md"  # absolute, as the index has it
    path.touch()
    uploads.delete(path)
    assert [*tmp_path.rglob("*")] == [tmp_path / "uploads"]
    uploads.delete(path)  # a file that is deleted already can still be removed from the index


async def test_uploads_is_refused_where_the_disk_is_almost_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"The lamp "
        yield b"is green."

    uploads = Uploads(tmp_path / "uploads")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(UploadError, match=r"lamp.md was not saved: the disk is almost full"):
        await uploads.save("lamp.md", body())
    assert list((tmp_path / "uploads").iterdir()) == []
